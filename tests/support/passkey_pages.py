"""The part of the tour that is about passkeys: the offer, adding one, and the mail that takes a silent one back."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from playwright.async_api import Page

from tests.support.authenticator import BE, BS, Authenticator
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.server import PortalServer
from tests.support.stop import Stop

UPGRADE = "/account/passkeys/upgrade"
CANCELLED = "() => { navigator.credentials.create = async () => { throw new DOMException('', 'NotAllowedError') } }"


async def passkey_pages(page: Page, portal: PortalServer) -> AsyncIterator[Stop]:
    """Go to each, as somebody whose browser saved a passkey by itself."""
    email = an_email("chen")
    await page.goto(portal.url + await asyncio.to_thread(_undo_link, portal, email))
    yield Stop("passkey-undo", page)
    await page.get_by_role("button", name="Remove it and log out everywhere").click()
    await page.get_by_role("heading", name="The passkey is removed").wait_for()
    yield Stop("passkey-undone", page)
    await page.context.clear_cookies()
    await page.goto(portal.url + "/login")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await page.wait_for_url("**/account")
    await page.goto(portal.url + "/account/passkeys/offer")
    yield Stop("passkey-offer", page)
    await page.goto(portal.url + "/account/passkeys/add")
    yield Stop("passkey-add", page)
    await page.evaluate(CANCELLED)
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_role("status").filter(has_text="cancelled or took too long").wait_for()
    yield Stop("passkey-add-cancelled", page)


def _undo_link(portal: PortalServer, email: str) -> str:
    with Person(portal) as person:
        person.sign_up(email).log_out()
        person.log_in(email, PASSWORD)
        form = {"origin": portal.url, "content-type": "application/x-www-form-urlencoded"}
        begun = person.http.post(f"{UPGRADE}/options", headers=form).json()
        credential = Authenticator(portal.url).register(begun["publicKey"], flags=BE | BS)
        person.post(UPGRADE, {"ceremony": begun["ceremony"], "credential": credential})
    [link] = {link for link in newest_mail(portal, email).links if "/passkeys/undo/" in link}
    return urlsplit(link).path
