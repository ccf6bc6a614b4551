"""The SQL functions of sessions, one call each."""

from datetime import datetime
from typing import Any, NamedTuple

from portal.db.engine import Querier
from portal.web.request import CurrentSession


class Device(NamedTuple):
    """A session as its owner sees it in the list of devices."""

    session_id: str
    created_at: datetime
    last_active_at: datetime
    ip_address: str | None
    user_agent: str | None


async def resume_session(database: Querier, digest: str, namespace: str) -> CurrentSession | None:
    """Return the session of a token digest when it is alive; moves its sliding end at most once a minute."""
    row = await database.fetchrow("select * from authn.resume_session($1, $2)", digest, namespace)
    if row is None:
        return None
    return CurrentSession(
        session_id=str(row["session_id"]),
        user_id=str(row["user_id"]),
        email=row["email"],
        email_verified=row["email_verified"],
        name=row["name"],
        auth_time=row["auth_time"],
        amr=tuple(row["amr"] or ()),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def list_devices(database: Querier, user_id: str, namespace: str) -> list[Device]:
    """Return the live sessions of a person, the most recently active first."""
    rows = await database.fetch("select * from authn.list_session_devices($1, $2)", user_id, namespace)
    devices = [
        Device(
            session_id=str(row["id"]),
            created_at=row["created_at"],
            last_active_at=row["last_active_at"],
            ip_address=str(row["ip_address"]) if row["ip_address"] else None,
            user_agent=row["user_agent"],
        )
        for row in rows
    ]
    return sorted(devices, key=lambda device: device.last_active_at, reverse=True)


async def end_session(database: Querier, session_id: str, user_id: str, actor: dict[str, Any], namespace: str) -> bool:
    """End one session of a person; False when it is not theirs or has ended."""
    return bool(
        await database.fetchval("select authn.end_session($1, $2, $3, $4)", session_id, user_id, actor, namespace)
    )


async def end_other_sessions(
    database: Querier, user_id: str, session_id: str, actor: dict[str, Any], namespace: str
) -> int:
    """End every session of a person but one; returns how many ended."""
    return int(
        await database.fetchval(
            "select authn.end_other_sessions($1, $2, $3, $4)", user_id, session_id, actor, namespace
        )
    )
