"""Conditional create, page side: a stand-in for navigator.credentials.create() shows what the page's script does."""

import json
from typing import Any

from playwright.async_api import Page, expect

from tests.flows.test_in_a_browser import expect_heading, log_in
from tests.flows.test_passkeys_in_a_browser import sign_up
from tests.support.authenticator import BE, BS, Authenticator
from tests.support.browser import Visit
from tests.support.person import an_email
from tests.support.server import PortalServer

# The browser's side: it can, and it hands the options to the software authenticator. `patient` never answers.
STAND_IN = """
(() => {
  const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const plain = (text) => atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = (text) => Uint8Array.from(plain(text), (character) => character.charCodeAt(0)).buffer;
  PublicKeyCredential.getClientCapabilities = async () => ({ conditionalCreate: CAN });
  PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable = async () => true;
  PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  navigator.credentials.create = async ({ publicKey, mediation, signal }) => {
    const answer = await window.answerCeremony({
      mediation: mediation ?? null, challenge: text(publicKey.challenge), user: text(publicKey.user.id),
    });
    if (answer === null) return new Promise((_, reject) => signal.addEventListener("abort", () => {
      window.wasAborted = true;
      reject(new DOMException("aborted", "AbortError"));
    }));
    const { response } = answer;
    return { id: answer.id, type: answer.type, response: {
      clientDataJSON: bytes(response.clientDataJSON), attestationObject: bytes(response.attestationObject),
      getTransports: () => response.transports,
    } };
  };
})();
"""


async def stand_in(
    page: Page, portal: PortalServer, *, can: bool = True, patient: bool = False
) -> list[dict[str, Any]]:
    """Put the stand-in into every page; returns what it was asked."""
    asked: list[dict[str, Any]] = []

    async def answer(options: dict[str, Any]) -> Any:
        asked.append(options)
        if patient:
            return None
        made = Authenticator(portal.url).register(
            {"challenge": options["challenge"], "user": {"id": options["user"]}}, flags=BE | BS
        )
        return json.loads(made)

    await page.expose_function("answerCeremony", answer)
    await page.add_init_script(STAND_IN.replace("CAN", "true" if can else "false"))
    return asked


async def log_in_again(page: Page, portal: PortalServer, email: str) -> None:
    """The second login in the same browser."""
    await page.goto(portal.url + "/logout")
    await page.get_by_role("button", name="Log out").click()
    await page.goto(portal.url + "/login")
    await log_in(page, email)


async def test_where_the_browser_can_the_offer_leads_on_by_itself(portal_server: PortalServer, visit: Visit) -> None:
    email = an_email("chen")
    page = await (await visit(phone=True)).new_page()
    asked = await stand_in(page, portal_server)
    await sign_up(page, portal_server, email)
    await log_in_again(page, portal_server, email)
    await expect(page).to_have_url(portal_server.url + "/account")
    assert [options["mediation"] for options in asked] == ["conditional"]
    await page.goto(portal_server.url + "/account/security")
    await expect(page.locator("#passkeys")).to_contain_text("Saved by your browser after a login")


async def test_where_the_browser_cannot_nothing_is_asked(portal_server: PortalServer, visit: Visit) -> None:
    email = an_email("chen")
    page = await (await visit(phone=True)).new_page()
    asked = await stand_in(page, portal_server, can=False)
    await sign_up(page, portal_server, email)
    await log_in_again(page, portal_server, email)
    await expect_heading(page, "Log in without a password?")
    assert asked == []
    await page.get_by_role("button", name="Later").click()
    await expect(page).to_have_url(portal_server.url + "/account")


async def test_whatever_is_pressed_ends_the_silent_try(portal_server: PortalServer, visit: Visit) -> None:
    email = an_email("chen")
    page = await (await visit(phone=True)).new_page()
    asked = await stand_in(page, portal_server, patient=True)
    await sign_up(page, portal_server, email)
    await log_in_again(page, portal_server, email)
    await expect_heading(page, "Log in without a password?")
    while not asked:
        await page.wait_for_timeout(50)
    await page.get_by_role("button", name="Create a passkey").click()
    await page.wait_for_function("window.wasAborted")
    await page.reload()
    await page.get_by_role("button", name="Do not ask again").click()
    await expect(page).to_have_url(portal_server.url + "/account")
