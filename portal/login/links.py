"""Mailed links as the engine sees them: what one is for, and the two functions of each kind that act on it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from litestar import Response

from portal.login.flow import LOGIN_FLOW_VALID_FOR, app_start
from portal.sessions.devices import describe_device
from portal.web.pages import page
from portal.web.request import PortalRequest


class Link(NamedTuple):
    """What a mailed link is for. `flow_id` and the rest of the first browser's state are not for another browser."""

    verification_id: str
    outcome: str
    own_browser: bool
    usable: bool
    email: str
    app_name: str | None
    client_id: str | None
    flow_id: str
    requested_at: datetime
    ip_address: str | None
    user_agent: str | None

    def elsewhere(self) -> dict[str, Any]:
        """Return what starts a flow in another browser than the one that asked: the app's own beginning."""
        return {
            "return_to": app_start(self.client_id),
            "client_id": self.client_id,
            "app_name": self.app_name,
            "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
        }


@dataclass(frozen=True, slots=True)
class LinkKind:
    """A kind of mailed link, found by the `outcome` that its SQL function wrote.

    `show(request, token, link)` answers GET and only reads. `use(request, token, link)` answers the page's button. None
    from either means that the link leads nowhere (any more). `waiting_page` is where the browser that asked waits.
    """

    outcome: str
    waiting_page: str
    show: Callable[[PortalRequest, str, Link], Awaitable[Response[Any] | None]]
    use: Callable[[PortalRequest, str, Link], Awaitable[Response[Any] | None]]


def show_link_page(
    request: PortalRequest, template: str, token: str, link: Link, *, status: int = 200, **values: Any
) -> Response[Any]:
    """Render the page behind a mailed link with what it is for and who asked for the mail."""
    device = describe_device(link.user_agent)
    return page(
        request,
        template,
        status=status,
        form_may_leave=True,
        token=token,
        own_browser=link.own_browser,
        email=link.email,
        app_name=link.app_name,
        requested_at=link.requested_at,
        ip_address=link.ip_address,
        browser=device.browser,
        system=device.system,
        icon=device.icon,
        **values,
    )
