"""A network cannot fill the table of challenges: 300 a minute wait for their answers; those of others are untouched."""

import json
import secrets

import httpx

from tests.support.person import Somebody
from tests.support.server import PortalServer, an_address

PER_PREFIX = 300
OPTIONS = "/login/passkey/options"


def fill(portal: PortalServer, address: str, number: int) -> None:
    """Ask for challenges as many browsers of one network would."""
    asked = json.dumps(
        {"kind": "login", "challenge": secrets.token_hex(32), "browser_digest": "b", "ip_address": address}
    )
    portal.sql(f"select authn.start_ceremony('{asked}') from generate_series(1, {number})")


def ask(portal: PortalServer, address: str) -> httpx.Response:
    headers = {"origin": portal.url, "x-forwarded-for": address}
    return httpx.post(f"{portal.url}{OPTIONS}", data={"flow": ""}, headers=headers, timeout=30)


def test_g7_a_network_gets_three_hundred_challenges_a_minute(portal_server: PortalServer, somebody: Somebody) -> None:
    address, other = an_address(), an_address()
    fill(portal_server, address, PER_PREFIX - 1)
    last = ask(portal_server, address)
    assert last.status_code == 200
    refused = ask(portal_server, address)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) == 60
    [row] = portal_server.rows(
        "select count(*) as waiting from authn.webauthn_ceremonies where prefix = $1::text::cidr", address
    )
    assert row["waiting"] == PER_PREFIX
    [event] = portal_server.rows(
        "select new_values ->> 'kind' as kind from authn.audit_events "
        "where event_type = 'request_refused' and resource_id = $1",
        f"{address}/32",
    )
    assert event["kind"] == "throttled"
    # The positive control: whoever comes from elsewhere is not kept waiting, and a minute later nobody is.
    assert ask(portal_server, other).status_code == 200
    portal_server.sql(
        "update authn.webauthn_ceremonies set expires_at = expires_at - interval '61 seconds' "
        f"where prefix = '{address}'"
    )
    assert ask(portal_server, address).status_code == 200
