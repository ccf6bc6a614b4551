"""The one place that issues a session: a new token, its lifetimes, the cookie, and the way on."""

from typing import Any

from litestar.response import Redirect

from portal.crypto.tokens import IssuedToken, new_token
from portal.sessions.cookie import session_digest, set_session_cookie
from portal.sessions.devices import describe_device
from portal.web.request import PortalRequest
from portal.web.return_to import own_path_or_account


def draft_session(
    request: PortalRequest, amr: tuple[str, ...], *, remembered: bool
) -> tuple[IssuedToken, dict[str, Any]]:
    """Make the token and the `p_session` argument of the SQL function that starts the session.

    The token is new at every login, second factor and reauthentication (fixation); `previous_token_hash` lets the same
    person's session keep its id, or every app that knows its `sid` would be orphaned.
    """
    token = new_token()
    device = describe_device(request.context.user_agent)
    policy = request.namespace.policy
    return token, {
        "token_hash": token.digest,
        "previous_token_hash": session_digest(request),
        "amr": list(amr),
        "remembered": remembered,
        "idle_timeout": f"{policy.session_idle_hours} hours",
        "absolute_lifetime": f"{policy.session_absolute_hours} hours",
        "ip_address": request.context.ip_address,
        "user_agent": request.context.user_agent,
        "device_type": device.type,
        "os_name": device.system,
    }


def continue_logged_in(
    request: PortalRequest, token: IssuedToken, return_to: str | None, *, remembered: bool
) -> Redirect:
    """Hand the session to the browser and lead it on. 303: the browser must not post the password again."""
    set_session_cookie(request, token.raw, remembered=remembered)
    return Redirect(own_path_or_account(return_to), status_code=303)
