"""The Method record: everything the engine knows of a login method. One folder each, listed in portal/installed.py.

`tests/architecture` proves that no other module names a method.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from litestar import Router

from portal.login.links import LinkKind
from portal.web.request import PortalRequest


@dataclass(frozen=True, slots=True)
class Method:
    """One way to prove who one is.

    `id` names the folders portal/methods/<id> and templates/methods/<id>, whose `_option.html` is shown on the login
    page and whose `_card.html` on the security page. `amr` are the values that tokens carry (RFC 8176).
    With `quiet` its option is a row among the other ways (templates/ui/ways.html), else a form of its own.
    `card` returns the values that its card needs for the person who is logged in; None where it has no card.
    `links` are the kinds of mailed links that it sends.
    """

    id: str
    amr: tuple[str, ...]
    router: Router
    may_be_first: bool = False
    may_be_second: bool = False
    quiet: bool = False
    card: Callable[[PortalRequest], Awaitable[dict[str, Any]]] | None = None
    links: tuple[LinkKind, ...] = ()
    settings: tuple[str, ...] = field(default=())

    @property
    def option_template(self) -> str:
        """The template of its row or form on the login page."""
        return f"methods/{self.id}/_option.html"

    @property
    def card_template(self) -> str:
        """The template of its card on the security page."""
        return f"methods/{self.id}/_card.html"
