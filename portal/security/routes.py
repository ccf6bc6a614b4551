"""/account/security: one card for each method that has one. What a card leads to is its method's business."""

from typing import Any

from litestar import Response, Router, get

from portal.login.authenticators import SECURITY_PAGE
from portal.login.method import methods_on
from portal.web.account_sections import sections
from portal.web.pages import page
from portal.web.request import PortalRequest


@get(SECURITY_PAGE, opt={"session": "required"})
async def security_page(request: PortalRequest) -> Response[Any]:
    """Show how the person can log in."""
    cards = [(method.template("card"), await method.card(request)) for method in methods_on(request) if method.card]
    return page(request, "account/security.html", sections=sections(request, SECURITY_PAGE), cards=cards)


ROUTER = Router(path="/", route_handlers=[security_page])
