"""Passkeys at a real browser's virtual authenticator: sign-up, second step, fresh proof, name, removal, one click.

What the app hears of each is read where the app shows it.
"""

import re
import time

import pytest
from playwright.async_api import Page, Request, expect

from tests.flows.test_in_a_browser import code_to, expect_heading, log_in, type_code
from tests.flows.test_passkeys_in_a_browser import add_passkey, give_authenticator, sign_up
from tests.support.browser import Visit
from tests.support.person import an_email
from tests.support.server import PortalServer


async def log_out(page: Page, portal: PortalServer) -> None:
    await page.goto(portal.url + "/logout")
    await page.get_by_role("button", name="Log out").click()
    await expect_heading(page, "You are logged out")


async def no_autofill(page: Page) -> None:
    """Let the browser suggest nothing: this authenticator would agree before anybody presses a button."""
    await page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")


async def sign_up_by_passkey(page: Page, portal: PortalServer, email: str) -> None:
    await page.goto(portal.url + "/signup")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Use a passkey instead of a password").click()
    await expect_heading(page, "Check your mail")
    await type_code(page, await code_to(portal, email), javascript=True)
    await expect_heading(page, "Add a passkey")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page).not_to_have_url(re.compile("/add"))


async def claim(page: Page, name: str) -> str:
    return (await page.locator(f"[data-claim={name}]").inner_text()).strip()


async def test_one_click_at_the_app_and_two_round_trips_after_the_page(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = an_email("chen")
    page = await (await visit(phone=True)).new_page()
    await give_authenticator(page)
    await no_autofill(page)
    await sign_up_by_passkey(page, portal_server, email)
    # The first visit of the app asks whether it may know who they are; what is counted is every visit after it.
    await page.goto(demo_app + "/login")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect_heading(page, "You are logged in")
    await log_out(page, portal_server)
    await page.context.clear_cookies(name=re.compile("demo"))
    before = int(time.time())
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await page.get_by_role("button", name="Use a passkey").wait_for()
    await page.wait_for_load_state("networkidle")

    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    await page.get_by_role("button", name="Use a passkey").click()
    await expect_heading(page, "You are logged in")
    posts = [request.url.removeprefix(portal_server.url) for request in sent if request.method == "POST"]
    assert posts == ["/login/passkey/options", "/login/passkey"], "the question and the answer"
    # Beside those two the browser only follows redirects to the app, and loads the app's own page.
    others = [request for request in sent if request.method != "POST" and request.resource_type == "document"]
    assert all(request.redirected_from for request in others), [request.url for request in others]
    assert await claim(page, "email") == email
    assert "swk" in await claim(page, "amr") or "hwk" in await claim(page, "amr")
    assert "mfa" in await claim(page, "amr")
    assert await claim(page, "acr") == "aal2"
    assert before - 5 <= portal_auth_time(portal_server, email) <= time.time() + 5


def portal_auth_time(portal: PortalServer, email: str) -> float:
    query = (
        "select extract(epoch from max(s.auth_time)) as at from authn.sessions s "
        "join authn.users u on u.id = s.user_id where u.email = $1"
    )
    return float(str(portal.rows(query, email)[0]["at"]))


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
async def test_a_passkey_is_the_second_step_after_a_password(
    portal_server: PortalServer, demo_app: str, visit: Visit, phone: bool
) -> None:
    email = an_email("chen")
    page = await (await visit(phone=phone)).new_page()
    await give_authenticator(page)
    await no_autofill(page)
    await sign_up(page, portal_server, email)
    await add_passkey(page, portal_server)
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.get_by_text("A password login asks for a passkey, too.")).to_be_visible()
    await log_out(page, portal_server)
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await log_in(page, email)
    await expect_heading(page, "Second step")
    await page.get_by_role("button", name="Use your passkey").click()
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect_heading(page, "You are logged in")
    assert "pwd" in await claim(page, "amr")
    assert await claim(page, "acr") == "aal2"


async def test_a_passkey_gets_a_name_and_goes(portal_server: PortalServer, visit: Visit) -> None:
    page = await (await visit(phone=True)).new_page()
    await give_authenticator(page)
    await sign_up(page, portal_server, an_email("chen"))
    await add_passkey(page, portal_server)
    card = page.locator("#passkeys")
    await card.locator("summary").first.click()
    await card.get_by_label("Name: My phone", exact=True).fill("Work laptop")
    await card.get_by_role("button", name="Rename").click()
    await expect(card.get_by_text("Work laptop", exact=True)).to_be_visible()
    await card.locator("summary").first.click()
    await card.get_by_role("button", name="Remove this passkey").click()
    await expect(card.get_by_text("None yet")).to_be_visible()


async def test_the_only_way_in_stays(portal_server: PortalServer, visit: Visit) -> None:
    email = an_email("chen")
    page = await (await visit(phone=True)).new_page()
    await give_authenticator(page)
    await sign_up_by_passkey(page, portal_server, email)
    portal_server.sql(f"update authn.users set email_verified_at = null where email = '{email}'")
    portal_server.sql(f"update authn.identities set verified_at = null where value = '{email}'")
    await page.goto(portal_server.url + "/account/security")
    await page.locator("#passkeys summary").first.click()
    await page.get_by_role("button", name="Remove this passkey").click()
    await expect(page.get_by_text("This is the only way to log in to your account.")).to_be_visible()


async def test_somebody_with_a_passkey_only_proves_it_again_and_is_back_at_what_they_did(
    portal_server: PortalServer, visit: Visit
) -> None:
    email = an_email("chen")
    page = await (await visit(phone=True)).new_page()
    await give_authenticator(page)
    await no_autofill(page)
    await sign_up_by_passkey(page, portal_server, email)
    portal_server.sql(
        "update authn.sessions set auth_time = auth_time - interval '11 minutes' "
        f"where user_id = (select id from authn.users where email = '{email}')"
    )
    await page.goto(portal_server.url + "/account/passkeys/add")
    await expect_heading(page, "Confirm it is you")
    await expect(page.get_by_label("Password", exact=True)).to_have_count(0)
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page).to_have_url(portal_server.url + "/account/passkeys/add")
    await expect_heading(page, "Add a passkey")
    assert time.time() - portal_auth_time(portal_server, email) < 60


async def test_the_browser_suggests_a_passkey_in_the_address_field(portal_server: PortalServer, visit: Visit) -> None:
    page = await (await visit(phone=True)).new_page()
    await give_authenticator(page)
    await sign_up_by_passkey(page, portal_server, an_email("chen"))
    await log_out(page, portal_server)
    # This authenticator takes the suggestion at once: nothing is typed and nothing is pressed.
    await page.goto(portal_server.url + "/login")
    await expect(page).to_have_url(portal_server.url + "/account")
