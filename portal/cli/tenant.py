"""A namespace as its visitors see it, for mails that a command sends: their links must lead to its own host."""

from portal.cli.answers import Failure
from portal.cli.environment import Environment
from portal.db.engine import Database
from portal.tenancy.hosts import Hosts
from portal.tenancy.namespaces import list_namespaces
from portal.web.request import Namespace


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
