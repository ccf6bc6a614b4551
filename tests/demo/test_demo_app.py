"""The demo app: whom it lets in, whom it does not, and that it tells both kindly."""

import ast
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.demo_app import register, running_demo_app
from tests.support.person import PASSWORD, Person, an_email
from tests.support.server import ROOT, PortalServer, free_port


@pytest.fixture
def zoe(portal_server: PortalServer) -> Person:
    """A person who is logged in at the portal and has not met the app."""
    person = Person(portal_server)
    person.sign_up(an_email())
    return person


def answer_of_the_portal(person: Person, demo_app: str, decision: str = "allow") -> str:
    """Begin at the app, decide, and return the address that the portal sends the browser to, unvisited."""
    person.open(demo_app).follow("Log in")
    fields = person.page.form("/oauth2/consent").fields | {"decision": decision}
    return person.http.post("/oauth2/consent", data=fields, headers={"origin": person.origin}).headers["location"]


def changed(address: str, **changes: str) -> str:
    parts = urlsplit(address)
    parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return parts._replace(query=urlencode(parameters | changes)).geturl()


def test_ten_tabs_can_log_in_at_once_in_any_order(demo_app: str, portal_server: PortalServer) -> None:
    person = Person(portal_server)
    email = an_email()
    person.sign_up(email).log_out()
    tabs = [person.open(f"{demo_app}/login").place for _ in range(10)]
    person.open(tabs[3]).submit("/login", email=email).submit("/login/password", password=PASSWORD)
    person.submit("/oauth2/consent", {"decision": "allow"})
    assert person.page.heading == "You are logged in"
    for tab in reversed(tabs):
        person.open(tab)
        assert person.page.heading == "You are logged in", (tabs.index(tab), person.way)


def test_a_login_lasts_through_a_restart_of_the_app(portal_server: PortalServer, zoe: Person) -> None:
    registration = register(portal_server, f"http://127.0.0.1:{free_port()}")
    with running_demo_app(portal_server, registration) as url:
        address = answer_of_the_portal(zoe, url)
    with running_demo_app(portal_server, registration):
        assert zoe.open(address).page.heading == "You are logged in"


def test_an_answer_that_this_browser_did_not_ask_for_logs_nobody_in(
    demo_app: str, portal_server: PortalServer, zoe: Person
) -> None:
    address = answer_of_the_portal(zoe, demo_app)
    victim = Person(portal_server)
    victim.open(address)
    assert victim.response.status_code == 400
    assert victim.page.heading == "This login did not begin here"
    assert victim.open(demo_app).page.heading == "Welcome"


def test_an_answer_works_once(demo_app: str, zoe: Person) -> None:
    address = answer_of_the_portal(zoe, demo_app)
    assert zoe.open(address).page.heading == "You are logged in"
    # Reloaded or reached by the back button, it changes nothing for who is logged in already.
    assert zoe.open(address).page.heading == "You are logged in"
    zoe.http.post(f"{demo_app}/logout")
    assert zoe.open(address).page.heading == "This login did not begin here"


@pytest.mark.parametrize("change", [{"iss": "http://localhost:1"}, {"iss": ""}, {"code": "another"}])
def test_an_answer_that_was_tampered_with_logs_nobody_in(demo_app: str, zoe: Person, change: dict[str, str]) -> None:
    zoe.open(changed(answer_of_the_portal(zoe, demo_app), **change))
    assert zoe.response.status_code == 502
    assert zoe.page.heading == "We could not check the portal's answer"
    assert zoe.open(demo_app).page.heading == "Welcome"


def test_who_says_no_is_told_kindly_and_can_try_again(demo_app: str, zoe: Person) -> None:
    address = answer_of_the_portal(zoe, demo_app, "deny")
    zoe.open(changed(address, error_description="Call 555-0100 for help"))
    assert zoe.page.heading == "You did not let us know who you are"
    assert "555-0100" not in zoe.response.text
    zoe.follow("Try again").submit("/oauth2/consent", {"decision": "allow"})
    assert zoe.page.heading == "You are logged in"


def test_logging_out_of_the_app_logs_out_of_the_portal_and_comes_back(demo_app: str, zoe: Person) -> None:
    zoe.open(answer_of_the_portal(zoe, demo_app))
    cookie = dict(zoe.http.cookies)["demo_session"]
    zoe._follow(zoe.http.post(f"{demo_app}/logout"))
    assert str(zoe.response.url).startswith(demo_app)
    assert zoe.page.heading == "You are logged out"
    assert not zoe.is_logged_in()
    # The cookie is not only gone from the browser: it is worth nothing any more.
    zoe.http.cookies.set("demo_session", cookie, domain="127.0.0.1")
    assert zoe.open(demo_app).page.heading == "Welcome"


def test_without_the_portal_it_says_so(own_portal_server: PortalServer) -> None:
    person = Person(own_portal_server)
    with running_demo_app(own_portal_server) as url:
        own_portal_server.stop()
        person.open(f"{url}/login")
        assert person.response.status_code == 502
        assert person.page.link("Try again") == "/login"


def test_its_pages_carry_their_security_headers_and_need_no_script(demo_app: str, zoe: Person) -> None:
    for address in (demo_app, f"{demo_app}/callback", f"{demo_app}/logged-out", f"{demo_app}/?state=x"):
        zoe.open(address)
        assert "default-src 'none'" in zoe.response.headers["content-security-policy"]
        assert zoe.response.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in zoe.response.text
        assert "style=" not in zoe.response.text


def test_it_imports_nothing_of_the_portal() -> None:
    for file in (ROOT / "examples" / "demo_app").glob("*.py"):
        for node in ast.walk(ast.parse(Path(file).read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(module.split(".")[0] == "portal" for module in modules), file
