"""Two namespaces, each on a host of its own, are two issuers that know nothing of each other (OpenID Connect Discovery).

https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata: whoever compares `iss` sees two providers.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.cli.conftest import Portal, plain_environment
from tests.methods.passkey.test_passkeys import add_passkey, ask, use_passkey
from tests.support.authenticator import Authenticator
from tests.support.person import an_email
from tests.support.server import PortalServer
from tests.support.tenant import Tenant, Visitor

CALLBACK = "https://app.example/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
Tokens = dict[str, Any]


@dataclass
class Issuer:
    """A namespace with an app, and somebody who signed up there."""

    tenant: Tenant
    email: str
    person: Visitor
    client: tuple[str, str]

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask as an app does: no cookies."""
        return httpx.get(self.tenant.address + path, headers={"host": self.tenant.host, **headers})

    def call(self, path: str, client: tuple[str, str], **fields: str) -> httpx.Response:
        """Send a form as an app."""
        headers = {"host": self.tenant.host}
        return httpx.post(self.tenant.address + path, data=fields, auth=client, headers=headers)

    def url(self, client_id: str) -> str:
        return "/oauth2/authorize?" + urlencode(
            {
                "response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "state": "s", "nonce": "n",
                "scope": "openid email offline_access", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
            }
        )  # fmt: skip

    def code(self) -> str:
        """Let the person go to the app, and return the code that the app gets."""
        answer = self.person.http.get(self.url(self.client[0]))
        assert answer.status_code == 303, self.tenant.server.log()[-3500:]
        sent = parse_qs(urlsplit(answer.headers["location"]).query)
        assert (answer.headers["location"].split("?")[0], sent["iss"]) == (CALLBACK, [self.tenant.url])
        return sent["code"][0]

    def redeem(self, code: str, client: tuple[str, str]) -> httpx.Response:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.call("/oauth2/token", client, **fields)

    def refresh(self, token: str, client: tuple[str, str]) -> httpx.Response:
        return self.call("/oauth2/token", client, grant_type="refresh_token", refresh_token=token)

    def tokens(self) -> Tokens:
        answer = self.redeem(self.code(), self.client)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def userinfo(self, token: str) -> httpx.Response:
        return self.get("/oauth2/userinfo", authorization=f"Bearer {token}")

    def verify(self, id_token: str) -> Tokens:
        """Check an ID token as a library does that was configured with this issuer."""
        keys = KeySet.import_key_set(self.get("/oauth2/jwks").json())
        claims = jwt.decode(id_token, keys, algorithms=["RS256"]).claims
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.tenant.url}, aud={"essential": True, "value": self.client[0]}
        ).validate(claims)
        return dict(claims)


@pytest.fixture(scope="module")
def issuers(portal_server: PortalServer) -> Iterator[tuple[Issuer, Issuer]]:
    """Two namespaces as an operator makes them, and one address that signs up at both."""
    environment = {name: value for name, value in portal_server.environment.items() if name != "PORT"}
    command = Portal(plain_environment(**environment))
    email = an_email("twice")
    made = [_issuer(command, portal_server, name, email) for name in ("left", "right")]
    yield made[0], made[1]
    for issuer in made:
        issuer.person.close()


def _issuer(command: Portal, server: PortalServer, name: str, email: str) -> Issuer:
    tenant = Tenant(server, f"{name}{secrets.token_hex(3)}", [])
    assert command.run("namespaces", "create", tenant.name, "--name", name.title()).status == 0
    assert command.run("namespaces", "add-host", tenant.name, tenant.host).status == 0
    app = command.run(
        "clients", "create", f"App of {name}", "--redirect-uri", CALLBACK, "--first-party",
        "--post-logout-redirect-uri", "https://app.example/bye", "--namespace", tenant.name, "--json",
    )  # fmt: skip
    assert app.status == 0, app.err
    person = Visitor(tenant).sign_up(email)
    assert person.is_logged_in(), person.page.text
    return Issuer(tenant, email, person, (app.json["client_id"], app.json["client_secret"]))


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
    page = there.person.http.get(there.url(here.client[0]))
    assert page.status_code == 400
    assert "location" not in page.headers
    assert f"App of {here.tenant.name[:4]}" not in page.text
    assert there.call("/oauth2/introspect", here.client, token="x").status_code == 401
    assert here.call("/oauth2/introspect", here.client, token="x").json() == {"active": False}


@pytest.mark.adversarial("R1")
def test_a_login_at_one_issuer_is_none_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    here, there = issuers
    assert here.person.is_logged_in()
    with Visitor(there.tenant) as thief:
        thief.http.cookies.update(here.person.cookies)
        assert not thief.is_logged_in()
        assert thief.open(there.url(there.client[0])).path == "/login"
    # A Domain attribute would send the cookie of one host to all of its siblings.
    with Visitor(here.tenant) as again:
        again.open("/login").submit("/login", email=here.email)
        sent = again.http.post(
            "/login/password",
            data={**again.page.form("/login/password").fields, "password": "three quiet lanterns"},
            headers={"origin": again.origin},
        )
        cookies = sent.headers.get_list("set-cookie")
        assert any(cookie.startswith("portal_session=") for cookie in cookies), sent.text
        assert not [cookie for cookie in cookies if "domain=" in cookie.lower()]


@pytest.mark.adversarial("L3", "J1")
def test_an_id_token_of_one_issuer_logs_nobody_out_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    here, there = issuers
    fields = {"id_token_hint": here.tokens()["id_token"], "post_logout_redirect_uri": "https://app.example/bye"}
    answer = there.person.http.get("/oauth2/logout?" + urlencode(fields))
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert there.person.is_logged_in()
    assert here.person.is_logged_in()
    with Visitor(here.tenant) as leaving:
        leaving.log_in(here.email)
        sent = leaving.http.get(here.url(here.client[0])).headers["location"]
        tokens = here.redeem(parse_qs(urlsplit(sent).query)["code"][0], here.client).json()
        honest = leaving.http.get("/oauth2/logout?" + urlencode({**fields, "id_token_hint": tokens["id_token"]}))
        assert honest.headers["location"] == "https://app.example/bye"
        assert not leaving.is_logged_in()


@pytest.mark.adversarial("K2")
def test_a_passkey_of_one_issuer_logs_nobody_in_at_the_other(issuers: tuple[Issuer, Issuer]) -> None:
    here, there = issuers
    passkey = add_passkey(here.person)
    # The relying party is the host: a browser would not even offer it elsewhere. Whoever bends that is refused.
    asked = ask(Visitor(there.tenant), "/login/passkey/options")["publicKey"]
    assert asked["rpId"] == urlsplit(there.tenant.url).hostname
    moved = Authenticator(there.tenant.url, passkey.credential_id, passkey.key, passkey.handle)
    for forged in (passkey, moved):
        with Visitor(there.tenant) as thief:
            assert not use_passkey(thief, forged).is_logged_in()
    # Nor is a ceremony of the one answered at the other.
    begun = ask(Visitor(here.tenant), "/login/passkey/options")
    with Visitor(there.tenant) as thief:
        thief.post(
            "/login/passkey",
            {"ceremony": begun["ceremony"], "credential": json.dumps(json.loads(passkey.answer(begun["publicKey"])))},
        )
        assert not thief.is_logged_in()
    with Visitor(here.tenant) as honest:
        assert use_passkey(honest, passkey).is_logged_in()
