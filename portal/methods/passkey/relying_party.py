"""Who we are to an authenticator: the relying party of a namespace. WebAuthn Level 3 section 5.4.2."""

from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from portal.web.request import PortalRequest


class RelyingParty(NamedTuple):
    """`id` is the namespace's host: a passkey of one namespace is no passkey of another on another host."""

    id: str
    origin: str
    name: str


def relying_party(request: PortalRequest) -> RelyingParty:
    """Return the relying party of the request's namespace, from its configured origin and never from a header."""
    origin = request.namespace.origin
    return RelyingParty(urlsplit(origin).hostname or "", origin, request.namespace.display_name)


def user_handle(user_id: str) -> bytes:
    """Return what authenticators know a user by: no name, no address (section 14.6.1)."""
    return UUID(user_id).bytes
