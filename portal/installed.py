"""The only list of what is plugged in. Order is the order on the page."""

from datetime import timedelta

from litestar import Router

from portal.accounts.devices import ROUTER as DEVICES
from portal.accounts.routes import ROUTER as ACCOUNT
from portal.jobs.job import Job
from portal.jobs.maintenance import maintenance_jobs
from portal.login.link_routes import ROUTER as LINK
from portal.login.links import LinkKind
from portal.login.method import Method
from portal.login.routes import ROUTER as LOGIN
from portal.mail.outbox import CHANNEL as OUTBOX_CHANNEL
from portal.mail.outbox import deliver_due_mail
from portal.mail.senders import sender_for
from portal.methods.email_code.method import METHOD as EMAIL_CODE
from portal.methods.password.method import METHOD as PASSWORD
from portal.oidc.jobs import provider_jobs
from portal.oidc.routes import ROUTER as OPENID
from portal.recovery.links import LINKS as RECOVERY_LINKS
from portal.recovery.routes import ROUTER as RECOVERY
from portal.security.routes import ROUTER as SECURITY
from portal.signup.links import LINKS as SIGNUP_LINKS
from portal.signup.routes import ROUTER as SIGNUP
from portal.web.request import Portal

MAIL_EVERY = timedelta(seconds=1)  # where NOTIFY does not arrive, behind a pooler

METHODS: tuple[Method, ...] = (PASSWORD, EMAIL_CODE)

ROUTERS: tuple[Router, ...] = (LOGIN, LINK, SIGNUP, RECOVERY, ACCOUNT, SECURITY, DEVICES, OPENID)

LINK_KINDS: tuple[LinkKind, ...] = (
    *SIGNUP_LINKS,
    *RECOVERY_LINKS,
    *(kind for method in METHODS for kind in method.links),
)


def jobs(portal: Portal) -> tuple[Job, ...]:
    """Return what the worker of each process does."""
    database, sender = portal.database, sender_for(portal.settings)

    async def send_mail() -> bool:
        return await deliver_due_mail(database, portal.sealer, sender) > 0

    return (
        Job("mail", MAIL_EVERY, send_mail, wakes_on=OUTBOX_CHANNEL),
        *maintenance_jobs(database, portal.settings.database_owner_url),
        *provider_jobs(portal),
    )
