"""Rendering: Jinja with autoescape and StrictUndefined, one environment a language.

A page is rendered to a ready string and answered; nothing of Litestar's template layer runs.
"""

import zlib
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from litestar import Response

from portal.resources import TEMPLATES
from portal.web.flash import take_flashes
from portal.web.html_response import HtmlResponse
from portal.web.locale import direction, translations
from portal.web.request import PortalRequest
from portal.web.security_headers import CSP_FORM_MAY_LEAVE
from portal.web.static import FILES

MIN_SIZE_TO_COMPRESS = 900  # bytes
COMPRESSION_LEVEL = 1  # nearly all of the gain at half of the time of 5
# zlib's wbits: the gzip container, whose header then has no time in it, and a window of 4 KB. With memLevel 5 it takes
# 32 KB of memory to compress a page instead of 256, and two thirds of the time, for one byte in a hundred.
GZIP_FORMAT = 16 + 12
MEMORY_LEVEL = 5


class _Environment(Environment):
    """Jinja's environment without the chained dictionary that each macro import would compare name by name."""

    def make_globals(self, d: Mapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template: those of the environment, unless it is given others."""
        return self.globals if d is None else super().make_globals(dict(d))


class Templates:
    """The templates of this process."""

    def __init__(self) -> None:
        """Prepare nothing yet: an environment is made when its language is first asked for."""
        self._environment = lru_cache(maxsize=64)(self._make_environment)

    def render(self, template: str, language: str, values: Mapping[str, Any]) -> str:
        """Return a template's text in a language.

        Raises:
            jinja2.UndefinedError: when the template asks for a value that it was not given.
        """
        return self._environment(language).get_template(template).render(values)

    def gettext(self, language: str) -> Callable[[str], str]:
        """Return the translating function of a language."""
        return translations(language).gettext

    def _make_environment(self, language: str) -> Environment:
        environment = _Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html"], default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # `make dev` starts the process again when a template changes
            extensions=["jinja2.ext.i18n"],
        )
        catalogue = translations(language)
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            catalogue.gettext, catalogue.ngettext, newstyle=True, pgettext=catalogue.pgettext
        )
        environment.globals |= {"language": language, "direction": direction(language), "static": FILES.url}
        return environment


def page(
    request: PortalRequest, template: str, *, status: int = 200, form_may_leave: bool = False, **values: Any
) -> Response[bytes]:
    """Answer a whole page or a fragment of one.

    `form_may_leave` is for pages whose form may end in a redirect to an app: they are served without `form-action`.
    """
    content = page_text(request, template, status, {"flashes": take_flashes(request), **values}).encode()
    headers = page_headers(form_may_leave=form_may_leave)
    if len(content) >= MIN_SIZE_TO_COMPRESS and "gzip" in request.headers.get("accept-encoding", ""):
        content = compress(content)
        headers["content-encoding"] = "gzip"
    return HtmlResponse(content, status_code=status, headers=headers)


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


def page_headers(*, form_may_leave: bool) -> dict[str, str]:
    """Return the headers of a page."""
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
