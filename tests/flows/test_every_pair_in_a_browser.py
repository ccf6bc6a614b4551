"""Every first factor alone and with every second one, in a real browser on a phone, from the demo app and back.

Passkeys live in the browser's virtual authenticator; what else the owner has was set up in another browser.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.async_api import Page

from tests.flows.test_every_pair_of_methods import FIRSTS, PAIRS, SECONDS, Owner, enrol, pass_the_wait_for_another_code
from tests.flows.test_in_a_browser import expect_heading
from tests.flows.test_managing_passkeys_in_a_browser import claim, no_autofill
from tests.flows.test_passkeys_in_a_browser import give_authenticator
from tests.flows.the_way_back import Journey
from tests.support.authenticator import Authenticator
from tests.support.browser import Visit
from tests.support.person import PASSWORD, Mail, Somebody, newest_mail
from tests.support.server import PortalServer


async def put_into_the_browser(page: Page, passkey: Authenticator) -> None:
    """Give the browser's authenticator a passkey that was made elsewhere, as syncing does."""
    session, authenticator_id = await give_authenticator(page)
    key = passkey.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    credential = {
        "credentialId": base64.b64encode(passkey.credential_id).decode(),
        "isResidentCredential": True,
        "rpId": passkey.rp_id,
        "privateKey": base64.b64encode(key).decode(),
        "userHandle": base64.b64encode(passkey.handle).decode(),
        "signCount": passkey.count,
        "backupEligibility": passkey.synced,
        "backupState": passkey.synced,
    }
    await session.send("WebAuthn.addCredential", {"authenticatorId": authenticator_id, "credential": credential})


async def mail_to(portal: PortalServer, who: str) -> Mail:
    return await asyncio.to_thread(newest_mail, portal, who)


async def identify(page: Page, who: str) -> None:
    await page.get_by_label("E-mail address").fill(who)
    await page.get_by_role("button", name="Continue").click()


async def by_password(page: Page, _portal: PortalServer, who: str) -> None:
    await identify(page, who)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()


async def by_mailed_code(page: Page, portal: PortalServer, who: str) -> None:
    await identify(page, who)
    await page.get_by_role("button", name="Mail me a code").click()
    await expect_heading(page, "Check your mail")
    await page.get_by_label("Code from the mail").press_sequentially((await mail_to(portal, who)).code or "")


async def by_mailed_link(page: Page, portal: PortalServer, who: str) -> None:
    await identify(page, who)
    await page.get_by_role("button", name="Mail me a code").click()
    await expect_heading(page, "Check your mail")
    await page.goto(portal.url + (await mail_to(portal, who)).link)
    await page.get_by_role("button", name="Log in", exact=True).click()


async def by_text_message(page: Page, portal: PortalServer, who: str) -> None:
    await page.get_by_role("link", name="Log in with your phone").click()
    await page.get_by_label("Phone number").fill(who)
    await page.get_by_role("button", name="Text me a code").click()
    await expect_heading(page, "Check your phone")
    await page.get_by_label("Code from the message").press_sequentially((await mail_to(portal, who)).code or "")


async def by_passkey(page: Page, _portal: PortalServer, _who: str) -> None:
    await page.get_by_role("button", name="Use a passkey").click()


FIRST_STEPS: dict[str, Callable[[Page, PortalServer, str], Awaitable[None]]] = {
    "password": by_password,
    "mailed_code": by_mailed_code,
    "mailed_link": by_mailed_link,
    "text_message": by_text_message,
    "passkey": by_passkey,
}


async def second_step(page: Page, portal: PortalServer, second: str, has: Owner) -> None:
    await expect_heading(page, "Second step")
    if second == "totp":
        await page.get_by_label("Code from your authenticator app").press_sequentially(has.app.code())
    elif second == "text_message":
        await page.get_by_role("button", name="Text me a code").click()
        await page.get_by_text("Six digits, sent to your number").wait_for()
        code = (await mail_to(portal, has.phone)).code or ""
        await page.get_by_label("Code from the message").press_sequentially(code)
    elif second == "recovery_codes":
        await page.get_by_role("link", name="Recovery code").click()
        await page.get_by_label("Recovery code").fill(has.codes[0])
        await page.get_by_role("button", name="Continue").click()
    else:
        await page.get_by_role("button", name="Use your passkey").click()


def prepare(portal: PortalServer, somebody: Somebody, first: str, second: str) -> tuple[Journey, Owner | None]:
    """Make the account and what it needs, in the owner's other browser."""
    journey, owner = FIRSTS[first][0](portal), somebody()
    journey.prepare(owner)
    has = enrol(journey, owner, second)
    if has and first != "password":
        pass_the_wait_for_another_code(portal)
    return journey, has


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{first}-{second}" for first, second in PAIRS])
async def test_a_pair_on_a_phone(
    portal_server: PortalServer, demo_app: str, somebody: Somebody, visit: Visit, first: str, second: str
) -> None:
    journey, has = await asyncio.to_thread(prepare, portal_server, somebody, first, second)
    page = await (await visit(phone=True)).new_page()
    passkey: Any = journey.passkey if first == "passkey" else has.passkey if has else None
    if passkey:
        await no_autofill(page)
        await put_into_the_browser(page, passkey)
    began = int(time.time())
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await FIRST_STEPS[first](page, portal_server, journey.who)
    if has:
        await second_step(page, portal_server, second, has)
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect_heading(page, "You are logged in")

    strong = second != "none" or first == "passkey"
    told = (await claim(page, "amr")).replace(",", " ").split()
    assert set(told) == {*FIRSTS[first][1], *SECONDS[second], *(("mfa",) if strong else ())}
    assert await claim(page, "acr") == ("aal2" if strong else "aal1")
    told_time = datetime.strptime(await claim(page, "auth_time"), "%d %B %Y, %H:%M:%S %Z").replace(tzinfo=UTC)
    assert began <= told_time.timestamp() <= time.time()
