"""/link/<token>: what a mailed link shows, and the button that acts. What it does is its kind's business.

Mail scanners open every link, so GET and HEAD change nothing. The token leaves the address bar with the first POST:
every outcome is a redirect (ASVS 14.2.1).
"""

from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath

from portal.crypto.tokens import MAX_TOKEN_LENGTH, token_digest
from portal.login.links import Link, LinkKind
from portal.login.method import Method
from portal.login.queries import find_link
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest


@get("/link/{token:str}", opt={"session": "optional"})
async def link_page(request: PortalRequest, token: FromPath[str]) -> Response[Any]:
    """Show what the link is for. Reads only."""
    link = await _find(request, token)
    kind = _kind_of(request, link)
    if link is None or kind is None or not link.usable:
        return _dead(request, link)
    return await kind.show(request, token, link) or _dead(request, link)


@post("/link/{token:str}", opt={"session": "optional"}, status_code=303)
async def use_link(request: PortalRequest, token: FromPath[str]) -> Response[Any]:
    """Act on the link: once, whoever presses the button first."""
    link = await _find(request, token)
    kind = _kind_of(request, link)
    if link is None or kind is None or not link.usable:
        return _dead(request, link)
    return await kind.use(request, token, link) or _dead(request, await _find(request, token))


async def _find(request: PortalRequest, token: str) -> Link | None:
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    return await find_link(request.portal.database, token_digest(token), request.browser_digest, request.namespace.name)


def _kind_of(request: PortalRequest, link: Link | None) -> LinkKind | None:
    kinds: dict[str, LinkKind] = request.app.state.link_kinds
    kind = kinds.get(link.outcome) if link else None
    methods: tuple[Method, ...] = request.app.state.methods
    off = any(kind in method.links for method in methods if not request.namespace.policy.allows(method.id))
    return None if off else kind


def _dead(request: PortalRequest, link: Link | None) -> Response[Any]:
    if link is None or request.method == "POST":  # looking at a link of last week is nobody's attack
        mark_refusal(request.facts, "dead_link")
    own, kind = link is not None and link.own_browser, _kind_of(request, link)
    return page(
        request,
        "login/link_dead.html",
        status=410 if link else 404,
        app_name=link.app_name if link else None,
        go_on=f"{kind.waiting_page}?flow={link.flow_id}" if link and kind and own else None,
        logged_in=request.current_session is not None,
    )


ROUTER = Router(path="/", route_handlers=[link_page, use_link])
