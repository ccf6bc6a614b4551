"""Mails that a command sends, in the name of a namespace as its visitors see it: their links lead to its own host."""

from portal.cli.answers import Failure
from portal.cli.environment import Environment
from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.mail.message import compose, seal_mail
from portal.tenancy.hosts import Hosts
from portal.tenancy.namespaces import list_namespaces
from portal.web.locale import DEFAULT_LANGUAGE
from portal.web.request import Namespace
from portal.web.templates import Templates


async def tenant_of(environment: Environment, database: Database, namespace: str) -> Namespace:
    """Return the namespace as its visitors see it.

    Raises:
        Failure: when it is not there, has no host, or is suspended.
    """
    settings = environment.settings
    if namespace == "default":
        host = settings.url.partition("://")[2]
    else:
        known = {row.name: row for row in await list_namespaces(database)}
        if namespace not in known or not known[namespace].hosts:
            raise Failure(f"There is no namespace {namespace} with a host. Look at `portal namespaces list`.")
        host = known[namespace].hosts[0]
    found = await Hosts(database, settings).find(host)
    if found is None:
        raise Failure(f"The namespace {namespace} is suspended.")
    return found


def sealed_mail(environment: Environment, tenant: Namespace, message: str, email: str, **values: object) -> str:
    """Compose the mail templates/email/<message> in the default language, as the outbox keeps it."""
    mail = compose(
        Templates(),
        message,
        email,
        DEFAULT_LANGUAGE,
        display_name=tenant.display_name,
        sender_name=tenant.mail_sender_name,
        **values,
    )
    return seal_mail(Sealer(environment.settings.secret_keys), mail)
