"""Which app calls the token endpoint: RFC 6749 section 2.3, https://www.rfc-editor.org/rfc/rfc6749#section-2.3.

An app authenticates by the one method it registered: one that may choose lets whoever stole less choose the weaker.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from portal.oidc import queries
from portal.oidc.clients import AuthMethod, Client
from portal.oidc.parameters import Parameters
from portal.oidc.token.client_assertion import (
    ASSERTION_TYPE,
    RefusedAssertion,
    check_assertion,
    named_client,
)

FAILED = "Client authentication failed."  # one text for all: which half was wrong is for the log
AUTHORIZATION_MAX_LENGTH = 4096  # characters


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of the app that sends it."""

    method: AuthMethod
    client_id: str
    secret: str | None = None
    assertion: str | None = None


def authenticate_client(server: Any, request: Any) -> tuple[Client, AuthMethod]:
    """Return the app that calls.

    Raises:
        InvalidRequestError: when a request authenticates in two ways at once.
        InvalidClientError: when it does not prove to be the app that it names.
    """
    presented = _presented(request.form, request.headers.get("Authorization"))
    if presented is None:
        raise refuse_client(server, None, "no_credentials")
    client: Client | None = server.query_client(presented.client_id)
    reason = _refusal(client, presented)
    if client is not None and reason is None and presented.assertion is not None:
        reason = _use_assertion(server, client, presented.assertion)
    if client is None or reason:
        raise refuse_client(server, presented.client_id, reason or "unknown_client")
    return client, presented.method


def refuse_client(server: Any, client_id: str | None, reason: str) -> InvalidClientError:
    """Write down that an app failed to prove itself, and return the error to raise. `reason` is for the log."""
    known = client_id if client_id and client_id.isprintable() else None
    server.run(
        queries.record_refusal(
            server.provider.querier,
            server.namespace,
            "client_authentication_failed",
            client_id=known[:200] if known else None,
            reason=reason,
            actor=server.actor,
        )
    )
    # 401 with a challenge also where no header was sent: HTTP wants one with every 401 (RFC 9110 section 15.5.2).
    return InvalidClientError(FAILED, status_code=401)


def _presented(parameters: Parameters, authorization: str | None) -> Presented | None:
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    if authorization is not None:
        basic = _read_basic(authorization)
        # RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request."
        if secret is not None or "client_assertion" in parameters:
            raise InvalidRequestError("The request authenticates the client in more than one way")
        if basic is None:
            return None
        if client_id is not None and client_id != basic[0]:
            raise InvalidRequestError("The request names two clients")
        return Presented("client_secret_basic", *basic)
    if "client_assertion" in parameters:
        return _read_assertion(parameters)
    if not client_id:
        return None
    return Presented("client_secret_post" if secret is not None else "none", client_id, secret)


def _read_assertion(parameters: Parameters) -> Presented | None:
    if "client_secret" in parameters:
        raise InvalidRequestError("The request authenticates the client in more than one way")
    if parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidRequestError("The client_assertion_type is not jwt-bearer")
    assertion = parameters["client_assertion"]
    client_id = named_client(assertion)
    # RFC 7521 section 4.2: the client_id is optional then, and "MUST identify the same client as the assertion".
    if client_id is None or parameters.get("client_id", client_id) != client_id:
        return None
    return Presented("private_key_jwt", client_id, assertion=assertion)


def _use_assertion(server: Any, client: Client, assertion: str) -> str | None:
    # The issuer, or the endpoint that older libraries name (OpenID Connect Core section 9).
    audiences = {server.issuer, f"{server.issuer}/oauth2/token"}
    proven = check_assertion(assertion, client, audiences)
    if isinstance(proven, RefusedAssertion):
        return proven.reason
    taken = server.run(
        queries.take_client_assertion(
            server.provider.querier,
            server.namespace,
            client_id=client.client_id,
            jti_digest=proven.jti_digest,
            expires_at=proven.expires_at,
        )
    )
    return None if taken else "assertion_replayed"


def _read_basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > AUTHORIZATION_MAX_LENGTH:
        return None
    try:
        client_id, separator, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):  # also what is no UTF-8, on which Authlib's own reader raises
        return None
    # RFC 6749 section 2.3.1: both were form-encoded before they were joined.
    return (unquote_plus(client_id), unquote_plus(secret)) if separator and client_id else None


def _refusal(client: Client | None, presented: Presented) -> str | None:
    if client is None:
        return "unknown_client"
    if not client.check_endpoint_auth_method(presented.method, "token"):
        return "wrong_method"
    if presented.secret is not None and not client.check_client_secret(presented.secret):
        return "wrong_secret"
    return None
