"""npm's openid-client logs in, unchanged: discovery, PKCE, state, nonce, code, ID token, userinfo.

https://github.com/panva/openid-client is certified by the OpenID Foundation, and strict: what it accepts, others do.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client
from tests.support.database import run_now
from tests.support.node import npm_install, run_node
from tests.support.person import Person, an_email
from tests.support.server import ROOT, PortalServer

SOURCE = Path(__file__).parent / "stock_apps" / "openid_client"
CALLBACK = "https://app.example/callback"  # nobody is there: the test itself reads where the browser was sent


@dataclass(frozen=True)
class App:
    """An app that uses openid-client."""

    folder: Path
    registration: dict[str, Any]

    def run(self, name: str, **given: Any) -> dict[str, Any]:
        step = {"name": name, "redirect_uri": CALLBACK, **self.registration, **given}
        answer: dict[str, Any] = json.loads(
            run_node("login.mjs", folder=self.folder, environment={"STEP": json.dumps(step)})
        )
        return answer


@pytest.fixture(scope="session")
def openid_client() -> Path:
    """A folder with the library, exactly as package-lock.json has it."""
    folder = ROOT / ".cache" / "interop" / "openid-client"
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json", ".npmrc", "login.mjs"):
        shutil.copy(SOURCE / file, folder)
    npm_install(folder)
    return folder


def register(portal: PortalServer, folder: Path, authentication: str) -> App:
    assert portal.database is not None
    app_url = portal.database.app_url

    async def work() -> RegisteredClient:
        database = Database(app_url, pool_size=1)
        made = await create_client(
            database,
            "default",
            name="Openid client",
            redirect_uris=[CALLBACK],
            token_endpoint_auth_method=authentication,
        )
        await database.close()
        assert isinstance(made, RegisteredClient), made
        return made

    made = run_now(work)
    return App(
        folder,
        {
            "issuer": portal.url,
            "client_id": made.client.client_id,
            "client_secret": made.client_secret,
            "authentication": authentication,
        },
    )


def follow_to_the_app(person: Person, url: str) -> str:
    """Go where the app sends the browser, allow what it asks for, and return the address that it comes back to."""
    person.open(url)
    form = person.page.form("/oauth2/consent")
    answer = person.http.post(
        "/oauth2/consent", data={**form.fields, "decision": "allow"}, headers={"origin": person.origin}
    )
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return answer.headers["location"]


@pytest.fixture
def person(portal_server: PortalServer) -> Person:
    return Person(portal_server)


@pytest.mark.parametrize("authentication", ["client_secret_basic", "client_secret_post", "none"])
def test_openid_client_logs_in(
    portal_server: PortalServer, openid_client: Path, person: Person, authentication: str
) -> None:
    app = register(portal_server, openid_client, authentication)
    email = an_email()
    person.sign_up(email)
    begun = app.run("begin")
    told = app.run("finish", came_to=follow_to_the_app(person, begun["url"]), remembered=begun["remembered"])
    assert told["claims"]["iss"] == portal_server.url
    assert told["claims"]["aud"] == app.registration["client_id"]
    assert told["claims"]["email"] == told["userinfo"]["email"] == email
    assert told["userinfo"]["email_verified"] is True
    assert told["userinfo"]["sub"] == told["claims"]["sub"]


def test_openid_client_refuses_what_is_not_the_answer_to_its_request(
    portal_server: PortalServer, openid_client: Path, person: Person
) -> None:
    app = register(portal_server, openid_client, "none")
    person.sign_up(an_email())
    begun = app.run("begin")
    came_to = follow_to_the_app(person, begun["url"])
    remembered = begun["remembered"]

    def refused(address: str = came_to, **changed: str) -> str:
        told = app.run("finish", came_to=address, remembered={**remembered, **changed})
        return str(told.get("refused"))

    assert '"state"' in refused(state="another")
    assert '"iss"' in refused(_with(came_to, iss="http://localhost:1"))
    assert '"iss"' in refused(_with(came_to, iss=None))
    # These two reach the portal: the code is spent on the first, as it must be, and is not good for another try.
    assert "invalid_grant" in refused(verifier="v" * 43)
    assert "invalid_grant" in refused()


def test_openid_client_refuses_an_id_token_with_another_nonce(
    portal_server: PortalServer, openid_client: Path, person: Person
) -> None:
    app = register(portal_server, openid_client, "none")
    person.sign_up(an_email())
    begun = app.run("begin")
    came_to = follow_to_the_app(person, begun["url"])
    told = app.run("finish", came_to=came_to, remembered={**begun["remembered"], "nonce": "another"})
    assert '"nonce"' in told["refused"]


def _with(address: str, **changes: str | None) -> str:
    """Change or leave out parameters of an address."""
    parts = urlsplit(address)
    parameters = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    kept = {name: value for name, value in parameters.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()
