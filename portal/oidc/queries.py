"""The provider's calls to the database: each one SQL function, one round trip, one whole fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from portal.db.engine import Querier
from portal.oidc.subjects import pairwise_subject

Actor = Mapping[str, str]
RequestState = Literal["open", "expired", "other_browser"]
KeyState = Literal["next", "signing", "retired"]
Refusal = Literal["consent_denied", "authorization_refused", "client_authentication_failed"]


@dataclass(frozen=True, slots=True)
class LoadedAuthorization:
    """What an authorization request is decided by."""

    client: Mapping[str, Any]  # the columns of authn.clients
    granted_scopes: frozenset[str]  # what this person allowed this app before
    request_state: RequestState | None  # None where no waiting request was named
    parameters: Mapping[str, str] | None  # of the waiting request, while it is open
    requested_at: datetime | None  # when the waiting request was stored
    asked_at: datetime  # the database's now: ages are measured against the clock that set auth_time


@dataclass(frozen=True, slots=True)
class NewCode:
    """What is stored with a code; the code itself only as its digest."""

    digest: str
    client_id: str
    user_id: str
    session_id: str
    redirect_uri: str
    scopes: Sequence[str]
    nonce: str | None
    code_challenge: str | None
    auth_time: datetime
    amr: Sequence[str]
    requested_claims: Mapping[str, Sequence[str]]  # id_token and userinfo: claims asked for by name


@dataclass(frozen=True, slots=True)
class TakenCode:
    """A code that was just used up, with the person it stands for."""

    code_id: str
    user_id: str
    session_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    nonce: str | None
    code_challenge: str | None
    auth_time: datetime
    amr: tuple[str, ...]
    requested_claims: Mapping[str, Sequence[str]]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RefusedCode:
    """A code that gives nothing. `reason` is for the log; the app learns only that the grant is invalid."""

    reason: str


@dataclass(frozen=True, slots=True)
class LiveAccessToken:
    """An access token that works now, with the person it stands for."""

    user_id: str
    client_id: str
    session_id: str
    scopes: tuple[str, ...]
    claims: Mapping[str, Any]
    requested_claims: Mapping[str, Sequence[str]]
    signed_response_alg: str | None  # how its app wants userinfo signed
    pairwise_key: str | None  # of its app, where that knows people by names of its own

    @property
    def subject(self) -> str:
        """The name by which the app knows the person."""
        return self.user_id if self.pairwise_key is None else pairwise_subject(self.pairwise_key, self.user_id)


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """A signing key as stored; the private half sealed."""

    kid: str
    algorithm: str
    public_jwk: Mapping[str, Any]
    sealed_private_key: str
    state: KeyState = "signing"
    age: timedelta = timedelta()
    signs_from: datetime | None = None
    retired_for: timedelta | None = None  # negative while that lies ahead


async def load_authorization(
    querier: Querier,
    namespace: str,
    *,
    client_id: str | None = None,
    request_id: str | None = None,
    browser_digest: str | None = None,
    user_id: str | None = None,
) -> LoadedAuthorization | None:
    """Load by the app's client_id, or by the id of a waiting request; None for an unknown one."""
    row = await querier.fetchrow(
        "select * from authn.load_authorization($1, $2, $3, $4, $5)",
        client_id,
        _uuid(request_id),
        browser_digest,
        _uuid(user_id),
        namespace,
    )
    if row is None:
        return None
    return LoadedAuthorization(
        client=row["client"],
        granted_scopes=frozenset(row["granted_scopes"]),
        request_state=row["request_state"],
        parameters=row["parameters"],
        requested_at=row["requested_at"],
        asked_at=row["asked_at"],
    )


async def store_authorization_request(
    querier: Querier,
    namespace: str,
    *,
    client_id: str,
    browser_digest: str | None,
    parameters: Mapping[str, str],
    valid_for: timedelta,
    ip_address: str,
) -> str | None:
    """Keep a request for a browser, or without one for the first that opens it.

    Returns its id; None where too many of its network wait.
    """
    stored = await querier.fetchval(
        "select authn.store_authorization_request($1, $2, $3, $4, $5, $6)",
        client_id,
        browser_digest,
        dict(parameters),
        valid_for,
        ip_address,
        namespace,
    )
    return str(stored) if stored else None


async def issue_authorization_code(
    querier: Querier, namespace: str, code: NewCode, *, valid_for: timedelta, actor: Actor
) -> bool:
    """Store a code; False where the session has ended since it was looked up."""
    return bool(
        await querier.fetchval(
            "select authn.issue_authorization_code($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            code.digest,
            code.client_id,
            UUID(code.user_id),
            UUID(code.session_id),
            code.redirect_uri,
            list(code.scopes),
            code.nonce,
            code.code_challenge,
            code.auth_time,
            list(code.amr),
            dict(code.requested_claims),
            valid_for,
            dict(actor),
            namespace,
        )
    )


async def take_authorization_code(
    querier: Querier, namespace: str, *, code_digest: str, client_id: str, actor: Actor
) -> TakenCode | RefusedCode:
    """Use a code up; a second use ends what the first one gave."""
    row = await querier.fetchrow(
        "select * from authn.take_authorization_code($1, $2, $3, $4)", code_digest, client_id, dict(actor), namespace
    )
    if row["outcome"] != "taken":
        return RefusedCode(row["outcome"])
    return TakenCode(
        code_id=str(row["code_id"]),
        user_id=str(row["user_id"]),
        session_id=str(row["session_id"]),
        redirect_uri=row["redirect_uri"],
        scopes=tuple(row["scopes"]),
        nonce=row["nonce"],
        code_challenge=row["code_challenge"],
        auth_time=row["auth_time"],
        amr=tuple(row["amr"]),
        requested_claims=row["requested_claims"],
        claims=row["claims"],
    )


async def find_access_token(querier: Querier, namespace: str, token_digest: str) -> LiveAccessToken | None:
    """Return a live access token, or None."""
    row = await querier.fetchrow("select * from authn.find_access_token($1, $2)", token_digest, namespace)
    if row is None:
        return None
    return LiveAccessToken(
        user_id=str(row["user_id"]),
        client_id=row["client_id"],
        session_id=str(row["session_id"]),
        scopes=tuple(row["scopes"]),
        claims=row["claims"],
        requested_claims=row["requested_claims"],
        signed_response_alg=row["signed_response_alg"],
        pairwise_key=row["pairwise_key"],
    )


async def record_consent(
    querier: Querier, namespace: str, *, user_id: str, client_id: str, scopes: Sequence[str], actor: Actor
) -> None:
    """Remember what a person allowed an app."""
    await querier.fetchval(
        "select authn.record_consent($1, $2, $3, $4, $5)",
        UUID(user_id),
        client_id,
        list(scopes),
        dict(actor),
        namespace,
    )


async def record_refusal(
    querier: Querier,
    namespace: str,
    refusal: Refusal,
    *,
    client_id: str | None,
    reason: str,
    actor: Actor,
    user_id: str | None = None,
) -> None:
    """Write down that an app was refused, and why."""
    await querier.fetchval(
        "select authn.record_client_refusal($1, $2, $3, $4, $5, $6)",
        refusal,
        client_id,
        reason,
        _uuid(user_id),
        dict(actor),
        namespace,
    )


async def create_client(querier: Querier, namespace: str, client: Mapping[str, Any], actor: Actor) -> None:
    """Register an app; `client` has the columns of authn.clients."""
    await querier.fetchval("select authn.create_client($1, $2, $3)", dict(client), dict(actor), namespace)


async def find_client(querier: Querier, namespace: str, client_id: str) -> Mapping[str, Any] | None:
    """Return the columns of one app, or None."""
    row = await querier.fetchrow("select * from authn.find_client($1, $2)", client_id, namespace)
    return None if row is None else dict(row)


async def list_clients(querier: Querier, namespace: str) -> list[Mapping[str, Any]]:
    """Return the columns of every app of the namespace, by name."""
    return [dict(row) for row in await querier.fetch("select * from authn.list_clients($1)", namespace)]


async def rotate_client_secret(
    querier: Querier, namespace: str, client_id: str, secret_digest: str, actor: Actor
) -> bool:
    """Replace the secret of a confidential app; False for an unknown or public one."""
    return bool(
        await querier.fetchval(
            "select authn.rotate_client_secret($1, $2, $3, $4)", client_id, secret_digest, dict(actor), namespace
        )
    )


async def delete_client(querier: Querier, namespace: str, client_id: str, actor: Actor) -> bool:
    """Remove an app with everything that hangs on it; False for an unknown one."""
    return bool(await querier.fetchval("select authn.delete_client($1, $2, $3)", client_id, dict(actor), namespace))


async def take_client_assertion(
    querier: Querier, namespace: str, *, client_id: str, jti_digest: str, expires_at: datetime
) -> bool:
    """Use a client's assertion up; False for one that was used before."""
    return bool(
        await querier.fetchval(
            "select authn.take_client_assertion($1, $2, $3, $4)", client_id, jti_digest, expires_at, namespace
        )
    )


async def is_app_origin(querier: Querier, namespace: str, origin: str) -> bool:
    """Tell whether a public app has a redirect URI on this origin."""
    return bool(await querier.fetchval("select authn.is_app_origin($1, $2)", origin, namespace))


async def settle_pairwise_salt(querier: Querier, namespace: str, salt: str) -> str:
    """Return the namespace's salt for pairwise names: this one where it had none."""
    return str(await querier.fetchval("select authn.settle_pairwise_salt($1, $2)", salt, namespace))


async def list_signing_keys(querier: Querier, namespace: str) -> list[SigningKeyRow]:
    """Return the namespace's signing keys, newest first."""
    return [
        SigningKeyRow(
            kid=row["kid"],
            algorithm=row["algorithm"],
            public_jwk=row["public_jwk"],
            sealed_private_key=row["sealed_private_key"],
            state=row["state"],
            age=row["age"],
            signs_from=row["signs_from"],
            retired_for=row["retired_for"],
        )
        for row in await querier.fetch("select * from authn.list_signing_keys($1)", namespace)
    ]


async def add_first_signing_key(querier: Querier, namespace: str, key: SigningKeyRow) -> None:
    """Add a key unless another process was first."""
    await querier.fetchval(
        "select authn.add_first_signing_key($1, $2, $3, $4, $5)",
        key.kid,
        key.algorithm,
        dict(key.public_jwk),
        key.sealed_private_key,
        namespace,
    )


async def rotate_signing_key(
    querier: Querier,
    namespace: str,
    key: SigningKeyRow,
    signs_after: timedelta,
    older_than: timedelta | None,
    actor: Actor,
) -> bool:
    """Publish the successor of a key; False where another process was first, or it is not time yet."""
    return bool(
        await querier.fetchval(
            "select authn.rotate_signing_key($1, $2, $3, $4, $5, $6, $7, $8)",
            key.kid,
            key.algorithm,
            dict(key.public_jwk),
            key.sealed_private_key,
            signs_after,
            older_than,
            dict(actor),
            namespace,
        )
    )


async def drop_retired_signing_keys(querier: Querier, namespace: str, retired_for: timedelta) -> int:
    """Delete keys that have not signed for so long; return how many."""
    return int(await querier.fetchval("select authn.drop_retired_signing_keys($1, $2)", retired_for, namespace))


def _uuid(value: str | None) -> UUID | None:
    return UUID(value) if value else None
