"""Telling apps that a login has ended: OpenID Connect Back-Channel Logout 1.0.

https://openid.net/specs/openid-connect-backchannel-1_0.html. The database leaves a row per app with the end of the
session, whatever ended it; here the rows are taken, signed and delivered, side by side, so that a slow app delays no
other. Run by the worker, never by a request.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from joserfc import jwt

from portal.crypto.tokens import new_token
from portal.oidc.clients import Client
from portal.oidc.provider import Provider
from portal.oidc.signing_keys import SigningKey
from portal.outgoing.addresses import Blocked
from portal.outgoing.client import ANSWER_WITHIN, Answer, Outcome, post_form
from portal.settings import Network
from portal.web.logging import get_logger

CHANNEL = "portal_logouts"  # what `authn._tell_apps` notifies
BATCH_SIZE = 20  # calls side by side; each may take all of its five seconds
# Longer than the slowest call and its report: a log-out under way must not be handed to another worker.
LEASE = timedelta(seconds=ANSWER_WITHIN * 4)
LOGOUT_TOKEN_VALID_FOR = timedelta(minutes=2)  # section 2.4: "It is RECOMMENDED ... preferably at most two minutes"
EVENT = "http://schemas.openid.net/event/backchannel-logout"

log = get_logger("portal.oidc")


class Report(NamedTuple):
    """How one call went. No `error`: the app has logged its person out, or had before."""

    status: int | None
    error: str | None
    final: bool = False


def sign_logout_token(
    key: SigningKey, algorithm: str, *, issuer: str, client_id: str, subject: str, session_id: str
) -> str:
    """Return a logout token (section 2.4): never with a nonce, so that it cannot pass for an ID token."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "iat": now,
        "exp": now + int(LOGOUT_TOKEN_VALID_FOR.total_seconds()),
        "jti": new_token().raw,
        "events": {EVENT: {}},
        "sid": session_id,
    }
    return jwt.encode({"alg": algorithm, "kid": key.thumbprint(), "typ": "logout+jwt"}, claims, key, [algorithm])


async def tell_apps_of_logouts(provider: Provider, default_issuer: str, allowed: Sequence[Network]) -> int:
    """Deliver one batch of due log-outs; return how many were taken, 0 when nothing is due.

    Each is delivered at least once: a process that dies between the app's answer and the report tells it again.
    """
    taken = await provider.querier.fetch("select * from authn.take_backchannel_logouts($1, $2)", BATCH_SIZE, LEASE)
    outcomes = await asyncio.gather(
        *(_deliver(provider, default_issuer, allowed, row) for row in taken), return_exceptions=True
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return len(taken)


async def list_logouts(querier: Any, namespace: str, client_id: str, limit: int = 50) -> list[dict[str, Any]]:
    """Return what an app was told and what it answered, newest first."""
    rows = await querier.fetch("select * from authn.list_backchannel_logouts($1, $2, $3)", client_id, limit, namespace)
    return [
        {
            "created_at": row["created_at"].isoformat(),
            "state": _state(row),
            "attempts": row["attempts"],
            "status": row["last_status"],
            "error": row["last_error"],
            "user_id": str(row["user_id"]),
            "session_id": str(row["session_id"]),
        }
        for row in rows
    ]


async def _deliver(provider: Provider, default_issuer: str, allowed: Sequence[Network], row: Any) -> None:
    namespace = row["namespace"]
    client = await provider.find_client(namespace, row["client_id"])
    if client is None or client.backchannel_logout_uri is None:
        report = Report(None, "the app no longer wants to be told", final=True)
    else:
        issuer = _issuer(default_issuer, row["host"])
        report = await _call(provider, client, client.backchannel_logout_uri, issuer, allowed, row)
    log.info(
        "app_told_of_logout" if report.error is None else "app_not_told_of_logout",
        namespace=namespace,
        client_id=row["client_id"],
        attempt=row["attempts"],
        status=report.status,
        reason=report.error,
    )
    await provider.querier.fetchval(
        "select authn.finish_backchannel_logout($1, $2, $3, $4, $5, $6)",
        row["id"],
        row["attempts"],
        report.status,
        report.error,
        report.final,
        namespace,
    )


async def _call(
    provider: Provider, client: Client, uri: str, issuer: str, allowed: Sequence[Network], row: Any
) -> Report:
    algorithm = client.id_token_signed_response_alg
    token = sign_logout_token(
        await provider.signing_keys.current(row["namespace"], algorithm),
        algorithm,
        issuer=issuer,
        client_id=client.client_id,
        subject=client.subject_of(str(row["user_id"])),
        session_id=str(row["session_id"]),
    )
    return _report(await post_form(uri, {"logout_token": token}, allowed=allowed))


def _report(outcome: Outcome) -> Report:
    if not isinstance(outcome, Answer):
        # A blocked address may be mended by the operator within the day; the app's row says what to do.
        allow = " (PORTAL_OUTGOING_ALLOW can allow it)" if isinstance(outcome, Blocked) else ""
        return Report(None, outcome.reason + allow)
    if outcome.status in (200, 204):  # section 2.8 names 200; frameworks turn an empty answer into 204
        return Report(outcome.status, None)
    # Section 2.8: 400 says that the request was invalid or the log-out failed, and it will again.
    return Report(outcome.status, f"the app answered {outcome.status}", final=outcome.status == 400)


def _issuer(default_issuer: str, host: str | None) -> str:
    return default_issuer if host is None else f"{urlsplit(default_issuer).scheme}://{host}"


def _state(row: Any) -> Literal["told", "given up", "waiting"]:
    if row["delivered_at"] is not None:
        return "told"
    return "given up" if row["failed_at"] is not None else "waiting"
