"""From an app and back with a second step, at plain forms: each first factor with each second one, and its amr."""

from collections.abc import Callable

import pytest

from tests.flows.test_an_app_logs_people_in import claim
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.second_step import choose_way, get_codes, set_up_app
from tests.support.server import PortalServer

Somebody = Callable[[], Person]


def by_password(person: Person, email: str, _portal: PortalServer) -> None:
    person.submit("/login/password", password=PASSWORD)


def by_mailed_code(person: Person, email: str, portal: PortalServer) -> None:
    person.submit("/login/code").submit("/login/code/verify", code=newest_mail(portal, email).code or "")


def by_mailed_link(person: Person, email: str, portal: PortalServer) -> None:
    person.submit("/login/code")
    link = newest_mail(portal, email).link
    person.open(link).submit(link)


FIRST = {"password": (by_password, "pwd"), "mailed_code": (by_mailed_code, "email"), "link": (by_mailed_link, "email")}


@pytest.mark.adversarial("F3")
@pytest.mark.parametrize("second", ["totp", "recovery_codes"])
@pytest.mark.parametrize("first", FIRST)
def test_every_first_factor_leads_on_to_the_second_step_and_back_to_the_app(
    portal_server: PortalServer, demo_app: str, somebody: Somebody, first: str, second: str
) -> None:
    email, owner = an_email("bo"), somebody()
    owner.sign_up(email)
    app, codes = set_up_app(owner), get_codes(owner)
    prove, amr = FIRST[first]

    person = somebody().open(demo_app).follow("Log in").submit("/login", email=email)
    prove(person, email, portal_server)
    assert person.page.heading == "Second step"
    assert "to continue to Demo app" in person.page.text
    if second == "totp":
        person.submit("/login/totp", code=app.code())
    else:
        choose_way(person, second).submit("/login/recovery-code", code=codes[0])
    assert person.page.heading == "Let Demo app know who you are?"
    person.submit("/oauth2/consent", {"decision": "allow"})
    assert person.page.heading == "You are logged in"
    assert claim(person, "email") == email
    for value in (amr, "otp", "mfa"):
        assert value in claim(person, "amr")
    assert claim(person, "acr") == "aal2"


def test_one_factor_says_so(demo_app: str, zoe: Person) -> None:
    email = an_email()
    zoe.sign_up(email).log_out()
    zoe.open(demo_app).follow("Log in").submit("/login", email=email).submit("/login/password", password=PASSWORD)
    zoe.submit("/oauth2/consent", {"decision": "allow"})
    assert "mfa" not in claim(zoe, "amr")
    assert claim(zoe, "acr") == "aal1"


def test_the_second_step_survives_a_detour_through_another_way_and_back(
    demo_app: str, somebody: Somebody, portal_server: PortalServer
) -> None:
    email, owner = an_email("bo"), somebody()
    owner.sign_up(email)
    app = set_up_app(owner)
    get_codes(owner)
    person = somebody().open(demo_app).follow("Log in").submit("/login", email=email)
    person.submit("/login/password", password=PASSWORD)
    choose_way(person, "recovery_codes").follow("I have none of these").follow("Back to the second step")
    person.submit("/login/totp", code=app.code())
    assert person.page.heading == "Let Demo app know who you are?"
