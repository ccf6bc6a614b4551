"""A tenant of a test's own, with the policy that it wants, on a host of its own of the shared portal."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from portal.tenancy.hosts import CACHED_FOR
from tests.support.person import PASSWORD, Person
from tests.support.server import PortalServer


class Visitor(Person):
    """A person at the host of a tenant, whatever the resolver thinks of that name."""

    def __init__(self, tenant: "Tenant", **who: str) -> None:
        super().__init__(tenant.server, **who)
        self.portal = tenant
        self.origin = tenant.url
        self.http.base_url = tenant.address
        self.http.headers["host"] = tenant.host


@dataclass
class Tenant:
    """A tenant as its people and its operator meet it."""

    server: PortalServer
    name: str
    people: list[Visitor]

    @property
    def host(self) -> str:
        return f"{self.name}.localhost:{self.server.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def address(self) -> str:
        return self.server.address

    def set_policy(self, **changes: Any) -> None:
        """Change the policy, as the operator does, and wait until every process follows it."""
        self.server.rows("select authn.set_namespace_policy($1, null, $2)", json.dumps(changes), self.name)
        time.sleep(CACHED_FOR + 0.1)

    def visitor(self, **who: str) -> Visitor:
        """Another browser."""
        self.people.append(Visitor(self, **who))
        return self.people[-1]

    def account(self, email: str, *, verified: bool = True, password: str | None = PASSWORD) -> str:
        """Make an account and return its id."""
        password_hash = _hash(password) if password else None
        query = "select authn.provision_user($1, $2, null, $3, '{}', $4) as id"
        return str(self.server.rows(query, email, password_hash, verified, self.name)[0]["id"])

    def rows(self, query: str, *arguments: object) -> list[dict[str, object]]:
        return self.server.rows(query, *arguments)

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """The audit events of a kind, oldest first."""
        query = (
            "select resource_id, old_values, new_values from authn.audit_events "
            "where namespace = $1 and event_type = $2 order by id"
        )
        found = self.server.rows(query, self.name, event_type)
        return [
            {key: json.loads(str(value)) if key.endswith("values") and value else value for key, value in row.items()}
            for row in found
        ]


MakeTenant = Callable[..., Tenant]


def make_tenant(portal: PortalServer, **policy: Any) -> Tenant:
    """Make a tenant with this policy; its visitors are the caller's to close."""
    tenant = Tenant(portal, f"t{secrets.token_hex(4)}", [])
    portal.rows("select authn.create_namespace($1, 'Tenant & Sons', null)", tenant.name)
    portal.rows("select authn.add_namespace_host($1, null, $2)", tenant.host, tenant.name)
    portal.rows("select authn.set_namespace_policy($1, null, $2)", json.dumps(policy), tenant.name)
    return tenant


@pytest.fixture
def a_tenant(portal_server: PortalServer) -> Iterator[MakeTenant]:
    """Make a tenant with this policy: `a_tenant(signup="closed")`."""
    made: list[Tenant] = []

    def make(**policy: Any) -> Tenant:
        made.append(make_tenant(portal_server, **policy))
        return made[-1]

    yield make
    for tenant in made:
        for person in tenant.people:
            person.close()


def _hash(password: str) -> str:
    import argon2

    return argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(password)
