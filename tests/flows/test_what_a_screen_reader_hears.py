"""A person who hears the pages: what has the focus after each step, and what is said without one.

Read from Chromium's accessibility tree, with scripts and without. The rules that hold for every page are in
tests/architecture/test_pages_read_aloud.py.
"""

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import Visit
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.screen_reader import everything_said, focus_of, listen, names_of, said
from tests.support.second_step import get_codes, set_up_app
from tests.support.server import PortalServer
from tests.support.tenant import MakeTenant

SCRIPTS = pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
ADD = "/account/passkeys/add"


async def identify(page: Page, portal: PortalServer, email: str) -> None:
    await page.goto(f"{portal.url}/login")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Password", exact=True).wait_for()


async def logged_in(visit: Visit, person: Person, *, javascript: bool = True) -> Page:
    """A page of somebody who is logged in, with a listener."""
    context = await visit(javascript=javascript)
    await context.add_cookies(
        [{"name": name, "value": value, "url": person.portal.url} for name, value in person.cookies.items()]
    )
    page = await context.new_page()
    if javascript:
        await listen(page)
    return page


@SCRIPTS
async def test_each_step_has_its_title_and_a_refused_one_says_so_first(
    portal_server: PortalServer, visit: Visit, javascript: bool
) -> None:
    page = await (await visit(javascript=javascript)).new_page()
    titles = []
    await page.goto(f"{portal_server.url}/login")
    titles.append(await page.title())
    await identify(page, portal_server, "alice@example.com")
    titles.append(await page.title())
    assert titles == ["Log in · Portal", "Choose how to log in · Portal"]
    await page.get_by_label("Password", exact=True).fill("not this one")
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect(page).to_have_title("Error: Choose how to log in · Portal")
    focus = await focus_of(page)
    assert (focus.role, focus.name, focus.invalid) == ("textbox", "Password", True)
    assert focus.description.startswith("Error: That address and password do not match.")


@SCRIPTS
async def test_a_form_that_is_refused_as_a_whole_reads_the_reason(
    portal_server: PortalServer, visit: Visit, javascript: bool
) -> None:
    page = await (await visit(javascript=javascript)).new_page()
    await identify(page, portal_server, an_email())
    await page.get_by_role("button", name="Mail me a code").click()
    again = page.get_by_role("button", name="Send a new mail")
    await again.wait_for()
    if javascript:  # the button waits for half a minute, the server would say so too
        await again.evaluate("button => { button.disabled = false }")
    await again.click()
    await expect(page).to_have_title("Error: Check your mail · Portal")
    focus = await focus_of(page)
    assert focus.role == "alert"
    assert "We have just sent a mail. Please wait a moment" in focus.text


@SCRIPTS
async def test_a_second_mail_is_announced_where_the_code_is_typed(
    portal_server: PortalServer, visit: Visit, javascript: bool
) -> None:
    email = an_email()
    page = await (await visit(javascript=javascript)).new_page()
    if javascript:
        await listen(page)
    await identify(page, portal_server, email)
    await page.get_by_role("button", name="Mail me a code").click()
    await page.get_by_label("Code from the mail").wait_for()
    before = await focus_of(page)
    assert before.name == "Code from the mail"
    assert ("It is sent with the last digit." in before.description) is javascript
    portal_server.sql("UPDATE authn.verifications SET created_at = created_at - interval '31 seconds'")
    await page.reload()
    await page.get_by_role("button", name="Send a new mail").click()
    await page.get_by_text("We sent a new mail.").first.wait_for()
    after = await focus_of(page)
    assert after.name == "Code from the mail"
    if javascript:
        await said(page, "We sent a new mail. Only the newest code works.")
        assert "We sent" not in after.description, "once is enough"
    else:
        assert "We sent a new mail. Only the newest code works." in after.description


async def test_a_countdown_is_not_read_each_second(portal_server: PortalServer, visit: Visit) -> None:
    page = await (await visit()).new_page()
    await listen(page)
    await identify(page, portal_server, an_email())
    await page.get_by_role("button", name="Mail me a code").click()
    time = page.locator(".countdown__time")
    shown = await time.inner_text()
    await expect(time).not_to_have_text(shown)
    await expect(time).not_to_have_text(await time.inner_text())
    assert await everything_said(page) == []
    assert not await page.locator("count-down").evaluate("part => Boolean(part.closest('[role=status], [aria-live]'))")


async def test_a_button_that_works_says_so(portal_server: PortalServer, visit: Visit) -> None:
    page = await (await visit()).new_page()
    await listen(page)
    await identify(page, portal_server, "alice@example.com")
    await page.evaluate("addEventListener('submit', (event) => event.preventDefault())")  # an answer that takes long
    await page.get_by_label("Password", exact=True).fill("whatever it is")
    await page.get_by_role("button", name="Log in", exact=True).click()
    await said(page, "Logging in…")
    busy = page.get_by_role("button", name="Logging in…")
    assert await busy.get_attribute("aria-busy") == "true"
    assert (await focus_of(page)).name == "Logging in…", "the focus stays on it"


@SCRIPTS
async def test_ending_a_session_is_announced_and_the_focus_stays_at_the_list(
    portal_server: PortalServer, zoe: Person, visit: Visit, javascript: bool
) -> None:
    email = an_email()
    zoe.sign_up(email)
    with Person(portal_server) as elsewhere:
        elsewhere.log_in(email)
        page = await logged_in(visit, zoe, javascript=javascript)
        await page.goto(f"{portal_server.url}/account/devices")
        await page.get_by_role("button", name=re.compile("^End session")).click()
        await page.get_by_text("That session has ended.").first.wait_for()
    if javascript:
        await said(page, "That session has ended.")
    focus = await focus_of(page)
    assert (focus.role, focus.name) == ("group", "Devices") if javascript else focus.role == "status"
    assert "That session has ended." in focus.text


@SCRIPTS
async def test_every_button_of_the_security_page_says_of_what(
    portal_server: PortalServer, zoe: Person, visit: Visit, javascript: bool
) -> None:
    email = an_email()
    zoe.sign_up(email)
    set_up_app(zoe)
    portal_server.sql(
        "INSERT INTO authn.mfa_secrets (namespace, user_id, mfa_type, secret, name) "
        "SELECT m.namespace, m.user_id, m.mfa_type, m.secret, 'New phone' FROM authn.mfa_secrets m "
        f"JOIN authn.users u ON u.id = m.user_id WHERE u.email = '{email}'"
    )
    page = await logged_in(visit, zoe, javascript=javascript)
    await page.goto(f"{portal_server.url}/account/security")
    for change in await page.locator("details.more summary").all():
        await change.click()
    named = await names_of(page, "button", "textbox", "DisclosureTriangle")
    buttons = [name.replace(" :", ":") for name in named]
    for words in ("Change: Old phone", "Name: New phone", "Rename: Old phone", "Rename: New phone"):
        assert words in buttons
    assert sorted(buttons) == sorted(set(buttons)), "two with the same name"
    await page.get_by_role("textbox", name="Name: Old phone").fill("Spare phone")
    await page.get_by_role("button", name=re.compile("^Rename ?: Old phone")).click()
    await page.get_by_text("The new name is saved.").first.wait_for()
    focus = await focus_of(page)
    assert (focus.role, focus.text.replace("Done ", "")) == ("status", "The new name is saved.")


AN_AUTHENTICATOR_THAT_WAITS = """() => {
  said.length = 0;
  window.begun = new Promise((begin) => {
    navigator.credentials.create = () => new Promise((_, end) => begin(end));
  });
}"""
STUBS = {
    "cancelled": ("new DOMException('', 'NotAllowedError')", "That was cancelled or took too long. Nothing was added."),
    "known": ("new DOMException('', 'InvalidStateError')", "This device has a passkey for your account already."),
    "impossible": ("new TypeError('no')", "This browser cannot make a passkey here."),
}


async def test_a_passkey_being_made_is_told_from_waiting_to_its_end(
    portal_server: PortalServer, zoe: Person, visit: Visit
) -> None:
    zoe.sign_up(an_email())
    page = await logged_in(visit, zoe)
    await page.goto(portal_server.url + ADD)
    make = page.get_by_role("button", name="Add a passkey")
    for error, words in STUBS.values():
        await page.evaluate(AN_AUTHENTICATOR_THAT_WAITS)
        await make.click()
        await said(page, "Waiting for your device…")
        assert (await focus_of(page)).name == "Waiting for your device…"
        await page.evaluate(f"begun.then(end => end({error}))")
        await said(page, words)
        assert (await focus_of(page)).name == "Add a passkey", "and can be pressed again"


async def test_a_login_by_passkey_that_was_cancelled_says_so(portal_server: PortalServer, visit: Visit) -> None:
    page = await (await visit()).new_page()
    await listen(page)
    await page.add_init_script(
        "PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
        "navigator.credentials.get = async () => { throw new DOMException('', 'NotAllowedError') }"
    )
    await page.goto(f"{portal_server.url}/login")
    await page.get_by_role("button", name="Use a passkey").click()
    await said(page, "That was cancelled or took too long. Try again, or log in another way.")
    assert (await everything_said(page))[0] == "Waiting for your device…"
    assert (await focus_of(page)).name.startswith("Use a passkey")


async def test_pictures_and_lists_have_words(portal_server: PortalServer, zoe: Person, visit: Visit) -> None:
    zoe.sign_up(an_email())
    page = await logged_in(visit, zoe)
    await page.goto(f"{portal_server.url}/account/authenticator-app")
    await expect(page.get_by_role("img", name="QR code; the same key stands below as text")).to_be_visible()
    set_up_app(zoe)
    get_codes(zoe)
    await page.goto(f"{portal_server.url}/account/recovery-codes")
    await page.get_by_role("button", name="Show my codes").click()
    codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    await expect(codes).to_have_count(10)


async def test_an_app_is_allowed_and_disconnected_by_somebody_who_hears_it(
    portal_server: PortalServer, demo_app: str, zoe: Person, visit: Visit
) -> None:
    zoe.sign_up(an_email())
    page = await logged_in(visit, zoe)
    await page.goto(f"{demo_app}/login")
    allow = page.get_by_role("button", name="Allow", exact=True)
    await expect(page.locator("late-buttons:defined")).to_have_count(1)
    await page.evaluate("dispatchEvent(new Event('focus'))")  # the half second begins anew
    await allow.focus()
    await page.keyboard.press("Enter")
    await said(page, "That was too quick. Press it once more.")
    assert (await focus_of(page)).name == "Allow", "and the focus is not lost"
    await expect(allow).not_to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{demo_app}/**")

    await page.goto(f"{portal_server.url}/account/apps")
    await page.get_by_role("link", name="Disconnect").click()
    await expect(page.get_by_role("dialog", name="Disconnect Demo app?")).to_be_visible()
    assert (await focus_of(page)).name == "Cancel"
    await page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    await said(page, "That app is disconnected and has been logged out.")
    focus = await focus_of(page)
    assert (focus.role, focus.name) == ("group", "Connected apps")


@SCRIPTS
async def test_a_page_that_has_expired_says_so_in_its_title(
    portal_server: PortalServer, visit: Visit, javascript: bool
) -> None:
    email = an_email()
    page = await (await visit(javascript=javascript)).new_page()
    await identify(page, portal_server, email)
    portal_server.sql(f"UPDATE authn.login_flows SET expires_at = now() WHERE email = '{email}'")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect(page).to_have_title("This page has expired · Portal")
    assert await names_of(page, "heading") == ["This page has expired"]


async def test_the_check_for_programs_says_that_it_works(a_tenant: MakeTenant, visit: Visit) -> None:
    page = await (await visit()).new_page()
    await listen(page)
    await page.goto(f"{a_tenant(proof_of_work=True).url}/recover")
    await page.get_by_label("E-mail address").fill(an_email())
    await page.add_init_script("HTMLFormElement.prototype.requestSubmit = () => {}")  # or it would be gone too soon
    await page.get_by_role("button", name="Send the mail").click()
    await said(page, "Calculating…")
    assert await page.title() == "One moment · Tenant & Sons"


async def test_a_link_used_elsewhere_is_told_before_the_page_goes_on(
    portal_server: PortalServer, zoe: Person, visit: Visit
) -> None:
    email = an_email()
    page = await (await visit()).new_page()
    await listen(page)
    await page.goto(f"{portal_server.url}/signup")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_label("Code from the mail").wait_for()
    await page.evaluate("addEventListener('pagehide', () => sessionStorage.setItem('said', JSON.stringify(said)))")
    zoe.open((await asyncio.to_thread(newest_mail, portal_server, email)).link)
    zoe.submit(zoe.path)
    zoe.submit("/signup/password", new_password=PASSWORD)
    await page.get_by_role("heading", name="Log in").wait_for()
    assert "Your address is confirmed." in str(await page.evaluate("sessionStorage.getItem('said')"))
