"""Pages rendered ahead: split into segments once per namespace and language, joined with a few values of our own.

Only for pages without typed or personal text. A slot's value is one that the server made and holds `[A-Za-z0-9_-]`
alone, so that there is nothing to escape; the rest of the page is the same for everybody.
"""

import gzip
import re
import secrets
from collections import OrderedDict
from typing import Any

from litestar import Response

from portal.web.cookies import read_cookie
from portal.web.flash import FLASH_COOKIE
from portal.web.html_response import HtmlResponse
from portal.web.pages import compress, page, page_headers, page_text
from portal.web.request import PortalRequest

MAX_PREPARED = 512  # pages: namespaces, languages and apps multiply; the least recently used goes first
SLOT_VALUE = re.compile(r"[A-Za-z0-9_-]*\Z")
_MARK = f"slot{secrets.token_hex(12)}"  # cannot be guessed, so no text of ours or theirs is taken for a slot

_prepared: OrderedDict[tuple[Any, ...], "_Prepared"] = OrderedDict()


class _Prepared:
    """One page in segments; `names` are the slots between them."""

    def __init__(self, text: str) -> None:
        parts = re.split(rf"{_MARK}-([a-z_]+)-", text)
        self.segments = [part.encode() for part in parts[::2]]
        self.names = parts[1::2]
        self.whole = gzip.compress(text.encode(), 9, mtime=0) if not self.names else None


def prepared_page(
    request: PortalRequest, template: str, *, form_may_leave: bool, slots: dict[str, str | None], **values: Any
) -> Response[bytes]:
    """Answer a page from its segments.

    `slots` are values that differ from request to request (None leaves the name undefined as None, another variant);
    `values` are the same for everybody and hashable.
    """
    if read_cookie(request, FLASH_COOKIE):
        return page(request, template, form_may_leave=form_may_leave, **{**values, **slots})
    filled = {name: value for name, value in slots.items() if value is not None}
    key = (template, request.namespace, request.language, tuple(filled), tuple(values.items()))
    prepared = _prepared.get(key)
    if prepared is None:
        marks = {name: f"{_MARK}-{name}-" if name in filled else None for name in slots}
        prepared = _prepared[key] = _Prepared(page_text(request, template, 200, {**values, **marks}))
        if len(_prepared) > MAX_PREPARED:
            _prepared.popitem(last=False)
    else:
        _prepared.move_to_end(key)
    headers = page_headers(request, form_may_leave=form_may_leave)
    gzipped = "gzip" in request.headers.get("accept-encoding", "")
    if gzipped:
        headers["content-encoding"] = "gzip"
    if gzipped and prepared.whole is not None:
        return HtmlResponse(prepared.whole, headers=headers)
    content = _join(prepared, filled)
    return HtmlResponse(compress(content) if gzipped else content, headers=headers)


def _join(prepared: _Prepared, filled: dict[str, str]) -> bytes:
    if not all(SLOT_VALUE.match(value) for value in filled.values()):
        raise ValueError("a slot takes server-made values only")
    joined = [prepared.segments[0]]
    for name, segment in zip(prepared.names, prepared.segments[1:], strict=True):
        joined += [filled[name].encode(), segment]
    return b"".join(joined)
