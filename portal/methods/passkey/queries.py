"""The SQL functions of passkeys."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from portal.crypto.base64url import decode_base64url
from portal.db.engine import Querier
from portal.login.queries import Completed, completed
from portal.methods.passkey.verification import StoredPasskey


class Ceremony(NamedTuple):
    """A challenge that was taken: it works for this answer and for no other."""

    kind: str
    challenge: bytes
    user_id: str | None
    flow_id: str | None


class Passkey(NamedTuple):
    """A passkey as its owner may see it."""

    id: str
    name: str | None
    created_at: datetime
    last_used_at: datetime | None
    credential_id: bytes
    aaguid: UUID | None
    transports: tuple[str, ...]
    backup_eligible: bool
    upgraded: bool
    second_step: bool


async def start_ceremony(database: Querier, ceremony: dict[str, Any], namespace: str) -> str | None:
    """Note a challenge and return the id of its ceremony; None where too many of this network wait for an answer."""
    return _text(await database.fetchval("select authn.start_ceremony($1, $2)", ceremony, namespace))


async def take_ceremony(
    database: Querier, ceremony_id: str, kinds: list[str], browser_digest: str | None, namespace: str
) -> Ceremony | None:
    """Take a challenge; None when it is unknown, too old, of another kind or browser, or was taken before."""
    try:
        key = UUID(ceremony_id)
    except ValueError:
        return None
    row = await database.fetchrow(
        "select * from authn.take_ceremony($1, $2, $3, $4)", key, kinds, browser_digest, namespace
    )
    if row is None:
        return None
    return Ceremony(row["kind"], row["challenge"], _text(row["user_id"]), _text(row["flow_id"]))


async def enrol_passkey(
    database: Querier, user_id: str, session_id: str, passkey: dict[str, Any], actor: dict[str, Any], namespace: str
) -> str:
    """Enrol a verified passkey; returns the outcome of authn.enrol_passkey."""
    query = "select outcome from authn.enrol_passkey($1, $2, $3, $4, $5)"
    return str(await database.fetchval(query, UUID(user_id), UUID(session_id), passkey, actor, namespace))


async def find_passkey(database: Querier, credential_id: bytes, namespace: str) -> StoredPasskey | None:
    """Return whose passkey it is; None for an unknown one."""
    row = await database.fetchrow("select * from authn.find_passkey($1, $2)", credential_id, namespace)
    if row is None:
        return None
    return StoredPasskey(
        mfa_id=str(row["mfa_id"]),
        user_id=str(row["user_id"]),
        email=row["email"],
        public_key=decode_base64url(row["public_key"]),
        sign_count=row["sign_count"],
        backup_eligible=row["backup_eligible"],
        upgraded=row["upgraded"],
        demands_second_step=row["demands_second_step"],
        disabled=row["disabled"],
    )


async def list_passkeys(database: Querier, user_id: str, namespace: str) -> list[Passkey]:
    """Return a person's passkeys, oldest first."""
    rows = await database.fetch("select * from authn.list_passkeys($1, $2)", UUID(user_id), namespace)
    return [
        Passkey(
            str(row["mfa_id"]),
            row["name"],
            row["created_at"],
            row["last_used_at"],
            row["credential_id"],
            row["aaguid"],
            tuple(row["transports"] or ()),
            bool(row["backup_eligible"]),
            row["upgraded"],
            row["second_step"],
        )
        for row in rows
    ]


async def complete_passkey_login(
    database: Querier, login: dict[str, Any], proof: dict[str, Any], actor: dict[str, Any], namespace: str
) -> Completed:
    """complete_login with a verified assertion; outcome `used` where the counter did not rise."""
    query = "select * from authn.complete_passkey_login($1, $2, $3, $4)"
    return completed(await database.fetchrow(query, login, proof, actor, namespace))


async def refuse_passkey(
    database: Querier, user_id: str | None, reason: str, actor: dict[str, Any], namespace: str
) -> None:
    """Write the audit event of an answer that did not verify."""
    key = UUID(user_id) if user_id else None
    await database.fetchval("select authn.refuse_passkey($1, $2, $3, $4)", key, reason, actor, namespace)


def _text(value: object) -> str | None:
    return str(value) if value else None
