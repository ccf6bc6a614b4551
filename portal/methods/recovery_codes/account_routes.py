"""/account/recovery-codes: make a set, which is shown once."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.login.authenticators import SECURITY_PAGE, enrol
from portal.login.reauthentication import ask_to_log_in_again, login_is_recent
from portal.methods.recovery_codes.codes import hash_codes, new_codes, read_code
from portal.methods.recovery_codes.queries import CodesLeft, count_codes
from portal.methods.recovery_codes.routes import TYPE
from portal.web.account_sections import sections
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.pages import page
from portal.web.request import PortalRequest

PAGE = "/account/recovery-codes"
FEW = 3  # codes left at which the page warns
MADE = mark("New recovery codes were made for your account. Older ones no longer work.")


@get(PAGE, opt={"session": "required"})
async def codes_page(request: PortalRequest) -> Response[Any]:
    """Say what the codes are for, and offer to make them."""
    if not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, PAGE)
    return page(
        request,
        "methods/recovery_codes/make.html",
        sections=sections(request, SECURITY_PAGE),
        shown=await _count(request),
    )


@post(PAGE, opt={"session": "required"}, status_code=200)
async def make_codes(request: PortalRequest) -> Response[Any]:
    """Make a set, end the one before, and show it this once."""
    await read_form(request)
    if not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, PAGE)
    former = await _count(request)
    if not former.demanded:
        return Redirect(SECURITY_PAGE, status_code=303)
    codes = new_codes()
    made = {"mfa_type": TYPE, "secret": await hash_codes(codes), "only_one": True}
    outcome = await enrol(request, made, MADE, ended=former.made)
    if outcome == "login_not_recent":
        return await ask_to_log_in_again(request, PAGE)
    return page(request, "methods/recovery_codes/shown.html", sections=sections(request, SECURITY_PAGE), codes=codes)


@post(PAGE + "/download", opt={"session": "required"}, status_code=200)
async def download_codes(request: PortalRequest) -> Response[str]:
    """Hand back as a file what the page that shows the codes posts; nothing of it is kept."""
    form = await read_form(request)
    codes = [code for code in form.text("codes").split() if read_code(code)]
    gettext = request.portal.templates.gettext(request.language)
    title = gettext("Recovery codes for {name}, {account}. Each works once.")
    title = title.format(name=request.namespace.display_name, account=request.required_session.email or "")
    headers = {"content-disposition": 'attachment; filename="recovery-codes.txt"', "cache-control": "no-store"}
    return Response("\r\n".join([title, "", *codes, ""]), media_type="text/plain", headers=headers)


async def card(request: PortalRequest) -> dict[str, Any]:
    """Return what the card on the security page needs."""
    left = await _count(request)
    return {"codes": left, "few": left.made and left.left <= FEW}


async def _count(request: PortalRequest) -> CodesLeft:
    return await count_codes(request.portal.database, request.required_session.user_id, request.namespace.name)


ROUTER = Router(path="/", route_handlers=[codes_page, make_codes, download_codes])
