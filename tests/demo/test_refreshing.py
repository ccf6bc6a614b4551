"""The demo app keeps its login fresh, and lets go of it when the portal does."""

import sys
import time
from typing import Any

import pytest

from tests.support.demo_app import register, running_demo_app
from tests.support.person import Person, an_email
from tests.support.server import ROOT, PortalServer, free_port


@pytest.fixture
def email() -> str:
    """Zoe's address."""
    return an_email()


@pytest.fixture
def zoe(portal_server: PortalServer, demo_app: str, email: str) -> Person:
    """A person who is logged in at the app."""
    person = Person(portal_server)
    person.sign_up(email)
    person.open(demo_app).follow("Log in").submit("/oauth2/consent", {"decision": "allow"})
    assert person.page.heading == "You are logged in"
    return person


def press(person: Person, demo_app: str, button: str) -> None:
    """Press a button of the app's page."""
    person._follow(person.http.post(f"{demo_app}/{button}"))


def family_of(portal: PortalServer, email: str) -> dict[str, Any]:
    """What the app holds of the portal for this person."""
    (family,) = portal.rows(
        "select f.*, (select max(generation) from authn.refresh_tokens t where t.family_id = f.id) as generation "
        "from authn.refresh_token_families f join authn.users u on u.id = f.user_id "
        "where u.email = $1",
        email,
    )
    return family


def test_it_asks_the_portal_again_and_stays_logged_in(
    portal_server: PortalServer, demo_app: str, zoe: Person, email: str
) -> None:
    for times in ("1 time", "2 times"):
        press(zoe, demo_app, "refresh")
        assert zoe.page.heading == "You are logged in"
        assert times in zoe.response.text
    assert family_of(portal_server, email)["generation"] == 2


def test_who_logs_out_of_the_portal_is_logged_out_of_the_app_when_it_asks(demo_app: str, zoe: Person) -> None:
    zoe.log_out()
    assert zoe.open(demo_app).page.heading == "You are logged in"
    press(zoe, demo_app, "refresh")
    assert zoe.page.heading == "You are logged out"
    assert "ended at the portal" in zoe.response.text
    assert zoe.open(demo_app).page.heading == "Welcome"


def test_logging_out_of_the_app_gives_its_tokens_back(
    portal_server: PortalServer, demo_app: str, zoe: Person, email: str
) -> None:
    press(zoe, demo_app, "logout")
    assert zoe.page.heading == "You are logged out"
    assert not zoe.is_logged_in()
    assert family_of(portal_server, email)["ended_reason"] == "revoked"


def test_it_asks_again_shortly_before_its_access_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples" / "demo_app")
    from openid import VerifiedLogin

    def login(ends_in: float, refresh_token: str | None = "x") -> Any:
        return VerifiedLogin({}, {}, "", "", time.time() + ends_in, refresh_token)

    assert login(ends_in=10).is_stale
    assert login(ends_in=-1000).is_stale
    assert not login(ends_in=60).is_stale
    # Without a refresh token there is nothing to ask with.
    assert not login(ends_in=-1000, refresh_token=None).is_stale
    for module in ("openid", "settings"):
        sys.modules.pop(module)


def test_a_restart_of_the_portal_ends_no_login(own_portal_server: PortalServer) -> None:
    person = Person(own_portal_server)
    person.sign_up(an_email())
    registration = register(own_portal_server, f"http://127.0.0.1:{free_port()}")
    with running_demo_app(own_portal_server, registration) as url:
        person.open(url).follow("Log in").submit("/oauth2/consent", {"decision": "allow"})
        own_portal_server.stop()
        press(person, url, "refresh")
        assert person.page.heading == "You are logged in"
        own_portal_server.start()
        press(person, url, "refresh")
        assert "1 time" in person.response.text
