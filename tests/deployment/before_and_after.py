"""A portal with something alive of every kind, what is ended and used after its backup, and what must stay so."""

import base64
import hashlib
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from portal.crypto.tokens import new_token
from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client
from tests.support.database import run_now
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.private_cluster import documented
from tests.support.server import SEEDED_PASSWORD, PortalServer

CALLBACK = "https://app.example/callback"
ALICE = "alice@example.com"
SCOPE = "openid email offline_access"
# So that what is dead afterwards was ended, and did not merely expire while the restore took its time.
LONGER = (
    "update authn.authorization_codes set expires_at = now() + interval '1 day'",
    "update authn.access_tokens set expires_at = now() + interval '1 day'",
    "update authn.verifications set expires_at = now() + interval '1 day', code_expires_at = now() + interval '1 day'",
    "update authn.login_flows set expires_at = now() + interval '1 day'",
)


@dataclass
class Past:
    """What stood at the time of the backup."""

    portal: PortalServer
    client: RegisteredClient
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    zoe_email: str = field(default_factory=an_email)
    sessions: list[dict[str, str]] = field(default_factory=list)

    def live(self) -> None:
        """Log in, ask for codes and keys, and leave them unused."""
        self.alice, self.other_device, self.zoe = Person(self.portal), Person(self.portal), Person(self.portal)
        for browser in (self.alice, self.other_device):
            browser.log_in(ALICE, SEEDED_PASSWORD)
            self.sessions.append(browser.cookies)
        self.refresh_token = self.tokens(self.code(self.alice)).json()["refresh_token"]
        self.unused_code = self.code(self.alice)
        self.access_token = self.tokens(self.code(self.alice)).json()["access_token"]
        self.zoe.ask_to_sign_up(self.zoe_email)
        self.mail, self.form = newest_mail(self.portal, self.zoe_email), self.zoe.page.form("/signup/verify").fields
        self.zoe_cookies = self.zoe.cookies
        self.api_key = new_token().digest
        alice_id, dana_id = (self._user_id(email) for email in (ALICE, "dana@example.com"))
        self.portal.rows("select authn.create_api_key($1, $2, 'CI')", alice_id, self.api_key)
        self.portal.rows("select authn.add_mfa($1, 'recovery_codes', 'sealed')", dana_id)
        self.portal.sql(
            "insert into authn.outbox (namespace, kind, payload, available_at) "
            "values ('default', 'mail', 'sealed', now() + interval '1 day')"
        )

    def go_on(self) -> None:
        """After the backup: end and use all of it."""
        assert self.tokens(self.unused_code).status_code == 200
        assert self.refreshed().status_code == 200
        self.alice.log_out()
        self.zoe.submit("/signup/verify", code=self.mail.code or "")
        assert self.zoe.is_logged_in()
        assert self.portal.rows("select 1 as found from authn.validate_api_key($1)", self.api_key)

    def assert_dead(self) -> None:
        """On the restored portal: nothing of it works."""
        for cookies in self.sessions:
            with self.browser(cookies) as browser:
                assert not browser.is_logged_in()
        assert self.tokens(self.unused_code).json()["error"] == "invalid_grant"
        assert self.refreshed().json()["error"] == "invalid_grant"
        userinfo = httpx.get(
            f"{self.portal.url}/oauth2/userinfo", headers={"authorization": f"Bearer {self.access_token}"}
        )
        assert userinfo.status_code == 401
        with self.browser(self.zoe_cookies) as zoe:
            zoe.post("/signup/verify", {**self.form, "code": self.mail.code or ""})
            zoe.post(self.mail.link)
            assert not zoe.is_logged_in()
        assert self.portal.rows("select 1 as found from authn.users where email = $1", self.zoe_email) == []
        assert self.portal.rows("select 1 as found from authn.validate_api_key($1)", self.api_key) == []
        assert self.portal.rows("select 1 as found from authn.mfa_secrets where mfa_type = 'recovery_codes'") == []
        assert self.portal.rows("select 1 as found from authn.outbox where sent_at is null") == []
        [event] = self.portal.rows("select new_values from authn.audit_events where event_type = 'backup_restored'")
        assert '"sessions": 2' in str(event["new_values"])

    def assert_alive(self) -> None:
        """On the restored portal: people and apps, with the keys that apps trust."""
        with Person(self.portal) as alice:
            alice.log_in(ALICE, SEEDED_PASSWORD)
            assert alice.path == "/account", alice.page.text
            assert "id_token" in self.tokens(self.code(alice)).json()
        with Person(self.portal) as zoe:
            zoe.sign_up(self.zoe_email, PASSWORD)
            assert zoe.is_logged_in()

    def key_ids(self) -> set[str]:
        """What apps verify ID tokens with."""
        return {key["kid"] for key in httpx.get(f"{self.portal.url}/oauth2/jwks").json()["keys"]}

    def browser(self, cookies: dict[str, str]) -> Person:
        """A browser that still has these cookies."""
        person = Person(self.portal)
        person.http.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return person

    def code(self, person: Person) -> str:
        """An authorization code for the app, unused."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self.client.client.client_id,
            "redirect_uri": CALLBACK,
            "scope": SCOPE,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        answer = person.http.get("/oauth2/authorize?" + urlencode(parameters))
        assert answer.headers.get("location", "").startswith(CALLBACK), answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def tokens(self, code: str) -> httpx.Response:
        """Exchange a code."""
        return self._token_call(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=self.verifier
        )

    def refreshed(self) -> httpx.Response:
        """Use the refresh token."""
        return self._token_call(grant_type="refresh_token", refresh_token=self.refresh_token)

    def _token_call(self, **fields: str) -> httpx.Response:
        login = httpx.BasicAuth(self.client.client.client_id, self.client.client_secret or "")
        return httpx.post(f"{self.portal.url}/oauth2/token", data=fields, auth=login, timeout=30)

    def _user_id(self, email: str) -> object:
        return self.portal.rows("select id from authn.users where email = $1", email)[0]["id"]


def a_past(portal: PortalServer) -> Past:
    """Register the app of the story on a portal in development mode, which has alice and dana."""
    assert portal.database is not None
    app_url = portal.database.app_url

    async def work() -> RegisteredClient:
        database = Database(app_url, pool_size=1)
        registered = await create_client(
            database,
            "default",
            name="Acme",
            redirect_uris=[CALLBACK],
            first_party=True,
            grant_types=["authorization_code", "refresh_token"],
        )
        await database.close()
        assert isinstance(registered, RegisteredClient), registered
        return registered

    return Past(portal, run_now(work))


def follow_the_guide(heading: str, step: str, environment: dict[str, str], places: dict[str, Path]) -> str:
    """Run the lines of docs/operating.md in a shell, up to `portal serve`; return what they print."""
    lines = documented(heading, f"sh {step}").splitlines()
    if step == "restore":
        assert lines.pop() == "portal serve"
    text = "\n".join(lines)
    for theirs, ours in places.items():
        assert theirs in text, theirs
        text = text.replace(theirs, str(ours))
    folders = [Path(sys.executable).parent, Path("/usr/lib/postgresql/15/bin"), Path("/usr/bin"), Path("/bin")]
    ran = subprocess.run(
        ["/bin/sh", "-euc", text],
        env={"PATH": ":".join(map(str, folders)), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
