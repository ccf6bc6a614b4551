"""The calls to the database about tokens: each one SQL function, one round trip, one whole fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from portal.db.engine import Querier
from portal.oidc.queries import Actor
from portal.oidc.token.lifetimes import (
    ACCESS_TOKEN_VALID_FOR,
    REFRESH_FAMILY_VALID_FOR,
    REFRESH_REUSE_WINDOW,
    REFRESH_TOKEN_VALID_FOR,
)

TokenType = Literal["access_token", "refresh_token"]
RevocationOutcome = Literal["access_token", "refresh_token", "unknown", "other_client"]


@dataclass(frozen=True, slots=True)
class RotatedToken:
    """A refresh token that gave its successor and a new access token, with the login they stand for."""

    successor: int  # which of the digests that were offered is the successor's
    user_id: str
    session_id: str
    scopes: tuple[str, ...]  # of the access token
    auth_time: datetime
    amr: tuple[str, ...]
    requested_claims: Mapping[str, Sequence[str]]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReusedToken:
    """A refresh token whose family ended by a reuse that the person has not been told of yet."""

    family_id: str
    email: str | None
    locale: str | None


@dataclass(frozen=True, slots=True)
class RefusedToken:
    """A refresh token that gives nothing. `reason` is for the log; the app learns only that the grant is invalid."""

    reason: str


@dataclass(frozen=True, slots=True)
class WorkingToken:
    """A token that works now, as its own app may see it."""

    token_type: TokenType
    user_id: str
    session_id: str
    scopes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    claims: Mapping[str, Any]


async def issue_tokens(
    querier: Querier,
    namespace: str,
    *,
    code_id: str,
    access_digest: str,
    refresh_digest: str | None,
    actor: Actor,
) -> bool:
    """Store the tokens for a code that was taken; False where the code is gone."""
    return bool(
        await querier.fetchval(
            "select authn.issue_tokens($1, $2, $3, $4, $5, $6, $7, $8)",
            UUID(code_id),
            access_digest,
            ACCESS_TOKEN_VALID_FOR,
            refresh_digest,
            REFRESH_TOKEN_VALID_FOR,
            REFRESH_FAMILY_VALID_FOR,
            dict(actor),
            namespace,
        )
    )


async def rotate_refresh_token(
    querier: Querier,
    namespace: str,
    *,
    token_digest: str,
    successor_digests: Sequence[str],
    client_id: str,
    scopes: Sequence[str] | None,
    access_digest: str,
    actor: Actor,
) -> RotatedToken | ReusedToken | RefusedToken:
    """Use a refresh token up for its successor and an access token; a reuse ends all that came from the same code."""
    row = await querier.fetchrow(
        "select * from authn.rotate_refresh_token($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        token_digest,
        list(successor_digests),
        client_id,
        None if scopes is None else list(scopes),
        access_digest,
        ACCESS_TOKEN_VALID_FOR,
        REFRESH_TOKEN_VALID_FOR,
        REFRESH_REUSE_WINDOW,
        dict(actor),
        namespace,
    )
    if row["tell_person"]:
        claims = row["claims"] or {}
        return ReusedToken(str(row["family_id"]), claims.get("email"), claims.get("locale"))
    if row["outcome"] not in ("rotated", "repeated"):
        return RefusedToken(row["outcome"])
    return RotatedToken(
        successor=row["successor"] - 1,  # SQL counts from one
        user_id=str(row["user_id"]),
        session_id=str(row["session_id"]),
        scopes=tuple(row["scopes"]),
        auth_time=row["auth_time"],
        amr=tuple(row["amr"]),
        requested_claims=row["requested_claims"] or {},
        claims=row["claims"],
    )


async def tell_refresh_reuse(querier: Querier, namespace: str, *, family_id: str, sealed_mail: str) -> bool:
    """Put the mail about a reuse into the outbox; False where that was done before."""
    return bool(
        await querier.fetchval("select authn.tell_refresh_reuse($1, $2, $3)", UUID(family_id), sealed_mail, namespace)
    )


async def revoke_token(
    querier: Querier, namespace: str, *, token_digest: str, client_id: str, actor: Actor
) -> RevocationOutcome:
    """End an app's own token, and with a refresh token all that came from it."""
    outcome: RevocationOutcome = await querier.fetchval(
        "select authn.revoke_token($1, $2, $3, $4)", token_digest, client_id, dict(actor), namespace
    )
    return outcome


async def introspect_token(
    querier: Querier, namespace: str, *, token_digest: str, client_id: str
) -> WorkingToken | None:
    """Return an app's own token while it works, else None."""
    row = await querier.fetchrow("select * from authn.introspect_token($1, $2, $3)", token_digest, client_id, namespace)
    if row is None:
        return None
    return WorkingToken(
        token_type=row["token_type"],
        user_id=str(row["user_id"]),
        session_id=str(row["session_id"]),
        scopes=tuple(row["scopes"]),
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        claims=row["claims"],
    )
