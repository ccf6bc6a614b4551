"""Authorization requests of known apps, and how one waits for its person: RFC 6749 section 4.1.1.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1. Nothing is remembered of earlier checks but the parameters.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from portal.errors import TooManyRequests
from portal.oidc import queries
from portal.oidc.authorize.checks import check_client_id, check_redirect_uri
from portal.oidc.clients import Client, client_from_row
from portal.oidc.errors import PageError
from portal.oidc.parameters import Parameters
from portal.oidc.token.lifetimes import AUTHORIZATION_REQUEST_VALID_FOR
from portal.web.request import PortalRequest

RETRY_AFTER = 60  # seconds
RESUME_PATH = "/oauth2/authorize/resume"


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """An authorization request of a known app with a registered redirect URI."""

    parameters: Parameters
    client: Client
    granted_scopes: frozenset[str]
    asked_at: datetime
    stored_id: str | None = None
    stored_at: datetime | None = None
    allowed: bool = False  # the person has just pressed "Allow"


async def find_app(request: PortalRequest, parameters: Parameters) -> PendingRequest | PageError:
    """Return the request with the app that it is from, where that is known and may be answered."""
    problem = check_client_id(parameters)
    if problem:
        return problem
    session = request.current_session
    loaded = await queries.load_authorization(
        request.portal.database,
        request.namespace.name,
        client_id=parameters["client_id"],
        user_id=session.user_id if session else None,
    )
    if loaded is None:
        return PageError("client_unknown", "The client_id is not registered.")
    client = client_from_row(loaded.client)
    return check_redirect_uri(parameters, client) or PendingRequest(
        parameters, client, loaded.granted_scopes, loaded.asked_at
    )


async def load_pending(request: PortalRequest, request_id: str) -> PendingRequest | PageError:
    """Return the stored request where it belongs to this browser and is open."""
    session = request.current_session
    loaded = await queries.load_authorization(
        request.portal.database,
        request.namespace.name,
        request_id=request_id,
        browser_digest=request.ensure_browser(),
        user_id=session.user_id if session else None,
    )
    if loaded is None:
        return PageError("request_unknown")
    client = client_from_row(loaded.client)
    if loaded.request_state == "other_browser":
        return PageError("request_of_other_browser", client=client)
    if loaded.request_state != "open" or loaded.parameters is None:
        return PageError("request_expired", client=client)
    parameters = Parameters(loaded.parameters)
    # The app may have been changed since: its redirect URI must be registered now, not only then.
    return check_redirect_uri(parameters, client) or PendingRequest(
        parameters, client, loaded.granted_scopes, loaded.asked_at, request_id, loaded.requested_at
    )


async def stored(request: PortalRequest, pending: PendingRequest) -> PendingRequest:
    """Return the request as one that waits in this browser."""
    if pending.stored_id is not None:
        return pending
    return replace(pending, stored_id=await store(request, pending, browser_digest=request.ensure_browser()))


async def store(request: PortalRequest, pending: PendingRequest, *, browser_digest: str | None) -> str:
    """Keep the request, for the first browser that opens it where none is given; return its id.

    Raises:
        TooManyRequests: where its network has sent too many within the hour.
    """
    stored_id = await queries.store_authorization_request(
        request.portal.database,
        request.namespace.name,
        client_id=pending.client.client_id,
        browser_digest=browser_digest,
        parameters=pending.parameters,
        valid_for=AUTHORIZATION_REQUEST_VALID_FOR,
        ip_address=request.context.ip_address,
    )
    if stored_id is None:
        raise TooManyRequests(retry_after=RETRY_AFTER)
    return stored_id
