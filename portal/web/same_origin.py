"""The same-origin rule: who may make the portal change something.

For unsafe methods `Sec-Fetch-Site`, where present, alone decides and must be `same-origin`; where it is absent,
`Origin` must equal the namespace's origin; where both are absent the request is refused. No hidden tokens: nothing to
expire, any tab works. Routes that apps or other sites call carry `cross_origin=True` in their opt; they never read a
cookie to act.
"""

from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope

from portal.errors import Forbidden
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.refusals import mark_refusal

CAME_FROM_ELSEWHERE = mark("This request came from another site. Open the page again and repeat what you did there.")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

log = get_logger("portal.web")


def require_same_origin(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse an unsafe request that another site caused (checked for every route)."""
    if cast(HTTPScope, connection.scope)["method"] in SAFE_METHODS or handler.opt.get("cross_origin"):
        return
    fetch_site = connection.headers.getall("sec-fetch-site", [])
    origin = connection.headers.getall("origin", [])
    own_origin = connection.scope["state"]["namespace"].origin
    allowed = fetch_site == ["same-origin"] if fetch_site else origin == [own_origin]
    if allowed:
        return
    mark_refusal(connection.scope["state"], "cross_site")
    log.warning("cross_site_request_refused", fetch_site=fetch_site[:1], origin=origin[:1])
    raise Forbidden(CAME_FROM_ELSEWHERE)
