"""/account: the profile page."""

from typing import Any

from litestar import Response, Router, get

from portal.web.account_sections import sections
from portal.web.request import PortalRequest
from portal.web.templates import page


@get("/account", opt={"session": "required"})
async def account_page(request: PortalRequest) -> Response[Any]:
    """Show who is logged in."""
    return page(request, "account/profile.html", sections=sections(request, "/account"), session=request.signed_in)


ROUTER = Router(path="/", route_handlers=[account_page])
