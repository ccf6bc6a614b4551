"""The sign-up pages: address and password, then the code."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.crypto.hashing import PASSWORDS
from portal.login.address import read_typed_address
from portal.login.code_page import (
    CODE_MALFORMED,
    CodePage,
    answer_refused_code,
    answer_refused_mail,
    show_code_page,
)
from portal.login.finish import continue_logged_in
from portal.login.flow import LoginFlow
from portal.login.mailed_proof import read_code
from portal.login.method import methods_on
from portal.login.proof_of_work import after_work
from portal.login.routes import ADDRESS_INVALID
from portal.login.service import find_flow, flow_page_gone
from portal.login.terms import TERMS_MISSING, accept_terms
from portal.methods.password.new_password import new_password_problem
from portal.signup import service
from portal.signup.admission import PASSWORDS_OFF, domain_problem, signup_closed, takes_passwords
from portal.web.flash import flash
from portal.web.forms import Form, read_form
from portal.web.locale import mark
from portal.web.pages import messages, page
from portal.web.request import PortalRequest
from portal.web.return_to import own_path_or_account

TAKEN = mark("This address has an account by now. Log in with it.")
THROTTLED = mark("Too many sign-ups came from your network. Please try again in a quarter of an hour.")
NAME_TOO_LONG = mark("Use at most 100 characters.")
MAX_NAME_LENGTH = 100  # characters
STEP = CodePage(
    template="signup/verify.html",
    page="/signup/verify",
    verify="/signup/verify",
    resend="/signup/resend",
    status="/signup/status",
)


@get("/signup", opt={"session": "optional"})
async def signup_page(request: PortalRequest) -> Response[Any]:
    """Ask for an address and a password."""
    flow_id = request.query_params.get("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable):
        return await flow_page_gone(request, flow)
    if request.current_session and not (flow and flow.reauthenticate):
        return Redirect(own_path_or_account(flow.return_to if flow else None), status_code=303)
    if request.namespace.policy.signup == "closed":
        return signup_closed(request, flow)
    return _signup(request, flow, email=flow.email or "" if flow else "")


@post("/signup", opt={"session": "optional"}, status_code=303)
async def submit_signup(request: PortalRequest) -> Response[Any]:
    """Take address and password, send the mail, and go on to the code: the same for every address."""
    form = await after_work(request, await read_form(request))
    if isinstance(form, Response):
        return form
    flow_id = form.text("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable or flow.user_id):
        return await flow_page_gone(request, flow)
    if request.namespace.policy.signup == "closed":
        return signup_closed(request, flow)
    typed, name, password = form.text("email"), form.text("name"), form.secret("new_password")
    email = read_typed_address(request, typed)
    takes_password = takes_passwords(request) and not service.chooses_another_way(request, form.text("instead"))
    errors = await _problems(request, form, email, takes_password=takes_password)
    if errors or email is None:
        return _signup(request, flow, email=typed, name=name, errors=errors, status=422)
    begun = await service.begin(
        request,
        flow,
        email,
        name=name or None,
        password_hash=await PASSWORDS.hash(password) if takes_password else None,
        terms_version=request.namespace.policy.terms_version,
    )
    if begun.outcome == "throttled":
        response = _signup(request, flow, email=typed, name=name, form_error=THROTTLED, status=429)
        response.headers["retry-after"] = str(begun.retry_after)
        return response
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    return Redirect(f"/signup/verify?flow={begun.flow_id}", status_code=303)


@get("/signup/verify", opt={"session": "optional"})
async def verify_page(request: PortalRequest) -> Response[Any]:
    """Ask for the code, or move on when the link in the mail was used."""
    flow = await find_flow(request, request.query_params.get("flow"))
    moved = _moved_to(request, flow)
    if moved:
        return Redirect(moved, status_code=303)
    if flow is None or not flow.usable or not flow.email or flow.user_id:
        return await flow_page_gone(request, flow)
    return _verify(request, flow, change="change" in request.query_params)


@post("/signup/verify", opt={"session": "optional"}, status_code=200)
async def submit_code(request: PortalRequest) -> Response[Any]:
    """Check the code; the right one makes the account and logs in."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    moved = _moved_to(request, flow)
    if moved:
        return Redirect(moved, status_code=303)
    if flow is None or not flow.usable or not flow.email or flow.user_id:
        return await flow_page_gone(request, flow)
    code = read_code(form)
    if code is None:
        return _verify(request, flow, errors={"code": CODE_MALFORMED}, status=422)
    proven, token = await service.use_code(request, flow, code)
    if proven.outcome == "session":
        first = service.first_page(request, flow, proven.return_to)
        return continue_logged_in(request, token, first, remembered=flow.remembered)
    if proven.outcome == "pending":
        return Redirect(f"/login?flow={flow.id}", status_code=303)
    if proven.outcome == "refused":
        return signup_closed(request, flow)
    if proven.outcome == "taken":
        return _verify(request, flow, form_error=TAKEN, status=409)
    return answer_refused_code(request, STEP, flow, proven.outcome, proven.tries_left, change=False, typed=flow.email)


@post("/signup/resend", opt={"session": "optional"}, status_code=303)
async def resend_code(request: PortalRequest) -> Response[Any]:
    """Send a new code and link; the old ones end. Also corrects the address, where the form has one."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not flow.usable or not flow.email or flow.user_id:
        return await flow_page_gone(request, flow)
    if request.namespace.policy.signup == "closed":
        return signup_closed(request, flow)
    corrects = bool(form.text("email"))
    email = read_typed_address(request, form.text("email")) if corrects else flow.email
    problem = domain_problem(request, email) if email else ADDRESS_INVALID
    if email is None or problem:
        errors = {"email": problem or ADDRESS_INVALID}
        return _verify(request, flow, change=True, typed=form.text("email"), errors=errors, status=422)
    begun = await service.begin(request, flow, email, resend=not corrects or email == flow.email)
    if begun.outcome in ("too_soon", "throttled"):
        return answer_refused_mail(request, STEP, flow, begun, change=False, typed=flow.email)
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    flash(request, "code_sent")
    return Redirect(f"/signup/verify?flow={flow.id}", status_code=303)


@get("/signup/status", opt={"session": "optional"})
async def signup_status(request: PortalRequest) -> dict[str, str]:
    """Tell the waiting tab whether the link was used meanwhile."""
    flow = await find_flow(request, request.query_params.get("flow"))
    moved = _moved_to(request, flow)
    return {"state": "moved", "next": moved} if moved else {"state": "waiting"}


@get("/signup/password", opt={"session": "optional"})
async def password_page(request: PortalRequest) -> Response[Any]:
    """Ask for a password after the link was opened in another browser than the one that signed up."""
    flow = await find_flow(request, request.query_params.get("flow"))
    if flow is None or not flow.usable or not flow.user_id:
        return await flow_page_gone(request, flow)
    return _choose_password(request, flow)


@post("/signup/password", opt={"session": "optional"}, status_code=200)
async def submit_password(request: PortalRequest) -> Response[Any]:
    """Set the password, start the session, and go on."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not flow.usable or not flow.user_id:
        return await flow_page_gone(request, flow)
    password = form.secret("new_password")
    errors = _terms_problem(request, form)
    problem = await new_password_problem(request, password, flow.email)
    if problem:
        errors["new_password"] = problem
    if errors:
        return _choose_password(request, flow, errors=errors, status=422)
    if form.checked("terms"):
        await accept_terms(request, flow.id)
    proven, token = await service.finish(request, flow, await PASSWORDS.hash(password))
    if proven.outcome == "gone":
        return await flow_page_gone(request, flow)
    if proven.outcome == "pending":
        return Redirect(f"/login?flow={flow.id}", status_code=303)
    return continue_logged_in(request, token, proven.return_to, remembered=flow.remembered)


def _signup(
    request: PortalRequest,
    flow: LoginFlow | None,
    *,
    email: str,
    name: str = "",
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    return page(
        request,
        "signup/start.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id if flow else None,
        app_name=flow.app_name if flow else None,
        email=email,
        name=name,
        min_length=request.namespace.policy.password_min_length,
        takes_passwords=takes_passwords(request),
        sign_up_options=[method.template("sign_up") for method in methods_on(request) if method.sign_up_page],
        **messages(request, errors, form_error),
    )


async def _problems(request: PortalRequest, form: Form, email: str | None, *, takes_password: bool) -> dict[str, str]:
    """Return what is wrong with a sign-up, by field, before translation."""
    errors = _terms_problem(request, form)
    name, password = form.text("name"), form.secret("new_password")
    problem = domain_problem(request, email) if email else ADDRESS_INVALID
    if problem:
        errors["email"] = problem
    if len(name) > MAX_NAME_LENGTH:
        errors["name"] = NAME_TOO_LONG
    if takes_password:
        problem = await new_password_problem(request, password, email, name)
    else:
        problem = PASSWORDS_OFF if password and not takes_passwords(request) else None
    if problem:
        errors["new_password"] = problem
    return errors


def _terms_problem(request: PortalRequest, form: Form) -> dict[str, str]:
    missing = request.namespace.policy.terms_version is not None and not form.checked("terms")
    return {"terms": TERMS_MISSING} if missing else {}


def _verify(
    request: PortalRequest,
    flow: LoginFlow,
    *,
    change: bool = False,
    typed: str | None = None,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    return show_code_page(
        request,
        STEP,
        flow,
        errors=errors,
        form_error=form_error,
        status=status,
        change=change,
        typed=typed if typed is not None else flow.email,
    )


def _choose_password(
    request: PortalRequest, flow: LoginFlow, *, errors: dict[str, str] | None = None, status: int = 200
) -> Response[Any]:
    return page(
        request,
        "signup/password.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id,
        email=flow.email,
        app_name=flow.app_name,
        min_length=request.namespace.policy.password_min_length,
        **messages(request, errors, None),
    )


def _moved_to(request: PortalRequest, flow: LoginFlow | None) -> str | None:
    """Say where the waiting tab goes once the link was used, in this browser or in another one."""
    if flow is None or not flow.own:
        return None
    if flow.finished and request.current_session:
        return own_path_or_account(flow.return_to)
    if flow.purpose == "login" or flow.proven_elsewhere:  # or it went on as a login by mail
        return f"/login?flow={flow.id}"
    return None


ROUTER = Router(
    path="/",
    route_handlers=[
        signup_page,
        submit_signup,
        verify_page,
        submit_code,
        resend_code,
        signup_status,
        password_page,
        submit_password,
    ],
)
