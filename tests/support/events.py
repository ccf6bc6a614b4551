"""What the audit log says: which requests of a browser's network were refused, and what happened to an account."""

import json
from typing import Any

from tests.support.person import Person
from tests.support.server import PortalServer
from tests.support.tenant import Tenant


def refused(person: Person) -> set[str]:
    """The kinds of refused requests of this browser, which has a network address of its own."""
    rows = person.portal.rows(
        "select distinct new_values ->> 'kind' as kind from authn.audit_events "
        "where event_type = 'request_refused' and resource_id = $1",
        f"{person.http.headers['x-forwarded-for']}/32",
    )
    return {str(row["kind"]) for row in rows}


def passkeys_refused(person: Person) -> list[str]:
    """Why passkeys of this browser were refused, oldest first."""
    rows = person.portal.rows(
        "select new_values ->> 'reason' as reason from authn.audit_events "
        "where event_type = 'passkey_refused' and ip_address = $1::text::inet order by id",
        person.http.headers["x-forwarded-for"],
    )
    return [str(row["reason"]) for row in rows]


def events_about(portal: PortalServer | Tenant, who: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of an account, by its address or number: type and new values, oldest first."""
    rows = portal.rows(
        "with account as (select u.id::text as id from authn.users u where u.email = $1 "
        "                 union select i.user_id::text from authn.identities i where i.value = $1) "
        "select e.event_type, e.new_values from authn.audit_events e "
        "where e.resource_id = $1 or e.resource_id in (select id from account) "
        "   or coalesce(e.new_values, e.old_values) ->> 'user_id' in (select id from account) order by e.id",
        who,
    )
    return [(str(row["event_type"]), json.loads(str(row["new_values"] or "{}"))) for row in rows]


def happened(portal: PortalServer | Tenant, who: str, event: str, **said: Any) -> bool:
    """Whether the account has such an event, with these of its new values."""
    return any(
        name == event and all(values.get(key) == value for key, value in said.items())
        for name, values in events_about(portal, who)
    )
