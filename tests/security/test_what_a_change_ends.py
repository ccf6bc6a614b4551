"""What ends when somebody changes how they log in (adversarial L4): docs/security-model.md has the same table.

Each change is made on the page by the owner, in a browser of their own, while everything that could outlive it is open.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import pytest

from tests.methods.passkey.test_passkeys import add_passkey
from tests.oidc.issuer import Issuer, make_issuer
from tests.support.events import events_about, refused
from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.second_step import App, choose_way, get_codes, set_up_app
from tests.support.server import PortalServer

NEW = "seven patient herons"
SECURITY = "/account/security"

pytestmark = pytest.mark.adversarial("L4")


@pytest.fixture(scope="module")
def house(portal_server: PortalServer) -> Iterator[Issuer]:
    """A namespace whose app goes on while its people are away."""
    made = make_issuer(portal_server, "change", an_email())
    yield made
    for person in made.tenant.people:
        person.close()


@dataclass
class Account:
    """Somebody with a password, an app, a passkey and recovery codes; and what is open for the account."""

    issuer: Issuer
    owner: Person
    email: str
    app: App
    others: dict[str, Person] = field(default_factory=dict)
    refresh_token: str = ""
    wish: str = ""
    code: str = ""
    link: str = ""

    def visitor(self, name: str) -> Person:
        self.others[name] = self.issuer.tenant.visitor()
        return self.others[name]

    def open_everything(self) -> None:
        """Log in elsewhere, and leave everything half done that can be."""
        self.app_of_the_owner()
        other = self.visitor("session").log_in(self.email, PASSWORD)
        self.let_a_code_work()
        choose_way(other, "totp")
        other.submit("/login/totp", code=self.app.code())
        assert other.is_logged_in()
        half = self.visitor("half a login").log_in(self.email, PASSWORD)
        choose_way(half, "totp")
        lost = self.visitor("wish").log_in(self.email, PASSWORD).follow("I have none of these").submit("/login/lost")
        assert "Check your mail" in lost.page.text
        self.wish = path_of(newest_mail(self.issuer.tenant, self.email).links, "/lost/link/")
        self.visitor("code").post("/login/code", {"email": self.email})
        self.code = newest_mail(self.issuer.tenant, self.email).code or ""
        self.visitor("link").post("/login/code", {"email": self.email})
        self.link = newest_mail(self.issuer.tenant, self.email).link
        recovering = self.visitor("recovery").open("/recover").submit("/recover", email=self.email)
        recovering.submit("/recover/verify", code=newest_mail(self.issuer.tenant, self.email).code or "")
        assert recovering.path == "/recover/password"

    def app_of_the_owner(self) -> None:
        """Let an app hold a refresh token for when its person is away."""
        client = self.issuer.client
        page = self.owner.http.get(self.issuer.url(client[0]))
        while page.has_redirect_location:
            page = self.owner.http.get(page.headers["location"])
        form = HtmlPage(page.text).form("/oauth2/consent").fields
        allowed = self.owner.http.post(
            "/oauth2/consent", data={**form, "decision": "allow"}, headers={"origin": self.owner.origin}
        )
        given = self.issuer.redeem(self.issuer.code_in(allowed), client).json()
        self.refresh_token = given["refresh_token"]

    def let_a_code_work(self) -> None:
        self.issuer.tenant.rows(
            "update authn.mfa_secrets m set last_step = last_step - 10 from authn.users u "
            "where u.id = m.user_id and u.email = $1 and m.mfa_type = 'totp' returning 1",
            self.email,
        )

    def alive(self) -> set[str]:
        """What of all this still leads somewhere, asked in a way that uses nothing up."""
        half, recovery, link = self.others["half a login"], self.others["recovery"], self.others["link"]
        form = half.page.form("/login/totp").fields
        checks: dict[str, Callable[[], bool]] = {
            "session": lambda: self.others["session"].is_logged_in(),
            "refresh token": self.refreshes,
            "half a login": lambda: half.http.get(f"/login?flow={form['flow']}").status_code == 200,
            "link": lambda: link.http.get(self.link).status_code == 200,
            "recovery": lambda: recovery.http.get(recovery.place).status_code == 200,
            "wish": lambda: self.owner.http.get(self.wish).status_code == 200,
            "known browser": self.knows_the_other_browser,
        }
        return {name for name, works in checks.items() if works()}

    def refreshes(self) -> bool:
        answer = self.issuer.refresh(self.refresh_token, self.issuer.client)
        self.refresh_token = answer.json().get("refresh_token", self.refresh_token)
        return answer.status_code == 200

    def knows_the_other_browser(self) -> bool:
        query = (
            "select 1 from authn.known_browsers k join authn.users u on u.id = k.user_id "
            "where u.email = $1 and k.browser_digest = encode(sha256($2::text::bytea), 'hex')"
        )
        return bool(self.issuer.tenant.rows(query, self.email, self.others["session"].http.cookies["portal_browser"]))

    def use_what_was_open(self) -> set[str]:
        """Go on with each as whoever had it would, and say what led to a second step or a session."""
        half, code, link, recovery = (self.others[name] for name in ("half a login", "code", "link", "recovery"))
        half.submit("/login/totp", code=self.app.code())
        code.submit("/login/code/verify", code=self.code)
        link.post(self.link)
        recovery.post(
            "/recover/password", {**recovery.page.form("/recover/password").fields, "new_password": NEW + "!"}
        )
        people = {"half a login": half, "code": code, "link": link, "recovery": recovery}
        return {
            name for name, person in people.items() if person.is_logged_in() or person.page.heading == "Second step"
        }


def path_of(links: list[str], part: str) -> str:
    return urlsplit(next(link for link in links if part in link)).path


@pytest.fixture
def account(house: Issuer) -> Account:
    email = an_email("bo")
    owner = house.tenant.visitor().sign_up(email)
    app = set_up_app(owner)
    add_passkey(owner)
    get_codes(owner)
    account = Account(replace(house, email=email), owner, email, app)
    account.open_everything()
    return account


def change_password(account: Account) -> None:
    account.owner.open("/account/password").submit("/account/password", password=PASSWORD, new_password=NEW)
    assert "Your password is changed" in account.owner.page.text


def reset_password(account: Account) -> None:
    person = account.visitor("reset").open("/recover").submit("/recover", email=account.email)
    person.submit("/recover/verify", code=newest_mail(account.issuer.tenant, account.email).code or "")
    assert person.submit("/recover/password", new_password=NEW).page.heading == "Second step"


def add_app(account: Account) -> None:
    set_up_app(account.owner)


def remove(account: Account, kind: str) -> None:
    page = account.owner.open(SECURITY).page
    action = next(
        form.action for form in page.forms if form.action.startswith(kind) and form.action.endswith("/remove")
    )
    account.owner.submit(action)
    assert account.owner.path == SECURITY, account.owner.page.text


def remove_app(account: Account) -> None:
    remove(account, "/account/authenticator-app")


def remove_passkey(account: Account) -> None:
    remove(account, "/account/passkeys")


def renew_codes(account: Account) -> None:
    get_codes(account.owner)


def ask_for_the_passkey_too(account: Account) -> None:
    account.owner.open(SECURITY).submit("/account/passkeys/second-step")
    assert "now asks for a second step" in account.owner.page.text


def add_a_passkey(account: Account) -> None:
    add_passkey(account.owner)


EVERYTHING = {"session", "refresh token", "half a login", "link", "recovery", "wish", "known browser"}
USABLE = {"half a login", "code", "link", "recovery"}
# What survives, and the event of the change.
CHANGES: dict[str, tuple[Callable[[Account], None], set[str], str]] = {
    "password changed": (change_password, set(), "password_updated"),
    # The wish waits for the very mailbox that made the new password: who has forgotten both must not begin again.
    "password reset": (reset_password, {"wish"}, "account_recovered"),
    "app added": (add_app, set(), "mfa_added"),
    "app removed": (remove_app, set(), "mfa_removed"),
    "passkey removed": (remove_passkey, set(), "mfa_removed"),
    "recovery codes renewed": (renew_codes, set(), "mfa_added"),
    "passkey asked for": (ask_for_the_passkey_too, set(), "second_step_on"),
    # A further way in takes nothing from the others.
    "passkey added": (add_a_passkey, EVERYTHING, "mfa_added"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_l4_what_was_open_before_a_change_is_dead_after_it(account: Account, name: str) -> None:
    change, survives, event = CHANGES[name]
    tenant = account.issuer.tenant
    # The positive control: until then everything works.
    assert account.alive() == EVERYTHING
    change(account)
    assert account.alive() == survives
    assert account.owner.is_logged_in() is (name != "password reset")
    assert account.use_what_was_open() == (USABLE if survives == EVERYTHING else set())
    names = [kind for kind, _values in events_about(tenant, account.email)]
    assert event in names
    if survives == EVERYTHING:
        assert "sessions_revoked_other" not in names
        return
    assert "sessions_revoked_all" in names or "sessions_revoked_other" in names
    assert tenant.events("refresh_refused")
    kinds = {kind for person in account.others.values() for kind in refused(person)}
    assert {"dead_session", "dead_flow", "dead_link"} <= kinds
