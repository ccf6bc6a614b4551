"""/account/password: change the password, or set the first one. Well-known URL: https://www.w3.org/TR/change-password-url/."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.crypto.hashing import PASSWORDS, normalise
from portal.login.authenticators import SECURITY_PAGE
from portal.login.reauthentication import ask_to_log_in_again, login_is_recent
from portal.login.throttled import too_many_tries
from portal.methods.password import queries
from portal.methods.password.changed import password_changed_mail
from portal.methods.password.new_password import new_password_problem
from portal.methods.password.policy import MAX_LENGTH
from portal.methods.password.queries import PasswordAttempt, PasswordState
from portal.web.account_sections import sections
from portal.web.flash import flash
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.pages import messages, page
from portal.web.request import PortalRequest

PAGE = "/account/password"
MISSING = mark("Enter your current password.")
WRONG = mark("That is not your current password. Check it and try again.")
SAME = mark("That is the password you have. Choose another one.")
STALE = mark("Your password was changed a moment ago, somewhere else. Try again with the new one.")

log = get_logger("portal.login")


@get("/.well-known/change-password", include_in_schema=False)
async def well_known_change_password(request: PortalRequest) -> Redirect:
    """Lead password managers to the page."""
    return Redirect(PAGE, status_code=303)


@get(PAGE, opt={"session": "required"})
async def password_page(request: PortalRequest) -> Response[Any]:
    """Ask for the current and the new password; of people without an address there is none to ask for."""
    state = await password_state(request)
    if request.required_session.email and _needs_recent_login(state) and not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, PAGE)
    return _password(request, state)


@post(PAGE, opt={"session": "required"}, status_code=303)
async def change_password(request: PortalRequest) -> Response[Any]:
    """Change the password, end every other session, and tell the owner."""
    form = await read_form(request)
    person, state = request.required_session, await password_state(request)
    if person.email is None:
        return _password(request, state, status=409)
    if _needs_recent_login(state) and not login_is_recent(person):
        return await ask_to_log_in_again(request, PAGE)
    current, new = form.secret("password"), form.secret("new_password")
    errors = {"password": MISSING} if state.has_password and not current else {}
    problem = await new_password_problem(request, new, person.email, person.name)
    if problem is None and state.has_password and normalise(new) == normalise(current):
        problem = SAME
    if problem:
        errors["new_password"] = problem
    if errors:
        return _password(request, state, errors=errors, status=422)
    attempt: PasswordAttempt | None = None
    if state.has_password:
        checked = await _check_current(request, state, person.email, current)
        if isinstance(checked, Response):
            return checked
        attempt = checked
    change = {
        "old_hash": attempt.password_hash if attempt else None,
        "attempt_id": attempt.attempt_id if attempt else None,
        "new_hash": await PASSWORDS.hash(new),
        "mail_changed": password_changed_mail(request, person.email, first=attempt is None),
    }
    outcome = await queries.change_password(
        request.portal.database,
        person.user_id,
        person.session_id,
        change,
        request.context.as_actor(person.user_id),
        request.namespace.name,
    )
    if outcome == "login_not_recent":
        return await ask_to_log_in_again(request, PAGE)
    if outcome == "stale":
        return _password(request, await password_state(request), form_error=STALE, status=409)
    flash(request, "password_changed" if attempt else "password_set")
    return Redirect(SECURITY_PAGE, status_code=303)


async def password_state(request: PortalRequest) -> PasswordState:
    """Return whether the person has a password and a second factor."""
    return await queries.get_password_state(
        request.portal.database, request.required_session.user_id, request.namespace.name
    )


async def card(request: PortalRequest) -> dict[str, Any]:
    """Return what the card on the security page needs."""
    return {
        "has_password": (await password_state(request)).has_password,
        "has_address": request.required_session.email is not None,
    }


def _needs_recent_login(state: PasswordState) -> bool:
    # The current password in the form is a proof of this moment, but no second factor; and a first password has none.
    return not state.has_password or state.has_second_factor


async def _check_current(
    request: PortalRequest, state: PasswordState, email: str, current: str
) -> PasswordAttempt | Response[Any]:
    """Check the current password under the budgets of a login: a stolen session must not be a place to guess."""
    person, database, namespace = request.required_session, request.portal.database, request.namespace.name
    actor = request.context.as_actor(person.user_id)
    attempt = await queries.begin_password_login(database, email, request.browser_digest, actor, namespace)
    if attempt.retry_after:
        log.warning("password_change_throttled", retry_after=attempt.retry_after)
        text = too_many_tries(request, attempt.retry_after)
        response = _password(request, state, form_error=text, status=429)
        response.headers["retry-after"] = str(attempt.retry_after)
        return response
    matches = await PASSWORDS.verify(attempt.password_hash, current[:MAX_LENGTH], known_browser=attempt.known_browser)
    if not matches or len(current) > MAX_LENGTH or attempt.user_id != person.user_id:
        await queries.fail_password_login(database, attempt.attempt_id, email, actor, namespace)
        log.info("password_change_failed")
        return _password(request, state, errors={"password": WRONG}, status=422)
    return attempt


def _password(
    request: PortalRequest,
    state: PasswordState,
    *,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    return page(
        request,
        "methods/password/change.html",
        status=status,
        sections=sections(request, SECURITY_PAGE),
        has_password=state.has_password,
        email=request.required_session.email,
        min_length=request.namespace.policy.password_min_length,
        **messages(request, errors, form_error),
    )


ROUTER = Router(path="/", route_handlers=[well_known_change_password, password_page, change_password])
