"""The login page, the start page, and log out."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.login.address import read_typed_address
from portal.login.flow import LoginFlow
from portal.login.method import methods_on
from portal.login.queries import list_ways_in, set_flow_identifier
from portal.login.second_step import show_second_step
from portal.login.service import begin_anew, find_flow, flow_page_gone, new_flow, start_flow
from portal.sessions.cookie import clear_session_cookie
from portal.sessions.queries import end_session
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.pages import messages, page
from portal.web.prepared_pages import prepared_page
from portal.web.request import PortalRequest
from portal.web.return_to import own_path, own_path_or_account

ADDRESS_INVALID = mark("Enter an e-mail address, such as name@example.com.")
# The browser drops what it kept of pages with a person on them (ASVS 14.3.1). Not "cookies": the browser cookie, by
# which the account knows this browser, is no login and stays.
CLEAR_SITE_DATA = {"clear-site-data": '"cache", "storage"'}


@get("/", opt={"session": "optional"})
async def start_page(request: PortalRequest) -> Redirect:
    """Lead to the account, or to the login page."""
    return Redirect("/account" if request.current_session else "/login", status_code=303)


@get("/login", opt={"session": "optional"})
async def login_page(request: PortalRequest) -> Response[Any]:
    """Show the step that the login has reached: the address first, then the namespace's methods."""
    flow_id = request.query_params.get("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable):
        return await flow_page_gone(request, flow)
    if request.current_session and not (flow and flow.reauthenticate):
        asked = flow.return_to if flow else request.query_params.get("return_to")
        return Redirect(own_path_or_account(asked), status_code=303)
    if flow is None and own_path(request.query_params.get("return_to")):
        return await start_flow(request, return_to=request.query_params["return_to"])
    change = "change" in request.query_params
    if flow and flow.factors and not change:
        return await show_second_step(request, flow, way=request.query_params.get("way"))
    return await login_step(request, flow, email=flow.email if flow else None, identify=change)


@post("/login", opt={"session": "optional"}, status_code=303)
async def submit_identifier(request: PortalRequest) -> Response[Any]:
    """Take the address, and go on to the methods of the namespace: the same ones for every address."""
    form = await read_form(request)
    flow_id = form.text("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable):
        return await flow_page_gone(request, flow)
    typed = form.text("email")
    email = read_typed_address(request, typed)
    if email is None:
        invalid = {"email": ADDRESS_INVALID}
        return await login_step(request, flow, email=typed, identify=True, errors=invalid, status=422)
    if flow is None:
        flow_id = await new_flow(request, email=email)
    elif flow.factors:
        # After a first factor: somebody else's proof must not count here, the way back to the app must.
        flow_id = await begin_anew(request, flow, email)
    elif not await set_flow_identifier(
        request.portal.database, flow.id, request.ensure_browser(), email, request.namespace.name
    ):
        return await flow_page_gone(request, flow)
    return Redirect(f"/login?flow={flow_id}", status_code=303)


@get("/logout", opt={"session": "optional"})
async def logout_page(request: PortalRequest) -> Response[Any]:
    """Ask before logging out: a link must not do it. Without a session, say that one is logged out."""
    return page(request, "login/logout.html", return_to=own_path(request.query_params.get("return_to")))


@post("/logout", opt={"session": "optional"}, status_code=200)
async def logout(request: PortalRequest) -> Response[Any]:
    """End this browser's session, in the database first."""
    await end_own_session(request)
    response = page(request, "login/logged_out.html")
    response.headers.update(CLEAR_SITE_DATA)
    return response


async def end_own_session(request: PortalRequest) -> None:
    """End the session of this browser, if it has one; the rest of the request is nobody's."""
    session = request.current_session
    if session:
        await end_session(
            request.portal.database,
            session.session_id,
            session.user_id,
            request.context.as_actor(session.user_id),
            request.namespace.name,
        )
    clear_session_cookie(request)
    request.facts["session"] = None


async def login_step(
    request: PortalRequest,
    flow: LoginFlow | None,
    *,
    email: str | None,
    identify: bool = False,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
    **more: Any,
) -> Response[Any]:
    """Render the login page at the step that `email` says: the identifier, or the methods. `more` is for options."""
    methods = [method for method in methods_on(request) if method.may_be_first]
    identifier_options = tuple(method.template("identifier") for method in methods if method.identifier_option)
    if not email and status == 200 and request.current_session is None:
        return prepared_page(
            request,
            "login/identifier.html",
            form_may_leave=True,
            slots={"flow_id": flow.id if flow else None},
            app_name=flow.app_name if flow else None,
            email="",
            errors=(),
            form_error=None,
            identifier_options=identifier_options,
        )
    if request.current_session and flow and flow.reauthenticate and email == request.current_session.email:
        # Of somebody who is logged in the page may know what the account has; a way that cannot work is no offer.
        ways = await list_ways_in(request.portal.database, request.current_session.user_id, request.namespace.name)
        methods = [method for method in methods if method.way_in is None or method.way_in in ways]
    return page(
        request,
        "login/identifier.html" if identify or not email else "login/methods.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id if flow else None,
        app_name=flow.app_name if flow else None,
        email=email or "",
        methods=methods,
        identifier_options=identifier_options,
        remembered=bool(flow and flow.remembered),
        reauthenticate=bool(flow and flow.reauthenticate),
        **messages(request, errors, form_error),
        **more,
    )


ROUTER = Router(path="/", route_handlers=[start_page, login_page, submit_identifier, logout_page, logout])
