"""/account/authenticator-app: set one up, rename it, remove it."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.login.authenticators import (
    SECURITY_PAGE,
    answer_removal,
    answer_renaming,
    authenticators_of,
    enrol,
    read_name,
    remove,
)
from portal.login.mailed_proof import read_code
from portal.login.reauthentication import ask_to_log_in_again, login_is_recent
from portal.methods.totp.codes import new_secret, step_of
from portal.methods.totp.routes import MALFORMED
from portal.methods.totp.sealed import seal_secret
from portal.methods.totp.setting_up import (
    ADDED,
    EXPIRED,
    WRONG,
    database_time,
    open_secret_of,
    set_up_digest,
    shown_secret,
)
from portal.web.account_sections import sections
from portal.web.flash import flash
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.pages import messages, page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

PAGE = "/account/authenticator-app"
TOO_MANY = mark("You have set up fifty apps. Remove one on the security page first.")
REMOVED = mark("An authenticator app was removed from your account.")


@get(PAGE, opt={"session": "required"})
async def set_up_page(request: PortalRequest) -> Response[Any]:
    """Show a new secret as a picture and as text, and ask for its first code."""
    if not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, PAGE)
    return _set_up(request, new_secret())


@post(PAGE, opt={"session": "required"}, status_code=200)
async def confirm(request: PortalRequest) -> Response[Any]:
    """Enrol the app once a code shows that it has the secret; until then nothing counts."""
    form = await read_form(request)
    if not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, PAGE)
    secret = open_secret_of(request, form.secret("setup"), request.required_session.user_id)
    if secret is None:
        return _set_up(request, new_secret(), form_error=EXPIRED, status=422)
    code, name = read_code(form), read_name(form)
    if code is None:
        return _set_up(request, secret, name=name, errors={"code": MALFORMED}, status=422)
    step = step_of(secret, code, await database_time(request))
    if step is None:
        return _set_up(request, secret, name=name, errors={"code": WRONG}, status=422)
    outcome = await enrol(
        request,
        # The code just typed opens nothing any more: its step counts as used.
        {
            "mfa_type": "totp",
            "secret": seal_secret(request.portal.sealer, secret),
            "set_up_digest": set_up_digest(request, secret),
            "name": name,
            "second_step": True,
            "last_step": step,
        },
        ADDED,
        ended=True,
    )
    if outcome == "login_not_recent":
        return await ask_to_log_in_again(request, PAGE)
    if outcome == "too_many":
        return _set_up(request, secret, name=name, form_error=TOO_MANY, status=409)
    if outcome == "used":  # a second press, or the same page once more: the app is in the list, or was removed from it
        mark_refusal(request.facts, "used_set_up")
        return Redirect(SECURITY_PAGE, status_code=303)
    flash(request, "authenticator_app_added")
    return Redirect(SECURITY_PAGE, status_code=303)


@post(PAGE + "/{mfa_id:uuid}/rename", opt={"session": "required"}, status_code=303)
async def rename_app(request: PortalRequest) -> Redirect:
    """Give an app the name that its owner knows it by."""
    return await answer_renaming(request)


@post(PAGE + "/{mfa_id:uuid}/remove", opt={"session": "required"}, status_code=303)
async def remove_app(request: PortalRequest) -> Response[Any]:
    """Remove an app, end every other session, and tell the owner."""
    await read_form(request)
    outcome = await remove(request, request.path_params["mfa_id"], "totp", REMOVED)
    return await answer_removal(request, outcome, flash_name="authenticator_app_removed")


async def card(request: PortalRequest) -> dict[str, Any]:
    """Return what the card on the security page needs."""
    return {"apps": await authenticators_of(request, "totp")}


def _set_up(
    request: PortalRequest,
    secret: bytes,
    *,
    name: str | None = None,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    person = request.required_session
    return page(
        request,
        "methods/totp/set_up.html",
        status=status,
        sections=sections(request, SECURITY_PAGE),
        **shown_secret(request, secret, person.user_id, person.email or person.name or "account"),
        name=name or "",
        **messages(request, errors, form_error),
    )


ROUTER = Router(path="/", route_handlers=[set_up_page, confirm, rename_app, remove_app])
