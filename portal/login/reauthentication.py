"""Recent login: what sensitive changes ask for. The SQL functions that make them decide; here the page asks in time."""

from datetime import timedelta
from typing import Any

from litestar import Response

from portal.clock import now
from portal.login.service import start_flow
from portal.web.refusals import mark_refusal
from portal.web.request import CurrentSession, PortalRequest

RECENT_LOGIN = timedelta(minutes=10)  # as authn._login_is_recent has it


def login_is_recent(session: CurrentSession) -> bool:
    """Return whether the person has proven who they are within RECENT_LOGIN."""
    return now() - session.auth_time < RECENT_LOGIN


async def ask_to_log_in_again(request: PortalRequest, return_to: str) -> Response[Any]:
    """Lead to a fresh proof of the same person and back to `return_to`, an own path. HTMX is told to load that page."""
    if request.method != "GET":
        mark_refusal(request.facts, "login_not_recent")
    answer = await start_flow(request, return_to=return_to, reauthenticate=True)
    if request.from_htmx:
        return Response("", headers={"hx-redirect": answer.url}, media_type="text/html")
    return answer
