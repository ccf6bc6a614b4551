"""The demo app lets go of a login at once when the portal says that it has ended, and believes nobody else."""

import time

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.oidc.backchannel import sign_logout_token
from portal.oidc.signing_keys import SigningKey, SigningKeys
from tests.oidc.forged_tokens import forgeries
from tests.support.database import run_now
from tests.support.person import Person, an_email
from tests.support.server import SECRET_KEY, PortalServer

TOLD_WITHIN = 6.0  # seconds


@pytest.fixture
def zoe(portal_server: PortalServer, demo_app: str) -> Person:
    """A person who is logged in at the app."""
    person = Person(portal_server)
    person.sign_up(an_email())
    person.open(demo_app).follow("Log in").submit("/oauth2/consent", {"decision": "allow"})
    assert person.page.heading == "You are logged in"
    return person


def sid_of(portal: PortalServer) -> tuple[str, str, str]:
    (row,) = portal.rows(
        "select session_id, user_id, client_id from authn.authorization_codes order by created_at desc limit 1"
    )
    return str(row["session_id"]), str(row["user_id"]), str(row["client_id"])


def test_ending_the_session_at_the_portal_ends_it_at_the_app(
    portal_server: PortalServer, demo_app: str, zoe: Person
) -> None:
    session_id, user_id, _ = sid_of(portal_server)
    portal_server.rows("select authn.end_session($1::text::uuid, $2::text::uuid, null)", session_id, user_id)
    deadline = time.monotonic() + TOLD_WITHIN
    while zoe.open(demo_app).page.heading == "You are logged in":
        assert time.monotonic() < deadline, "the app was not told"
        time.sleep(0.1)


@pytest.mark.adversarial("J1", "J2", "J3", "J5", "J6", "J7", "L3")
def test_a_token_that_is_not_the_portals_word_ends_nothing(
    portal_server: PortalServer, demo_app: str, zoe: Person
) -> None:
    session_id, user_id, client_id = sid_of(portal_server)

    async def current() -> SigningKey:
        database = Database(portal_server.database.app_url, pool_size=1)
        try:
            return await SigningKeys(database, Sealer((SECRET_KEY.encode(),))).current("default")
        finally:
            await database.close()

    key = run_now(current)
    assert isinstance(key, RSAKey)
    good = sign_logout_token(
        key, "RS256", issuer=portal_server.url, client_id=client_id, subject=user_id, session_id=session_id
    )
    claims = jwt.decode(good, key).claims

    def signed(typ: str = "logout+jwt", **changes: object) -> str:
        body = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": key.thumbprint(), "typ": typ}, body, key, ["RS256"])

    now = int(time.time())
    # What is wrong with an ID token is right with a logout token, and the other way round.
    not_about_us = {"typ logout+jwt", "subject missing", "subject a number", "not an ID token"}
    wrong = {
        **{name: token for name, token in forgeries(good, key).items() if name not in not_about_us},
        "an ID token's type": signed(typ="JWT"),
        "another audience": signed(aud="somebody-else"),
        "two audiences": signed(aud=[client_id, "somebody-else"]),
        "no audience": signed(aud=None),
        "expired": signed(iat=now - 600, exp=now - 300),
        "no expiry": signed(exp=None),
        "expiry a string": signed(exp=str(now + 60)),
        "expiry a fraction": signed(exp=now + 60.5),
        "from the future": signed(iat=now + 600, exp=now + 700),
        "another event": signed(events={"x": {}}),
        "no event": signed(events=None),
        "with a nonce": signed(nonce="n"),
        "no session": signed(sid=None),
        "no jti": signed(jti=None),
    }
    with httpx.Client(base_url=demo_app) as http:
        for name, token in wrong.items():
            before = time.monotonic()
            assert http.post("/backchannel-logout", data={"logout_token": token}).status_code == 400, name
            assert time.monotonic() - before < 10, name
        assert http.post("/backchannel-logout").status_code == 400
        assert zoe.open(demo_app).page.heading == "You are logged in"
        # The honest one, and the same once more.
        assert http.post("/backchannel-logout", data={"logout_token": good}).status_code == 200
        assert http.post("/backchannel-logout", data={"logout_token": good}).status_code == 400
    assert zoe.open(demo_app).page.heading != "You are logged in"
