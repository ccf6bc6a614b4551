"""POST /login/password: the address and the password, with or without an earlier page."""

from typing import Any

from litestar import Response, Router, post

from portal.crypto.hashing import PASSWORDS, HashQueueFull
from portal.login.address import read_address, read_typed_address
from portal.login.flow import Enrolled, Factor, LoginFlow
from portal.login.proof_of_work import after_work
from portal.login.queries import login_needs_work
from portal.login.routes import ADDRESS_INVALID, login_step
from portal.login.service import ProvenFactor, complete_factor, find_flow, flow_page_gone
from portal.login.throttled import too_many_tries
from portal.login.unlock import answer_locked
from portal.methods.password.policy import MAX_LENGTH
from portal.methods.password.queries import (
    PasswordAttempt,
    begin_password_login,
    begin_password_login_of_flow,
    fail_password_login,
)
from portal.web.forms import Form, read_form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.request import PortalRequest

FACTOR = Factor("password", ("pwd",))  # RFC 8176
# One sentence for a wrong password, an unknown address, a disabled account and one without a password.
WRONG = mark("That address and password do not match. Check both and try again.")
MISSING = mark("Enter your password.")

log = get_logger("portal.login")


@post("/login/password", opt={"session": "optional"}, status_code=200)
async def submit_password(request: PortalRequest) -> Response[Any]:
    """Check a password and go on to the next step of the login."""
    form = await _after_work(request, await read_form(request))
    if isinstance(form, Response):
        return form
    flow_id = form.text("flow")
    flow, attempt = await _find_flow_and_begin(request, form)
    if flow_id and (flow is None or not flow.usable):
        return await flow_page_gone(request, flow)
    typed = form.text("email") or (flow.email if flow and flow.email else "")
    email = read_typed_address(request, typed)
    if email is None:
        invalid = {"email": ADDRESS_INVALID}
        return await login_step(request, flow, email=typed, identify=True, errors=invalid, status=422)
    password = form.secret("password")
    if not password:
        return await login_step(request, flow, email=email, errors={"password": MISSING}, status=422)
    actor = request.context.as_actor()
    database, namespace = request.portal.database, request.namespace.name
    attempt = attempt or await begin_password_login(database, email, request.browser_digest, actor, namespace)
    if attempt.locked:
        log.warning("login_locked", retry_after=attempt.retry_after)
        return await answer_locked(request, flow, email, attempt.retry_after)
    if attempt.retry_after:
        log.warning("login_throttled", retry_after=attempt.retry_after)
        text = too_many_tries(request, attempt.retry_after)
        response = await login_step(request, flow, email=email, form_error=text, status=429)
        response.headers["retry-after"] = str(attempt.retry_after)
        return response
    # A password beyond the limit can be nobody's; it still costs a hash, of its beginning.
    matches = await PASSWORDS.verify(attempt.password_hash, password[:MAX_LENGTH], known_browser=attempt.known_browser)
    if not matches or len(password) > MAX_LENGTH or attempt.disabled or attempt.user_id is None:
        await fail_password_login(database, attempt.attempt_id, email, actor, namespace)
        log.info("login_failed", method="password")
        return await login_step(request, flow, email=email, errors={"password": WRONG}, status=422)
    proven = ProvenFactor(
        FACTOR,
        attempt.user_id,
        email,
        Enrolled(attempt.has_second_factor),
        attempt.attempt_id,
        await _stronger_hash(attempt.password_hash, password),
    )
    return await complete_factor(request, flow, proven, remembered=form.checked("remember_device"))


async def _after_work(request: PortalRequest, form: Form) -> Form | Response[Any]:
    """Return the form, after some work where the namespace wants it of addresses and networks that have just failed."""
    if not request.namespace.policy.proof_of_work or form.has("kept"):
        return await after_work(request, form)
    email = read_address(form.text("email"))
    if email is None or not await login_needs_work(
        request.portal.database, email, request.browser_digest, request.context.as_actor(), request.namespace.name
    ):
        return form
    return await after_work(request, form)


async def _find_flow_and_begin(request: PortalRequest, form: Form) -> tuple[LoginFlow | None, PasswordAttempt | None]:
    """Return the flow that the form names and, where the form is complete, the attempt: one round trip for both."""
    flow_id, email = form.text("flow"), read_address(form.text("email"))
    if not (flow_id and email and form.secret("password")):
        return await find_flow(request, flow_id), None
    database, actor, namespace = request.portal.database, request.context.as_actor(), request.namespace.name
    return await begin_password_login_of_flow(database, flow_id, email, request.browser_digest, actor, namespace)


async def _stronger_hash(password_hash: str | None, password: str) -> dict[str, Any]:
    """Hash a password anew that was hashed with less work than is asked for now; only here its text is at hand."""
    if password_hash is None or not PASSWORDS.is_outdated(password_hash):
        return {}
    try:
        return {"old_password_hash": password_hash, "new_password_hash": await PASSWORDS.hash(password)}
    except HashQueueFull:
        return {}  # the next login will do


ROUTER = Router(path="/", route_handlers=[submit_password])
