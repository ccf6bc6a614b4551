"""How a method sends codes, as the engine sees it: /login/code and what follows are shared addresses."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Response

from portal.login.flow import LoginFlow
from portal.web.forms import Form
from portal.web.request import PortalRequest


@dataclass(frozen=True, slots=True)
class CodeChannel:
    """Four functions behind the shared addresses, and the two names by which they are chosen.

    `field` is the form field that names where a code goes ("email", "phone"); `purpose` what `authn.verifications`
    calls the proofs. The engine has checked that the flow is usable in this browser.
    """

    field: str
    purpose: str
    send: Callable[[PortalRequest, Form, LoginFlow | None], Awaitable[Response[Any]]]
    show: Callable[[PortalRequest, LoginFlow], Awaitable[Response[Any]]]
    verify: Callable[[PortalRequest, Form, LoginFlow], Awaitable[Response[Any]]]
    resend: Callable[[PortalRequest, Form, LoginFlow], Awaitable[Response[Any]]]
