"""What is refused is in the audit log, counted by minute, kind and network, so that the log is no target itself."""

from typing import Any

import httpx
import pytest

from tests.support.person import Person
from tests.support.server import PortalServer, an_address

FLOOD = 25


def refusals_of(portal: PortalServer, address: str) -> list[tuple[str, int]]:
    """Kind and number of every event about a network."""
    rows = portal.rows(
        "select new_values ->> 'kind' as kind, (new_values ->> 'times')::int as times from authn.audit_events "
        "where event_type = 'request_refused' and resource_id = $1 order by id",
        f"{address}/32",
    )
    return [(str(row["kind"]), int(str(row["times"]))) for row in rows]


def ask(portal: PortalServer, address: str, method: str, path: str, **content: Any) -> int:
    headers = {"x-forwarded-for": address, "origin": portal.url, **content.pop("headers", {})}
    return httpx.request(method, f"{portal.address}{path}", headers=headers, timeout=30, **content).status_code


@pytest.mark.parametrize(
    ("kind", "status", "request_"),
    [
        ("cross_site", 403, {"path": "/login", "data": {"email": "x"}, "headers": {"origin": "https://evil.example"}}),
        ("unknown_host", 421, {"path": "/login", "headers": {"host": "evil.example"}}),
        ("too_large", 413, {"path": "/login", "data": {"email": "x" * 70_000}}),
        ("no_form", 415, {"path": "/login", "content": b"x", "headers": {"content-type": "text/plain"}}),
        ("odd_form", 422, {"path": "/login", "data": {"email": ["a", "b"]}}),
    ],
)
@pytest.mark.adversarial("C5", "D1", "U2")
def test_a_refused_request_leaves_one_event_and_an_honest_one_none(
    portal_server: PortalServer, kind: str, status: int, request_: dict[str, Any]
) -> None:
    address = an_address()
    own_host = {"headers": {"host": portal_server.host}}
    assert ask(portal_server, address, "GET", "/login", **own_host) == 200
    assert refusals_of(portal_server, address) == []
    headers = {"host": portal_server.host, **request_.pop("headers", {})}
    assert ask(portal_server, address, "POST", headers=headers, **request_) == status
    assert refusals_of(portal_server, address) == [(kind, 1)]


@pytest.mark.adversarial("G7")
def test_a_flood_of_refusals_is_a_handful_of_events(portal_server: PortalServer) -> None:
    address = an_address()
    for _ in range(FLOOD):
        headers = {"host": portal_server.host, "origin": "https://evil.example"}
        assert ask(portal_server, address, "POST", "/login", data={"email": "x"}, headers=headers) == 403
    events = refusals_of(portal_server, address)
    # The first and the tenth of a minute; a flood that a minute's end cut in two has the first of each.
    assert ("cross_site", 1) in events
    assert len(events) <= 4
    assert {times for _kind, times in events} <= {1, 10}
    # And a handful of calls: what came after the tenth waits for the hundredth.
    written = portal_server.rows("select times from authn.refusals where prefix = $1::text::cidr", address)
    assert {row["times"] for row in written} <= {1, 10}


@pytest.mark.adversarial("G6")
def test_waiting_for_the_next_try_leaves_an_event(portal_server: PortalServer, zoe: Person) -> None:
    address = str(zoe.http.headers["x-forwarded-for"])
    for _ in range(5):
        zoe.post("/login/password", {"email": "somebody@example.org", "password": "a wrong guess"})
    assert refusals_of(portal_server, address) == []
    zoe.post("/login/password", {"email": "somebody@example.org", "password": "a wrong guess"})
    assert zoe.response.status_code == 429
    assert refusals_of(portal_server, address) == [("throttled", 1)]


def test_addresses_of_one_line_are_one_network(portal_server: PortalServer) -> None:
    network = "2001:db8:77:" + f"{int(an_address().rpartition('.')[2]):x}"
    for host in range(1, 6):
        headers = {"host": portal_server.host, "origin": "https://evil.example"}
        assert ask(portal_server, f"{network}::{host}", "POST", "/login", data={"email": "x"}, headers=headers) == 403
    rows = portal_server.rows(
        "select times from authn.refusals where prefix = $1::text::cidr and kind = 'cross_site'", f"{network}::/64"
    )
    assert 1 <= len(rows) <= 2
