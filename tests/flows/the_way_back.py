"""Ways from an app through the portal and back, as steps, so that something can come between any two of them."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client
from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.methods.sms_code.test_the_code_in_the_message import a_phone
from tests.support.authenticator import Authenticator
from tests.support.database import run_now
from tests.support.html import HtmlPage
from tests.support.person import MAX_REDIRECTS, PASSWORD, Person, an_email, newest_mail
from tests.support.second_step import App, get_codes, set_up_app
from tests.support.server import PortalServer

NEW_PASSWORD = "seven patient herons"


@dataclass(frozen=True)
class Relying:
    """An app that nobody serves: the traveller stops where the portal sends it back."""

    client_id: str
    redirect_uri: str

    def request(self, state: str) -> str:
        """Where the app sends a browser."""
        asked = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": state,
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
        return f"/oauth2/authorize?{urlencode(asked)}"


def an_app(portal: PortalServer, name: str) -> Relying:
    """Register an app whose people are not asked for consent."""
    assert portal.database is not None
    url, redirect_uri = portal.database.app_url, f"https://{name}.example/callback"

    async def work() -> RegisteredClient:
        database = Database(url, pool_size=1)
        made = await create_client(database, "default", name=name, redirect_uris=[redirect_uri], first_party=True)
        await database.close()
        assert isinstance(made, RegisteredClient), made
        return made

    return Relying(run_now(work).client.client_id, redirect_uri)


class Traveller(Person):
    """A person who stops where the portal sends the browser to an app."""

    arrived: str | None = None

    def _follow(self, response: httpx.Response) -> Self:
        self.arrived = None
        for _ in range(MAX_REDIRECTS):
            if not response.has_redirect_location:
                break
            target = response.url.join(response.headers["location"])
            if target.host.endswith(".example"):
                self.arrived = str(target)
                return self
            response = self.http.get(target)
        self.response, self.page = response, HtmlPage(response.text)
        return self

    def main_buttons(self) -> list[str]:
        """The words of the buttons that the page puts first."""
        return re.findall(r'class="button button--primary[^"]*"[^>]*>\s*(?:<span[^>]*>)?([^<]*)', self.response.text)

    def came_back(self, app: Relying, state: str) -> bool:
        """Whether it is at this app with a code for this very request."""
        if self.arrived is None:
            return False
        answer = parse_qs(urlsplit(self.arrived).query)
        return self.arrived.startswith(app.redirect_uri) and answer.get("state") == [state] and "code" in answer


@dataclass
class Journey(ABC):
    """One way to log in. `steps` begin at the login page and end at the app; `who` is the address that logs in."""

    portal: PortalServer
    who: str = field(default_factory=lambda: an_email("way"))
    authenticator: App | None = None
    codes: list[str] = field(default_factory=list)
    passkey: Authenticator | None = None

    @abstractmethod
    def steps(self) -> list[Callable[[Traveller], Any]]:
        """Each step, from the login page on; the last one ends at the app."""

    def prepare(self, owner: Person) -> None:
        """Make the account, in a browser of its own."""
        owner.sign_up(self.who)

    def identify(self, person: Traveller) -> None:
        person.submit("/login", email=self.who)

    def type_code(self, person: Traveller, action: str) -> None:
        person.submit(action, code=newest_mail(self.portal, self.who).code or "")


class ByPassword(Journey):
    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [self.identify, lambda person: person.submit("/login/password", password=PASSWORD)]


class ByMailedCode(Journey):
    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [
            self.identify,
            lambda person: person.submit("/login/code"),
            lambda person: self.type_code(person, "/login/code/verify"),
        ]


class ByMailedLink(Journey):
    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [self.identify, lambda person: person.submit("/login/code"), self.open_link]

    def open_link(self, person: Traveller) -> None:
        link = newest_mail(self.portal, self.who).link
        person.open(link).submit(link)


class ByPasskey(Journey):
    def prepare(self, owner: Person) -> None:
        super().prepare(owner)
        self.passkey = add_passkey(owner)

    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [self.identify, self.touch]

    def touch(self, person: Traveller) -> None:
        assert self.passkey
        use_passkey(person, self.passkey, flow=person.response.url.params["flow"])


class ByTwoSteps(Journey):
    def prepare(self, owner: Person) -> None:
        super().prepare(owner)
        self.authenticator = set_up_app(owner)
        self.codes = get_codes(owner)

    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [
            self.identify,
            lambda person: person.submit("/login/password", password=PASSWORD),
            self.second,
        ]

    def second(self, person: Traveller) -> None:
        # A recovery code: an app's code works once, and some detours need another try.
        person.follow("Recovery code")
        if person.response.status_code == 200 and person.arrived is None:
            person.submit("/login/recovery-code", code=self.codes.pop())


class ByTextMessage(Journey):
    def prepare(self, owner: Person) -> None:
        self.who = a_phone()
        self.portal.rows("select authn.create_user_with_phone($1, 'default')", self.who)

    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [
            lambda person: person.follow("Log in with your phone"),
            lambda person: person.submit("/login/code", phone=self.who),
            lambda person: self.type_code(person, "/login/code/verify"),
        ]


class BySignUp(Journey):
    def prepare(self, owner: Person) -> None:
        """There is no account yet."""

    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [
            lambda person: person.follow("Create an account"),
            lambda person: person.submit("/signup", email=self.who, new_password=PASSWORD),
            lambda person: self.type_code(person, "/signup/verify"),
        ]


class ByRecovery(Journey):
    def steps(self) -> list[Callable[[Traveller], Any]]:
        return [
            self.identify,
            self.ask,
            lambda person: self.type_code(person, "/recover/verify"),
            lambda person: person.submit("/recover/password", new_password=NEW_PASSWORD),
        ]

    def ask(self, person: Traveller) -> None:
        person.follow("Forgot it?")
        if person.response.status_code == 200:
            person.submit("/recover")


JOURNEYS: dict[str, type[Journey]] = {
    "password": ByPassword,
    "mailed_code": ByMailedCode,
    "mailed_link": ByMailedLink,
    "text_message": ByTextMessage,
    "passkey": ByPasskey,
    "two_steps": ByTwoSteps,
    "sign_up": BySignUp,
    "recovery": ByRecovery,
}
