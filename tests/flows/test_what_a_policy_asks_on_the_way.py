"""Terms, invitations, the check for programs and a second step for everybody: from the demo app and back.

On a small phone and at plain forms; the portal is this file's own and its policy each test's.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.async_api import Page, Route, expect

from portal.login.proof_of_work import WAIT_FOR
from tests.flows.test_an_app_logs_people_in import claim
from tests.flows.test_in_a_browser import expect_claims
from tests.flows.test_the_way_back_in_a_browser import (
    SCRIPTS,
    expect_heading,
    expect_the_app,
    identify,
    small_phone,
    type_code,
)
from tests.security.test_proof_of_work import aged, work
from tests.signup.test_who_may_sign_up import invite
from tests.support.browser import Visit
from tests.support.database import TestDatabase
from tests.support.demo_app import running_demo_app
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.second_step import App, key_on
from tests.support.server import PortalServer, serving
from tests.support.tenant import Tenant

EVERYTHING_OFF = dict.fromkeys(["terms_version", "terms_url", "signup", "proof_of_work", "second_factor"])


@dataclass
class House:
    """A portal whose policy changes, and the app in front of it."""

    portal: PortalServer
    demo_app: str
    tenant: Tenant
    _asks: dict[str, Any] = field(default_factory=dict)

    def ask_for(self, **policy: Any) -> None:
        """Let this be its whole policy."""
        if policy != self._asks:
            self.tenant.set_policy(**EVERYTHING_OFF | policy)
            self._asks = policy

    def account(self) -> str:
        """Make an account with a password, and return its address."""
        email = an_email()
        self.tenant.account(email)
        return email


@pytest.fixture(scope="module")
def house(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[House]:
    with serving(postgres_server, template_database) as portal, running_demo_app(portal) as demo_app:
        yield House(portal, demo_app, Tenant(portal, "default", []))


@pytest.fixture
def person(house: House) -> Iterator[Person]:
    """A person at plain forms."""
    with Person(house.portal) as somebody:
        yield somebody


async def sign_up(page: Page, email: str, *, link: str = "Create an account", terms: bool = False) -> None:
    """From the login page to what comes after the first form."""
    await page.get_by_role("link", name=link).click()
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    if terms:
        await page.get_by_label("I accept the terms of use.").check()
    await page.get_by_role("button", name="Create account").click()


async def test_terms_are_accepted_on_the_way_and_again_when_they_change(house: House, visit: Visit) -> None:
    house.ask_for(terms_version="1", terms_url="https://acme.example/terms")
    email = an_email()
    page = await small_phone(visit, house.demo_app, javascript=True)
    await sign_up(page, email, terms=True)
    await expect_heading(page, "Check your mail")
    await type_code(page, house.portal, email, "Confirm", javascript=True)
    await expect_the_app(page, house.demo_app, email)

    house.ask_for(terms_version="2", terms_url="https://acme.example/terms")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out")
    await page.goto(house.demo_app)
    await page.get_by_role("link", name="Log in").click()
    await identify(page, email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect_heading(page, "Our terms")
    await expect(page.get_by_text("to continue to Demo app")).to_be_visible()
    await page.get_by_label("I accept the terms of use.").check()
    await page.get_by_role("button", name="Continue", exact=True).click()
    await expect_claims(page, house.demo_app, email)


def test_terms_at_plain_forms(house: House, person: Person) -> None:
    house.ask_for(terms_version="1")
    email = an_email()
    person.open(house.demo_app).follow("Log in").follow("Create an account")
    person.submit("/signup", email=email, new_password=PASSWORD, terms="1")
    person.submit("/signup/verify", code=newest_mail(house.portal, email).code or "")
    person.submit("/oauth2/consent", {"decision": "allow"})
    assert claim(person, "email") == email
    person.log_out()
    house.ask_for(terms_version="2")
    person.open(house.demo_app)
    person.open(f"{house.demo_app}/login").submit("/login", email=email)
    person.submit("/login/password", password=PASSWORD)
    assert person.page.heading == "Our terms"
    person.submit("/login/terms", terms="1")
    assert person.page.heading == "You are logged in"
    assert claim(person, "email") == email


async def test_who_is_invited_signs_up_on_the_way(house: House, visit: Visit) -> None:
    house.ask_for(signup="invite")
    email = an_email()
    assert invite(house.tenant, email, f"at-the-app-{email}") == "invited"
    page = await small_phone(visit, house.demo_app, javascript=True)
    await sign_up(page, email, link="Create your account")
    await expect_heading(page, "Check your mail")
    await type_code(page, house.portal, email, "Confirm", javascript=True)
    await expect_the_app(page, house.demo_app, email)


async def test_who_begins_at_the_mail_with_the_invitation_is_known_at_the_app(house: House, visit: Visit) -> None:
    house.ask_for(signup="invite")
    email = an_email()
    invite(house.tenant, email, f"by-its-link-{email}")
    page = await small_phone(visit, house.demo_app, javascript=True)
    await page.goto(f"{house.portal.url}/invite/by-its-link-{email}")
    await expect_heading(page, "You are invited")
    await page.get_by_role("button", name="Create your account").click()
    await expect(page.get_by_label("E-mail address")).to_have_value(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await expect_heading(page, "Check your mail")
    await type_code(page, house.portal, email, "Confirm", javascript=True)
    await expect_heading(page, "Profile")
    await page.goto(house.demo_app)
    await page.get_by_role("link", name="Log in").click()
    await expect_the_app(page, house.demo_app, email)


def test_an_invitation_at_plain_forms(house: House, person: Person) -> None:
    house.ask_for(signup="invite")
    email = an_email()
    invite(house.tenant, email, f"plain-{email}")
    person.open(house.demo_app).follow("Log in").follow("Create your account")
    assert "You need an invitation." in person.page.text
    person.submit("/signup", email=email, new_password=PASSWORD)
    person.submit("/signup/verify", code=newest_mail(house.portal, email).code or "")
    person.submit("/oauth2/consent", {"decision": "allow"})
    assert claim(person, "email") == email


async def have_waited(route: Route) -> None:
    """Send the form as if its page had been open for a quarter of a minute longer."""
    fields = dict(parse_qsl(route.request.post_data or "", keep_blank_values=True))
    if "kept" in fields:
        fields["kept"] = aged(fields["kept"], asked_at=time.time() - WAIT_FOR.total_seconds() - 1)
    await route.continue_(post_data=urlencode(fields))


@SCRIPTS
async def test_the_check_for_programs_lies_on_the_way(house: House, visit: Visit, javascript: bool) -> None:
    house.ask_for(proof_of_work=True)
    email = an_email()
    page = await small_phone(visit, house.demo_app, javascript=javascript)
    if not javascript:
        await page.route(re.compile("/signup$"), have_waited)
    await sign_up(page, email)
    if not javascript:
        await expect_heading(page, "One moment")
        await page.get_by_role("button", name="Continue", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail", timeout=30_000)
    await type_code(page, house.portal, email, "Confirm", javascript=javascript)
    await expect_the_app(page, house.demo_app, email)


def test_the_check_for_programs_at_plain_forms(house: House, person: Person) -> None:
    house.ask_for(proof_of_work=True)
    email = an_email()
    person.open(house.demo_app).follow("Create an account").submit("/signup", email=email, new_password=PASSWORD)
    assert person.page.heading == "One moment"
    work(person, "/signup")  # type: ignore[arg-type]
    person.submit("/signup/verify", code=newest_mail(house.portal, email).code or "")
    person.submit("/oauth2/consent", {"decision": "allow"})
    assert claim(person, "email") == email

    # And once more by a mailed code, whose form asks for work as well.
    person.log_out()
    person.open(f"{house.demo_app}/login").submit("/login", email=email).submit("/login/code")
    work(person, "/login/code")  # type: ignore[arg-type]
    person.submit("/login/code/verify", code=newest_mail(house.portal, email).code or "")
    assert person.page.heading == "You are logged in"
    assert claim(person, "amr") == "email"


async def test_a_second_step_is_set_up_on_the_way(house: House, visit: Visit) -> None:
    house.ask_for(second_factor="required")
    email = house.account()
    page = await small_phone(visit, house.demo_app, javascript=True)
    await identify(page, email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect_heading(page, "Set up a second step")
    await page.get_by_role("button", name="Mail me a code").click()
    await expect_heading(page, "Check your mail")
    await type_code(page, house.portal, email, "Log in", javascript=True)
    await expect_heading(page, "Set up a second step")
    await page.get_by_role("link", name="Authenticator app").click()
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    app = App(await page.locator(".text-key").inner_text())
    await page.get_by_label("Code from the app").fill(app.code(0))
    await page.get_by_role("button", name="Finish").click()
    await expect_the_app(page, house.demo_app, email)
    assert await page.locator("[data-claim=acr]").inner_text() == "aal2"


def test_a_check_that_waited_too_long_keeps_the_way_to_the_app(house: House, person: Person) -> None:
    house.ask_for(proof_of_work=True)
    email = an_email()
    person.open(house.demo_app).follow("Create an account").submit("/signup", email=email, new_password=PASSWORD)
    fields = person.page.form("/signup").fields
    person.post("/signup", {**fields, "kept": aged(fields["kept"], asked_at=time.time() - 3600)})
    assert person.page.heading == "This page has expired"
    person.follow("Start again")
    assert "to continue to Demo app" in person.page.text
    person.submit("/signup", email=email, new_password=PASSWORD)
    work(person, "/signup")  # type: ignore[arg-type]
    person.submit("/signup/verify", code=newest_mail(house.portal, email).code or "")
    person.submit("/oauth2/consent", {"decision": "allow"})
    assert claim(person, "email") == email


def test_a_second_step_is_set_up_at_plain_forms(house: House, person: Person) -> None:
    house.ask_for(second_factor="required")
    email = an_email()
    person.open(house.demo_app).follow("Log in").follow("Create an account")
    person.submit("/signup", email=email, new_password=PASSWORD)
    person.submit("/signup/verify", code=newest_mail(house.portal, email).code or "")
    assert person.page.heading == "Set up a second step"
    app = App(key_on(person.follow("Authenticator app")))
    person.submit("/login/totp/set-up", code=app.code(0), name="New phone")
    person.submit("/oauth2/consent", {"decision": "allow"})
    assert claim(person, "email") == email
    assert claim(person, "acr") == "aal2"
    assert {"otp", "mfa"} <= set(claim(person, "amr").replace(",", " ").split())
