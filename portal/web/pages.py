"""Answering with a page: a ready string with what every page shows. Nothing of Litestar's template layer runs."""

import zlib
from collections.abc import Mapping
from typing import Any

from litestar import Response

from portal.web.flash import take_flashes
from portal.web.html_response import HtmlResponse
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest
from portal.web.security_headers import CSP_FORM_MAY_LEAVE

MIN_SIZE_TO_COMPRESS = 900  # bytes
COMPRESSION_LEVEL = 1  # nearly all of the gain at half of the time of 5
# zlib's wbits: the gzip container, whose header then has no time in it, and a window of 4 KB. With memLevel 5 it takes
# 32 KB of memory to compress a page instead of 256, and two thirds of the time, for one byte in a hundred.
GZIP_FORMAT = 16 + 12
MEMORY_LEVEL = 5
FRAMES = frozenset({"iframe", "frame", "embed", "object"})  # of Sec-Fetch-Dest, https://www.w3.org/TR/fetch-metadata/


def page(
    request: PortalRequest, template: str, *, status: int = 200, form_may_leave: bool = False, **values: Any
) -> Response[bytes]:
    """Answer a whole page or a fragment of one.

    `form_may_leave` is for pages whose form may end in a redirect to an app: they are served without `form-action`.
    """
    content = page_text(request, template, status, {"flashes": take_flashes(request), **values}).encode()
    headers = page_headers(request, form_may_leave=form_may_leave)
    if len(content) >= MIN_SIZE_TO_COMPRESS and "gzip" in request.headers.get("accept-encoding", ""):
        content = compress(content)
        headers["content-encoding"] = "gzip"
    return HtmlResponse(content, status_code=status, headers=headers)


def messages(request: PortalRequest, errors: dict[str, str] | None, form_error: str | None) -> dict[str, Any]:
    """Translate what a form says: `errors` by field, `form_error` above it."""
    gettext = request.portal.templates.gettext(request.language)
    return {
        "errors": {name: gettext(text) for name, text in (errors or {}).items()},
        "form_error": gettext(form_error) if form_error else None,
    }


def page_text(request: PortalRequest, template: str, status: int, values: Mapping[str, Any]) -> str:
    """Render a page with what every page shows: the namespace's look and who is logged in."""
    namespace = request.namespace
    common: dict[str, Any] = {
        "ns": namespace,
        "theme_url": theme_url(namespace.accent, namespace.color_scheme),
        "account": request.current_session,
        "dev": request.portal.settings.dev,
        "flashes": [],
        "status": status,
    }
    return request.portal.templates.render(template, request.language, {**common, **values})


def page_headers(request: PortalRequest, *, form_may_leave: bool) -> dict[str, str]:
    """Return the headers of a page. Noted where another site wants it in a frame: the browser will show nothing."""
    if request.headers.get("sec-fetch-dest") in FRAMES and request.headers.get("sec-fetch-site") != "same-origin":
        mark_refusal(request.facts, "framed")
    headers = {"vary": "accept-encoding, accept-language, hx-request"}
    if form_may_leave:
        headers["content-security-policy"] = CSP_FORM_MAY_LEAVE.decode()
    return headers


def compress(content: bytes) -> bytes:
    """Return the gzip form of an answer."""
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, GZIP_FORMAT, MEMORY_LEVEL)
    return compressor.compress(content) + compressor.flush()


def theme_url(accent: str | None, color_scheme: str) -> str | None:
    """Return the address of a namespace's own colours, or None where it has the default ones."""
    if accent is None and color_scheme == "system":
        return None
    return f"/theme.css?v={(accent or 'default').lstrip('#')}-{color_scheme}"
