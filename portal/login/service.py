"""Starting a login, finding it again, and completing a factor."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from litestar import Response
from litestar.response import Redirect

from portal.db.engine import Querier
from portal.errors import TooManyRequests
from portal.login.address import read_address
from portal.login.finish import continue_logged_in, draft_session
from portal.login.flow import (
    LOGIN_FLOW_VALID_FOR,
    Enrolled,
    Factor,
    LoginFlow,
    NextStep,
    app_start,
    next_step,
    session_amr,
)
from portal.login.method import Finished, Method
from portal.login.queries import Completed, complete_login, get_login_flow, start_login_flow
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest
from portal.web.return_to import own_path, own_path_or_account

RETRY_AFTER = 60  # seconds; a network that began too many may go on as soon as an older one is an hour old
# Why a flow cannot go on: the status of the answer, and the refusal in the audit log.
GONE = {
    "unknown": (404, "unknown_flow"),
    "elsewhere": (403, "foreign_flow"),
    "finished": (410, "dead_flow"),
    "expired": (410, "dead_flow"),
}


async def start_flow(
    request: PortalRequest,
    *,
    return_to: str | None = None,
    client_id: str | None = None,
    app_name: str | None = None,
    purpose: str = "login",
    hint: str | None = None,
    reauthenticate: bool = False,
    second_step_wanted: bool = False,
) -> Redirect:
    """Start a login (or sign-up) bound to this browser and lead there.

    `return_to` is the own path that follows; `hint` is an address to fill in (OpenID Connect Core 3.1.2.1 login_hint);
    `reauthenticate` asks for a fresh proof although there is a session; `second_step_wanted` for two factors, where the
    account has them.
    """
    flow_id = await new_flow(
        request,
        return_to=return_to,
        client_id=client_id,
        app_name=app_name,
        purpose=purpose,
        reauthenticate=reauthenticate,
        second_step_wanted=second_step_wanted,
        email=_first_address(request, hint, reauthenticate=reauthenticate),
    )
    page_path = "/signup" if purpose == "signup" else "/login"
    return Redirect(f"{page_path}?flow={flow_id}", status_code=303)


async def new_flow(request: PortalRequest, **facts: Any) -> str:
    """Insert a flow for this browser and return its id.

    Raises:
        TooManyRequests: where its network has begun too many within the hour.
    """
    facts["return_to"] = own_path(facts.get("return_to"))
    flow = {
        **facts,
        "browser_digest": request.ensure_browser(),
        "begun_from": request.context.ip_address,
        "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
    }
    begun = await start_login_flow(request.portal.database, flow, request.namespace.name)
    if begun is None:
        raise TooManyRequests(retry_after=RETRY_AFTER)
    return begun


async def begin_anew(request: PortalRequest, flow: LoginFlow, email: str | None) -> str:
    """Start a flow that leads where this one leads, with nothing proven, and return its id.

    For somebody else ("Not you?"), whose login another person's proof must not complete, and for another first factor.
    """
    return await new_flow(
        request,
        email=email,
        return_to=flow.return_to,
        client_id=flow.client_id,
        app_name=flow.app_name,
        reauthenticate=flow.reauthenticate,
    )


async def find_flow(request: PortalRequest, flow_id: str | None) -> LoginFlow | None:
    """Return the flow that a URL or form names; None for no name and for a name that is none."""
    if not flow_id:
        return None
    return await get_login_flow(request.portal.database, flow_id, request.browser_digest, request.namespace.name)


@dataclass(frozen=True, slots=True)
class ProvenFactor:
    """A factor that a method has just checked. `facts` are further fields of what `complete_login` takes."""

    factor: Factor
    user_id: str
    email: str | None
    enrolled: Enrolled
    attempt_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


# Where a login goes on that has no session yet: see authn.complete_login.
NEXT_PAGES = {"pending": "/login", "terms": "/login/terms"}

Complete = Callable[[Querier, dict[str, Any], dict[str, Any], str], Awaitable[Completed]]


async def complete_factor(
    request: PortalRequest,
    flow: LoginFlow | None,
    proven: ProvenFactor,
    *,
    remembered: bool,
    complete: Complete = complete_login,
    used: Callable[[], Awaitable[Response[Any]]] | None = None,
) -> Response[Any]:
    """Record a proven factor and answer with the next step: another factor, or the session and the way back.

    `flow` is None for a form that was posted without an earlier page. `complete` is for a method whose proof is used up
    in the same commit: it calls an SQL function of its own that ends in `authn.complete_login`; `used` answers where
    that finds the proof used up already.
    """
    factor = replace(proven.factor, second=_may_be_second(request, proven.factor.method))
    return await _complete(request, flow, proven, (factor,), remembered=remembered, complete=complete, used=used)


async def complete_step(request: PortalRequest, flow: LoginFlow) -> Response[Any]:
    """Go on with a login after a step that proves nothing, such as accepting the terms."""
    if not flow.factors or not flow.user_id:
        return await flow_page_gone(request, flow)
    proven = ProvenFactor(flow.factors[-1], flow.user_id, flow.email or "", Enrolled())
    return await _complete(request, flow, proven, (), remembered=flow.remembered, complete=complete_login)


async def _complete(
    request: PortalRequest,
    flow: LoginFlow | None,
    proven: ProvenFactor,
    new_factors: tuple[Factor, ...],
    *,
    remembered: bool,
    complete: Complete,
    used: Callable[[], Awaitable[Response[Any]]] | None = None,
) -> Response[Any]:
    factors = (*(flow.factors if flow else ()), *new_factors)
    required = request.namespace.policy.second_factor == "required"
    step = next_step(proven.email, factors, proven.enrolled, second_factor_required=required)
    login: dict[str, Any] = {
        "flow_id": flow.id if flow else None,
        "browser_digest": request.ensure_browser(),
        "user_id": proven.user_id,
        "email": proven.email,
        "attempt_id": proven.attempt_id,
        "factors": [asdict(factor) for factor in new_factors],
        "remembered": remembered,
        "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
        **proven.facts,
    }
    token, session = draft_session(request, session_amr(factors), remembered=remembered)
    if step is NextStep.FINISH:
        login["session"] = session
    done = await complete(
        request.portal.database, login, request.context.as_actor(proven.user_id), request.namespace.name
    )
    if done.outcome == "session":
        on = await _visit_first(request, factors, proven, done)
        return continue_logged_in(request, token, on or done.return_to, remembered=remembered)
    if done.outcome in NEXT_PAGES:
        return Redirect(f"{NEXT_PAGES[done.outcome]}?flow={done.flow_id}", status_code=303)
    if done.outcome == "used" and used:
        return await used()
    # Read again: another tab, or the first of two presses, may have finished it meanwhile.
    return await flow_page_gone(request, await find_flow(request, flow.id) if flow else None)


def _may_be_second(request: PortalRequest, method_id: str) -> bool:
    methods: tuple[Method, ...] = request.app.state.methods
    return any(method.may_be_second for method in methods if method.id == method_id)


async def _visit_first(
    request: PortalRequest, factors: tuple[Factor, ...], proven: ProvenFactor, done: Completed
) -> str | None:
    """Return the page that a method wants to show before the login leads back, or None."""
    finished = Finished(
        proven.user_id, proven.email, done.session_id or "", factors, done.enrolled, done.declined, done.return_to
    )
    for method in request.app.state.methods:
        if method.after_login and (path := await method.after_login(request, finished)):
            return str(path)
    return None


async def flow_page_gone(request: PortalRequest, flow: LoginFlow | None) -> Response[Any]:
    """Answer for a flow that cannot go on here: finished, expired, unknown, or another browser's.

    Never a dead end: what is known leads on with one button, and nothing of another browser's state is shown.
    """
    if flow and flow.own and flow.finished and request.current_session:
        return Redirect(own_path_or_account(flow.return_to), status_code=303)
    reason = _why_gone(flow)
    status, refusal = GONE[reason]
    if request.method != "GET":
        mark_refusal(request.facts, refusal)
    return page(
        request,
        "login/gone.html",
        status=status,
        form_may_leave=True,
        reason=reason,
        app_name=flow.app_name if flow else None,
        return_to=own_path(flow.return_to) if flow and flow.own else None,
        app_url=app_start(flow.client_id) if flow and not flow.own else None,
        has_cookie=request.browser_digest is not None,
        purpose=flow.purpose if flow else "login",
    )


def _first_address(request: PortalRequest, hint: str | None, *, reauthenticate: bool) -> str | None:
    session = request.current_session
    if reauthenticate and session:
        return session.email
    return read_address(hint or "")


def _why_gone(flow: LoginFlow | None) -> str:
    if flow is None:
        return "unknown"
    if not flow.own:
        return "elsewhere"
    return "finished" if flow.finished else "expired"
