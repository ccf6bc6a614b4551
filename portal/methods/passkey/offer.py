"""A passkey is offered after a login by password, where the device can make one: now, later, or never again."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.login.method import Finished
from portal.methods.passkey.account_routes import PAGE
from portal.methods.passkey.routes import WAY
from portal.web.forms import read_form
from portal.web.pages import page
from portal.web.request import PortalRequest
from portal.web.return_to import own_path_or_account

OFFER_PAGE = f"{PAGE}/offer"
ASK_AGAIN_AFTER = timedelta(days=30)  # "later": long enough not to nag


async def offer_after_login(request: PortalRequest, finished: Finished) -> str | None:
    """Return the offer's page for somebody who has no passkey, whose device can make one, and who has not declined.

    The form says `passkeys` only when our script found that out: programs and browsers without it are never held up.
    """
    if "webauthn" in finished.enrolled or WAY in finished.declined:
        return None
    if any(factor.method == WAY for factor in finished.factors):
        return None
    form = await read_form(request)
    if not form.checked("passkeys"):
        return None
    return f"{OFFER_PAGE}?{urlencode({'return_to': own_path_or_account(finished.return_to)})}"


@get(OFFER_PAGE, opt={"session": "required"})
async def offer_page(request: PortalRequest) -> Response[Any]:
    """Say what a passkey is good for, and lead on whatever the answer is."""
    return_to = own_path_or_account(request.query_params.get("return_to"))
    return page(request, "methods/passkey/offer.html", form_may_leave=True, return_to=return_to)


@post(OFFER_PAGE, opt={"session": "required"}, status_code=303)
async def answer_offer(request: PortalRequest) -> Redirect:
    """Remember "later" or "never", and lead on."""
    form = await read_form(request)
    await request.portal.database.fetchval(
        "select authn.decline_offer($1, $2, $3, $4)",
        UUID(request.required_session.user_id),
        WAY,
        None if form.text("answer") == "never" else ASK_AGAIN_AFTER,
        request.namespace.name,
    )
    return Redirect(own_path_or_account(form.text("return_to")), status_code=303)


ROUTER = Router(path="/", route_handlers=[offer_page, answer_offer])
