"""The part of the tour behind policies and limits, a tenant each: invitations, terms, unlocking, set-up."""

import asyncio
from collections.abc import AsyncIterator

from playwright.async_api import Page

from tests.support.person import PASSWORD, an_email, newest_mail
from tests.support.phone import a_phone, code_for
from tests.support.server import PortalServer
from tests.support.tenant import make_tenant


async def doors(portal: PortalServer, page: Page) -> AsyncIterator[str]:
    """Lead a page through them; yields the name of each when it shows."""
    email = an_email("door")
    invited = make_tenant(portal, signup="invite")
    invited.account(email)
    portal.rows(
        "select authn.create_invite('new@example.org', encode(sha256('come'::bytea), 'hex'), 'sealed', '{}', $1)",
        invited.name,
    )
    await page.goto(f"{invited.url}/invite/come")
    yield "invite"
    await page.goto(f"{invited.url}/signup")
    yield "signup-by-invitation"
    await page.goto(f"{invited.url}/login")
    await submit(page, {"E-mail address": email}, "Continue")
    await submit(page, {"Password": PASSWORD}, "Log in")
    await page.goto(f"{invited.url}/invite/come")
    yield "invite-logged-in"

    closed = make_tenant(portal, signup="closed", terms_version="1", terms_url="https://acme.example/terms")
    closed.account(email)
    await page.goto(f"{closed.url}/signup")
    yield "signup-closed"
    await page.goto(f"{closed.url}/login")
    await submit(page, {"E-mail address": email}, "Continue")
    await submit(page, {"Password": PASSWORD}, "Log in")
    yield "terms"
    await submit(page, {}, "Continue")
    yield "terms-error"
    await submit(page, {}, "Decline and log out")
    yield "terms-declined"

    working = make_tenant(portal, proof_of_work=True)
    await page.route("**/proof-of-work*", lambda route: route.abort())  # or it would be gone before it is seen
    await page.goto(f"{working.url}/recover")
    await submit(page, {"E-mail address": email}, "Send the mail")
    yield "proof-of-work"

    locked = make_tenant(portal)
    locked.account(email)
    portal.sql(
        "insert into authn.login_attempts (namespace, email, success, ip_address, attempted_at) "
        f"select '{locked.name}', '{email}', false, '198.51.100.1'::inet + n, now() - interval '2 hours' "
        "from generate_series(1, 100) n"
    )
    await page.goto(f"{locked.url}/login")
    await submit(page, {"E-mail address": email}, "Continue")
    await submit(page, {"Password": PASSWORD}, "Log in")
    yield "unlock-sent"
    link = (await asyncio.to_thread(newest_mail, locked, email)).link
    await page.goto(locked.url + link)
    yield "unlock"

    strict = make_tenant(portal, second_factor="required")
    strict.account(email)
    await page.goto(f"{strict.url}/login")
    await submit(page, {"E-mail address": email}, "Continue")
    await submit(page, {"Password": PASSWORD}, "Log in")
    yield "set-up-mailbox-first"
    await submit(page, {}, "Mail me a code")
    code = (await asyncio.to_thread(newest_mail, strict, email)).code or ""
    await page.get_by_label("Code from the mail").fill(code)  # it sends itself
    await page.get_by_role("link", name="Authenticator app").wait_for()
    yield "set-up-second-step"
    await page.get_by_role("link", name="Authenticator app").click()
    await submit(page, {"Code from the app": "12345"}, "Finish")
    yield "set-up-app-error"
    await page.get_by_role("link", name="Back").click()
    await page.get_by_role("link", name="Text message").click()
    await submit(page, {"Phone number": "079 123 45 67"}, "Text me a code")
    yield "set-up-number-error"
    phone = a_phone()
    await submit(page, {"Phone number": phone}, "Text me a code")
    yield "set-up-number-code"
    await page.get_by_label("Code from the message").fill(await asyncio.to_thread(code_for, strict, phone))
    await page.wait_for_url(f"{strict.url}/account")
    await page.goto(f"{strict.url}/account/security")
    yield "security-text-message"
    await page.goto(f"{strict.url}/logout")
    await submit(page, {}, "Log out")
    await page.goto(f"{strict.url}/login")
    await submit(page, {"E-mail address": email}, "Continue")
    await submit(page, {"Password": PASSWORD}, "Log in")
    yield "second-step-text-message"
    await submit(page, {}, "Text me a code")
    await submit(page, {"Code from the message": "12345"}, "Continue")
    yield "second-step-text-message-error"


async def submit(page: Page, typed: dict[str, str], button: str) -> None:
    """Fill a form and send it, past the browser's own checks: the server's are what is looked at."""
    await page.evaluate("for (const form of document.forms) form.noValidate = true")
    for label, text in typed.items():
        await page.get_by_label(label, exact=True).fill(text)
    async with page.expect_navigation(wait_until="load"):
        await page.get_by_role("button", name=button, exact=True).click()
