"""The component gallery at /dev/components: every macro of templates/ui/ in each of its states."""

from litestar import Response, Router, get

from portal.devtools.sections import sections
from portal.web.pages import page
from portal.web.request import PortalRequest


@get("/dev/components")
async def components(request: PortalRequest) -> Response[bytes]:
    """Show the gallery."""
    return page(request, "dev/components.html", sections=sections("/dev/components"))


ROUTER = Router(path="/", route_handlers=[components], include_in_schema=False)
