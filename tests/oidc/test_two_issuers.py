"""Two namespaces, each on a host of its own, are two issuers that know nothing of each other.

OpenID Connect Discovery, https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata: whoever compares
`iss` sees two providers.
"""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc.errors import JoseError

from tests.methods.passkey.test_passkeys import add_passkey, ask, use_passkey
from tests.oidc.issuer import AFTER, Issuer, make_issuer
from tests.support.authenticator import Authenticator
from tests.support.person import PASSWORD, an_email
from tests.support.server import PortalServer


@pytest.fixture(scope="module")
def issuers(portal_server: PortalServer) -> Iterator[tuple[Issuer, Issuer]]:
    """Two namespaces as an operator makes them, and one address that signs up at both."""
    email = an_email("twice")
    left, right = (make_issuer(portal_server, name, email, "--first-party") for name in ("left", "right"))
    yield left, right
    for issuer in (left, right):
        for person in issuer.tenant.people:
            person.close()


def test_each_host_tells_of_itself_alone(issuers: tuple[Issuer, Issuer]) -> None:
    kids: list[set[str]] = []
    for issuer in issuers:
        for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
            metadata = issuer.get(path).json()
            assert metadata["issuer"] == issuer.tenant.url
            addresses = [value for name, value in metadata.items() if name.endswith(("_endpoint", "_uri"))]
            assert len(addresses) >= 7
            assert all(address.startswith(issuer.tenant.url + "/") for address in addresses), addresses
        kids.append({key["kid"] for key in issuer.get("/oauth2/jwks").json()["keys"]})
    assert all(kids)
    assert not kids[0] & kids[1]


def test_a_host_that_was_given_to_nobody_is_no_issuer(issuers: tuple[Issuer, Issuer]) -> None:
    answer = issuers[0].get(
        "/.well-known/openid-configuration", host=f"nobody.localhost:{issuers[0].tenant.server.port}"
    )
    assert answer.status_code == 421


def test_one_address_at_both_is_two_people(issuers: tuple[Issuer, Issuer]) -> None:
    claims = []
    for issuer in issuers:
        tokens = issuer.tokens()
        claims.append(issuer.verify(tokens["id_token"]))
        told = issuer.userinfo(tokens["access_token"]).json()
        assert (told["sub"], told["email"], told["email_verified"]) == (claims[-1]["sub"], issuer.email, True)
    assert claims[0]["sub"] != claims[1]["sub"]
    assert claims[0]["sid"] != claims[1]["sid"]


@pytest.mark.adversarial("R1", "O4", "J2")
def test_what_one_issuer_gave_is_nothing_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    for here, there in (issuers, issuers[::-1]):
        tokens, code = here.tokens(), here.code()
        for client in (here.client, there.client):
            assert there.redeem(code, client).status_code in (400, 401)
            assert there.refresh(tokens["refresh_token"], client).status_code in (400, 401)
        assert there.userinfo(tokens["access_token"]).status_code == 401
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert there.call("/oauth2/introspect", there.client, token=token).json() == {"active": False}
            assert there.call("/oauth2/revoke", there.client, token=token).status_code == 200
        with pytest.raises((JoseError, ValueError)):
            there.verify(tokens["id_token"])
        # At home all of it still works: what was tried elsewhere used up and ended nothing.
        assert here.userinfo(tokens["access_token"]).status_code == 200
        assert here.refresh(tokens["refresh_token"], here.client).status_code == 200
        assert here.redeem(code, here.client).status_code == 200


def test_an_app_of_one_issuer_is_unknown_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    here, there = issuers
    # At home first, so that the process remembers it: for this namespace and for no other.
    assert here.call("/oauth2/introspect", here.client, token="x").json() == {"active": False}
    page = there.person.http.get(there.url(here.client[0]))
    assert page.status_code == 400
    assert "location" not in page.headers
    assert here.app_name not in page.text
    assert there.call("/oauth2/introspect", here.client, token="x").status_code == 401


@pytest.mark.adversarial("R1")
def test_a_login_at_one_issuer_is_none_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    here, there = issuers
    assert here.person.is_logged_in()
    with there.tenant.visitor() as thief:
        thief.http.cookies.update(here.person.cookies)
        assert not thief.is_logged_in()
        assert thief.open(there.url(there.client[0])).path == "/login"
    # A Domain attribute would send the cookie of one host to all of its siblings.
    with here.tenant.visitor() as again:
        again.open("/login").submit("/login", email=here.email)
        sent = again.http.post(
            "/login/password",
            data={**again.page.form("/login/password").fields, "password": PASSWORD},
            headers={"origin": again.origin},
        )
        cookies = sent.headers.get_list("set-cookie")
        assert any(cookie.startswith("portal_session=") for cookie in cookies), sent.text
        assert not [cookie for cookie in cookies if "domain=" in cookie.lower()]


@pytest.mark.adversarial("L3", "J1")
def test_an_id_token_of_one_issuer_logs_nobody_out_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    here, there = issuers
    fields = {"id_token_hint": here.tokens()["id_token"], "post_logout_redirect_uri": AFTER}
    answer = there.person.http.get("/oauth2/logout?" + urlencode(fields))
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert there.person.is_logged_in()
    assert here.person.is_logged_in()
    with here.tenant.visitor() as leaving:
        leaving.log_in(here.email)
        sent = leaving.http.get(here.url(here.client[0])).headers["location"]
        tokens = here.redeem(parse_qs(urlsplit(sent).query)["code"][0], here.client).json()
        honest = leaving.http.get("/oauth2/logout?" + urlencode({**fields, "id_token_hint": tokens["id_token"]}))
        assert honest.headers["location"] == AFTER
        assert not leaving.is_logged_in()


@pytest.mark.adversarial("K2")
def test_a_passkey_of_one_issuer_logs_nobody_in_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    here, there = issuers
    passkey = add_passkey(here.person)
    # The relying party is the host: a browser would not even offer it elsewhere. Whoever bends that is refused.
    asked = ask(there.tenant.visitor(), "/login/passkey/options")["publicKey"]
    assert asked["rpId"] == urlsplit(there.tenant.url).hostname
    moved = Authenticator(there.tenant.url, passkey.credential_id, passkey.key, passkey.handle)
    for forged in (passkey, moved):
        with there.tenant.visitor() as thief:
            assert not use_passkey(thief, forged).is_logged_in()
    # Nor is a ceremony of the one answered at the other.
    begun = ask(here.tenant.visitor(), "/login/passkey/options")
    with there.tenant.visitor() as thief:
        thief.post(
            "/login/passkey",
            {"ceremony": begun["ceremony"], "credential": passkey.answer(begun["publicKey"])},
        )
        assert not thief.is_logged_in()
    with here.tenant.visitor() as honest:
        assert use_passkey(honest, passkey).is_logged_in()
