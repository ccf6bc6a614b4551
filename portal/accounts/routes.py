"""/account: the profile page."""

from typing import Any

from litestar import Response, Router, get

from portal.web.account_sections import sections
from portal.web.pages import page
from portal.web.request import PortalRequest


@get("/account", opt={"session": "required"})
async def account_page(request: PortalRequest) -> Response[Any]:
    """Show who is logged in."""
    return page(
        request, "account/profile.html", sections=sections(request, "/account"), session=request.required_session
    )


ROUTER = Router(path="/", route_handlers=[account_page])
