"""The main job at plain forms: from an app to sign-up, consent, and back with claims that the app has verified."""

import re

from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.server import SEEDED_PASSWORD, PortalServer


def claim(person: Person, name: str) -> str:
    """The value of a claim on the demo app's page."""
    found = re.search(rf'data-claim="{name}">([^<]*)<', person.response.text)
    assert found, person.page.text
    return found[1]


def test_a_stranger_signs_up_on_the_way_and_arrives_with_verified_claims(
    portal_server: PortalServer, demo_app: str, zoe: Person
) -> None:
    email = an_email()
    zoe.open(demo_app).follow("Log in")
    assert zoe.path == "/login"
    assert "to continue to Demo app" in zoe.page.text
    zoe.follow("Create an account")
    assert "to continue to Demo app" in zoe.page.text
    zoe.submit("/signup", email=email, new_password=PASSWORD)
    zoe.submit("/signup/verify", code=newest_mail(portal_server, email).code or "")
    assert zoe.page.heading == "Let Demo app know who you are?"
    assert email in zoe.page.text
    zoe.submit("/oauth2/consent", {"decision": "allow"})
    assert zoe.origin not in str(zoe.response.url)
    assert zoe.page.heading == "You are logged in"
    assert claim(zoe, "email") == email
    assert claim(zoe, "email_verified") == "yes"
    assert claim(zoe, "iss") == portal_server.url

    # Out of the app, out of the portal, and in again by password; what was allowed is not asked again.
    zoe.http.post(f"{demo_app}/logout", headers={"origin": demo_app})
    zoe.log_out()
    zoe.open(demo_app).follow("Log in").submit("/login", email=email)
    zoe.submit("/login/password", password=PASSWORD)
    assert zoe.page.heading == "You are logged in"
    assert claim(zoe, "email") == email


def test_who_does_not_allow_it_comes_back_without_a_login(
    demo_app: str, portal_server: PortalServer, zoe: Person
) -> None:
    zoe.sign_up(an_email())
    zoe.open(demo_app).follow("Log in")
    assert "Let Demo app know" in zoe.page.heading
    zoe.submit("/oauth2/consent", {"decision": "deny"})
    assert zoe.page.heading == "You did not let us know who you are"


def test_two_tabs_each_return_to_their_own_login(demo_app: str, portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.sign_up(email).log_out()
    first = zoe.open(demo_app).follow("Log in").place
    second = zoe.open(demo_app).follow("Log in").place
    assert first != second
    zoe.open(first).submit("/login", email=email).submit("/login/password", password=PASSWORD)
    zoe.submit("/oauth2/consent", {"decision": "allow"})
    assert zoe.page.heading == "You are logged in"
    zoe.open(second)  # logged in by now: it goes straight on, to its own answer
    assert zoe.page.heading == "You are logged in"


def test_the_mail_to_a_registered_address_keeps_the_way_to_the_app(
    demo_app: str, portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    zoe.sign_up(email)
    here = somebody()
    here.open(demo_app).follow("Create an account")
    assert here.path == "/signup"
    here.submit("/signup", email=email, new_password="something else entirely")
    link = newest_mail(portal_server, email).link
    here.open(link)
    assert "to continue to Demo app" in here.page.text
    here.submit(link).submit("/login/password", password=PASSWORD)
    assert here.page.heading == "Let Demo app know who you are?"

    elsewhere = somebody()
    waiting = somebody()
    waiting.open(demo_app).follow("Create an account").submit("/signup", email=email, new_password=PASSWORD)
    link = newest_mail(portal_server, email).link
    elsewhere.open(link).submit(link).submit("/login/password", password=PASSWORD)
    # Another browser has none of the app's state: it begins again at the app, or ends in the account.
    assert elsewhere.is_logged_in()
    assert elsewhere.page.heading in ("Let Demo app know who you are?", "Profile", "Welcome", "You are logged in")


def test_a_link_opened_in_another_browser_leads_on_to_the_app_there(
    demo_app: str, portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    zoe.open(demo_app).follow("Create an account").submit("/signup", email=email, new_password=PASSWORD)
    link = newest_mail(portal_server, email).link
    phone = somebody().open(link)
    assert "to continue to Demo app" in phone.page.text
    phone.submit(link).submit("/signup/password", new_password="chosen on the phone")
    assert phone.page.heading == "Let Demo app know who you are?"
    phone.submit("/oauth2/consent", {"decision": "allow"})
    assert phone.page.heading == "You are logged in"
    # The browser that began goes on to log in, and then back to the app by its own way.
    zoe.open(zoe.place)
    assert zoe.path == "/login"
    zoe.submit("/login/password", password="chosen on the phone")
    assert zoe.page.heading == "You are logged in"


def test_a_known_person_is_logged_in_to_the_app_without_a_page(demo_app: str, zoe: Person) -> None:
    zoe.log_in("dana@example.com", SEEDED_PASSWORD)
    zoe.open(demo_app).follow("Log in")
    if "Let Demo app know" in zoe.page.heading:
        zoe.submit("/oauth2/consent", {"decision": "allow"})
    zoe.open(demo_app).open(f"{demo_app}/login")
    assert zoe.page.heading == "You are logged in"
    assert claim(zoe, "email") == "dana@example.com"
