"""From an app with and without a second step, at plain forms; every pair of factors: test_every_pair_of_methods.py."""

from collections.abc import Callable

from tests.flows.test_an_app_logs_people_in import claim
from tests.support.person import PASSWORD, Person, an_email
from tests.support.second_step import choose_way, get_codes, set_up_app
from tests.support.server import PortalServer

Somebody = Callable[[], Person]


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
