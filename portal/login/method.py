"""The Method record: everything the engine knows of a login method. One folder each, listed in portal/installed.py.

`tests/architecture` proves that no other module names a method.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Router
from litestar.handlers import BaseRouteHandler

from portal.errors import Forbidden
from portal.login.code_channel import CodeChannel
from portal.login.flow import Factor, LoginFlow
from portal.login.links import LinkKind
from portal.settings import Settings
from portal.web.locale import mark
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

OFF_HEADING = mark("This way to log in is switched off")
OFF_TEXT = mark("Whoever runs this service has chosen other ways. Go back and pick one of them.")


@dataclass(frozen=True, slots=True)
class Finished:
    """A login that has just ended with a session, for the methods' `after_login`."""

    user_id: str
    email: str | None
    session_id: str
    factors: tuple[Factor, ...]
    enrolled: tuple[str, ...]  # types of the account's authenticators
    declined: tuple[str, ...]  # offers that its owner does not want
    return_to: str | None


@dataclass(frozen=True, slots=True)
class Method:
    """One way to prove who one is.

    `id` names the folders portal/methods/<id> and templates/methods/<id>, whose `_option.html` is shown on the login
    page and whose `_card.html` on the security page. `amr` are the values that tokens carry (RFC 8176).
    With `quiet` its option is a row among the other ways (templates/ui/ways.html), else a form of its own.
    `card` returns the values that its card needs for the person who is logged in; None where it has no card.
    `links` are the kinds of mailed links that it sends, `codes` what it has behind /login/code. `available` says
    whether the settings let it work at all; None where it always does.
    `identity` is the kind of identity whose proof is the whole login: email, phone. `needs_password` says that it is
    nothing for an account without one.
    `authenticator` is the type of what it enrols in authn.mfa_secrets. With `identifier_option` its `_identifier.html`
    is on the very first page, before anybody has said who they are. `challenge` returns the values of its
    `_challenge.html`, the form of the second step, which a method that may stand second has. `after_login` may name an
    own path to visit before the login leads back; that page then leads on to `return_to`. `sign_up_page` is the own
    path that makes its first authenticator, for people who choose it instead of a password in its `_sign_up.html`;
    `set_up_page` the one that makes it inside a login which asks for a second step and finds none (`_set_up.html`).
    `_way.html` is its row among the other ways of the second step.
    """

    id: str
    amr: tuple[str, ...]
    router: Router
    may_be_first: bool = False
    may_be_second: bool = False
    quiet: bool = False
    identity: str | None = None
    needs_password: bool = False
    authenticator: str | None = None
    identifier_option: bool = False
    challenge: Callable[[PortalRequest, LoginFlow], Awaitable[dict[str, Any]]] | None = None
    sign_up_page: str | None = None
    set_up_page: str | None = None
    after_login: Callable[[PortalRequest, Finished], Awaitable[str | None]] | None = None
    card: Callable[[PortalRequest], Awaitable[dict[str, Any]]] | None = None
    links: tuple[LinkKind, ...] = ()
    codes: CodeChannel | None = None
    available: Callable[[Settings], bool] | None = None

    @property
    def way_in(self) -> str | None:
        """What of an account it needs, as authn.list_ways_in names it; None for a method that always works."""
        return "password" if self.needs_password else self.identity or self.authenticator

    def template(self, part: str) -> str:
        """Return the template of one of its parts: option, identifier, challenge, way, sign_up, set_up or card."""
        return f"methods/{self.id}/_{part}.html"


def methods_on(request: PortalRequest) -> tuple[Method, ...]:
    """Return the methods that the namespace has on, in the order of the page."""
    methods: tuple[Method, ...] = request.app.state.methods
    return tuple(method for method in methods if request.namespace.policy.allows(method.id))


def refuse_methods_that_are_off(request: PortalRequest, handler: BaseRouteHandler) -> None:
    """Refuse the routes of a method (opt `method`) that the namespace's policy has off, whatever page led there.

    Raises:
        Forbidden: with a page that leads to the login.
    """
    method_id = handler.opt.get("method")
    if method_id and not request.namespace.policy.allows(method_id):
        mark_refusal(request.facts, "method_off")
        raise Forbidden(OFF_TEXT, heading=OFF_HEADING, way_back="/login")
