"""The second step of a login: a form of one of the account's authenticators, and the other ways that it has."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from litestar import Response
from litestar.response import Redirect

from portal.login.flow import LoginFlow
from portal.login.method import Method, methods_on
from portal.login.queries import list_authenticator_types
from portal.login.service import find_flow, flow_page_gone
from portal.login.throttled import too_many_tries
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.pages import messages, page
from portal.web.request import PortalRequest

WRONG = mark("That code does not match. Wait for the next one and try again.")

log = get_logger("portal.login")


class SecondStep(NamedTuple):
    """A try at the second step that was counted before the code is looked at."""

    attempt_id: int
    user_id: str
    authenticators: tuple[Mapping[str, Any], ...]  # id, secret, last_step, used_codes
    now: int  # seconds since 1970, by the database's clock


async def begin_second_step(
    request: PortalRequest, flow: LoginFlow, way: str, mfa_type: str
) -> SecondStep | Response[Any]:
    """Count a try at this flow's second step; or the answer where the flow cannot go on, or after too many tries."""
    row = await request.portal.database.fetchrow(
        "select * from authn.begin_second_step($1, $2, $3, $4)",
        UUID(flow.id),
        request.browser_digest,
        mfa_type,
        request.namespace.name,
    )
    if row is None:
        return await flow_page_gone(request, flow)
    if row["retry_after"]:
        log.warning("second_step_throttled", method=way, retry_after=row["retry_after"])
        return await _show_throttled(request, flow, way, row["retry_after"])
    return SecondStep(row["attempt_id"], str(row["user_id"]), tuple(row["authenticators"]), row["now_seconds"])


async def fail_second_step(request: PortalRequest, step: SecondStep, mfa_type: str) -> None:
    """Write the audit event of a wrong code."""
    await request.portal.database.fetchval(
        "select authn.fail_second_step($1, $2, $3, $4)",
        step.attempt_id,
        mfa_type,
        request.context.as_actor(step.user_id),
        request.namespace.name,
    )


async def flow_at_second_step(request: PortalRequest, flow_id: str) -> LoginFlow | Response[Any]:
    """Return the flow that a form of the second step names, or the answer where it is not at that step."""
    flow = await find_flow(request, flow_id)
    if flow is None or not flow.usable:
        return await flow_page_gone(request, flow)
    if not flow.factors:
        return Redirect(f"/login?flow={flow.id}", status_code=303)
    return flow


async def show_second_step(
    request: PortalRequest,
    flow: LoginFlow,
    *,
    way: str | None = None,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    """Render the form of the method `way`, or of the first one that this account has."""
    methods = await _methods_of(request, flow)
    chosen = next((method for method in methods if method.id == way), methods[0] if methods else None)
    if chosen is None or chosen.challenge is None:
        return await _show_none(request, flow)
    return page(
        request,
        "login/second_step.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id,
        app_name=flow.app_name,
        email=flow.email or "",
        method=chosen,
        shown=await chosen.challenge(request, flow),
        others=[method for method in methods if method is not chosen],
        **messages(request, errors, form_error),
    )


async def _show_throttled(request: PortalRequest, flow: LoginFlow, way: str, retry_after: int) -> Response[Any]:
    """Say that there were too many tries, and when the next one is possible."""
    text = too_many_tries(request, retry_after)
    response = await show_second_step(request, flow, way=way, form_error=text, status=429)
    response.headers["retry-after"] = str(retry_after)
    return response


async def may_set_up(request: PortalRequest, flow: LoginFlow) -> str:
    """Return whether a second step may be set up in this login: yes, mailbox_first or no."""
    return str(
        await request.portal.database.fetchval(
            "select authn.may_set_up_in_login($1, $2, $3)",
            UUID(flow.id),
            request.browser_digest,
            request.namespace.name,
        )
    )


async def _show_none(request: PortalRequest, flow: LoginFlow) -> Response[Any]:
    """Offer to set up what the namespace asks for and the account has not, or say whom to ask."""
    offers = [method for method in methods_on(request) if method.set_up_page and not flow.proves(method.amr)]
    answer = await may_set_up(request, flow) if offers else "no"
    if answer == "no":  # the method of the account was switched off, or there is none that could be set up here
        return page(request, "login/no_second_step.html", status=403, flow_id=flow.id, email=flow.email)
    return page(
        request,
        "login/set_up_second_step.html",
        form_may_leave=True,
        flow_id=flow.id,
        app_name=flow.app_name,
        email=flow.email or "",
        mailbox_first=answer == "mailbox_first",
        offers=offers,
    )


async def _methods_of(request: PortalRequest, flow: LoginFlow) -> list[Method]:
    if flow.user_id is None:
        return []
    types = await list_authenticator_types(request.portal.database, flow.user_id, request.namespace.name)
    return [
        method
        for method in methods_on(request)
        if method.may_be_second and method.authenticator in types and not flow.proves(method.amr)
    ]
