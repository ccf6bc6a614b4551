"""The only list of what is plugged in. Order is the order on the page."""

from datetime import timedelta
from importlib import import_module

from litestar import Router

from portal.accounts.devices import ROUTER as DEVICES
from portal.accounts.routes import ROUTER as ACCOUNT
from portal.jobs.job import Job
from portal.jobs.maintenance import maintenance_jobs
from portal.login.code_routes import ROUTER as CODE
from portal.login.link_routes import ROUTER as LINK
from portal.login.links import LinkKind
from portal.login.method import Method
from portal.login.routes import ROUTER as LOGIN
from portal.login.terms import ROUTER as TERMS
from portal.login.unlock import LINKS as UNLOCK_LINKS
from portal.mail.outbox import CHANNEL as OUTBOX_CHANNEL
from portal.mail.outbox import deliver_due_mail
from portal.mail.senders import sender_for
from portal.oidc.jobs import provider_jobs
from portal.oidc.routes import ROUTER as OPENID
from portal.recovery.links import LINKS as RECOVERY_LINKS
from portal.recovery.lost_queries import reminder_job
from portal.recovery.lost_second_step import ROUTER as LOST_SECOND_STEP
from portal.recovery.routes import ROUTER as RECOVERY
from portal.security.routes import ROUTER as SECURITY
from portal.signup.invites import ROUTER as INVITES
from portal.signup.links import LINKS as SIGNUP_LINKS
from portal.signup.routes import ROUTER as SIGNUP
from portal.sms.senders import sms_sender_for
from portal.web.request import Portal

MAIL_EVERY = timedelta(seconds=1)  # where NOTIFY does not arrive, behind a pooler

METHODS: tuple[Method, ...] = tuple(
    import_module(f"portal.methods.{folder}.method").METHOD
    for folder in (  # by name, so that a method is one line here; docs/adding-a-method.md
        "password",
        "passkey",
        "email_code",
        "sms_code",
        "totp",
        "sms_second_step",
        "recovery_codes",
    )
)

ROUTERS: tuple[Router, ...] = (
    LOGIN,
    CODE,
    TERMS,
    LINK,
    SIGNUP,
    INVITES,
    RECOVERY,
    LOST_SECOND_STEP,
    ACCOUNT,
    SECURITY,
    DEVICES,
    OPENID,
)

LINK_KINDS: tuple[LinkKind, ...] = (
    *UNLOCK_LINKS,
    *SIGNUP_LINKS,
    *RECOVERY_LINKS,
    *(kind for method in METHODS for kind in method.links),
)


def jobs(portal: Portal) -> tuple[Job, ...]:
    """Return what the worker of each process does."""
    database, sender, text_sender = portal.database, sender_for(portal.settings), sms_sender_for(portal.settings)

    async def send_mail() -> bool:
        return await deliver_due_mail(database, portal.sealer, sender, text_messages=text_sender) > 0

    return (
        Job("mail", MAIL_EVERY, send_mail, wakes_on=OUTBOX_CHANNEL),
        *maintenance_jobs(database, portal.settings.database_owner_url),
        reminder_job(database),
        *provider_jobs(portal),
    )
