"""Recent login: what sensitive changes ask for. The SQL functions that make them decide; here the page asks in time."""

from litestar.response import Redirect

from portal.clock import now
from portal.login.service import start_flow
from portal.sessions.policy import RECENT_LOGIN
from portal.web.request import CurrentSession, PortalRequest


def login_is_recent(session: CurrentSession) -> bool:
    """Return whether the person has proven who they are in the last ten minutes."""
    return now() - session.auth_time < RECENT_LOGIN


async def ask_to_log_in_again(request: PortalRequest, return_to: str) -> Redirect:
    """Lead to a fresh proof of the same person and back to `return_to`, an own path."""
    return await start_flow(request, return_to=return_to, reauthenticate=True)
