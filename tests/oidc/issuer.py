"""A namespace as an issuer over HTTP: a host of its own, an app of the command line, and somebody who signed up."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from portal.tenancy.hosts import CACHED_FOR
from tests.cli.conftest import Portal, Result, plain_environment
from tests.support.server import PortalServer
from tests.support.tenant import Tenant, Visitor

CALLBACK, AFTER = "https://app.example/callback", "https://app.example/bye"
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
    app_name: str

    def command(self, *arguments: str, stdin: str = "") -> Result:
        """Run `portal` as the operator, about this namespace."""
        ended = _command(self.tenant.server).run(*arguments, "--namespace", self.tenant.name, stdin=stdin)
        assert ended.status == 0, ended.err
        return ended

    def switch(self, change: Literal["suspend", "resume"]) -> None:
        """Switch the namespace off or on, as the operator does, and wait until every process follows."""
        ended = _command(self.tenant.server).run("namespaces", change, self.tenant.name)
        assert ended.status == 0, ended.err
        time.sleep(CACHED_FOR + 0.1)

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
        return self.code_in(self.person.http.get(self.url(self.client[0])))

    def code_in(self, answer: httpx.Response) -> str:
        """Return the code that a redirect carries to the app."""
        assert answer.status_code == 303, answer.text
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


def make_issuer(server: PortalServer, name: str, email: str, *registration: str) -> Issuer:
    """Make a namespace, its host and an app as an operator does, and sign somebody up there."""
    command = _command(server)
    # Letters alone: a name that ended in six digits would look like a code in a mail that names the app.
    tenant = Tenant(server, name + "".join(secrets.choice("abcdefghkmnpqrstuvwxyz") for _ in range(6)), [])
    assert command.run("namespaces", "create", tenant.name, "--name", name.title()).status == 0
    assert command.run("namespaces", "add-host", tenant.name, tenant.host).status == 0
    app_name = f"App of {tenant.name}"
    app = command.run(
        "clients", "create", app_name, "--redirect-uri", CALLBACK, "--post-logout-redirect-uri", AFTER,
        "--namespace", tenant.name, "--json", *registration,
    )  # fmt: skip
    assert app.status == 0, app.err
    person = tenant.visitor().sign_up(email)
    assert person.is_logged_in(), person.page.text
    return Issuer(tenant, email, person, (app.json["client_id"], app.json["client_secret"]), app_name)


def _command(server: PortalServer) -> Portal:
    return Portal(plain_environment(**{name: value for name, value in server.environment.items() if name != "PORT"}))
