"""Sessions by their token: operations of the SDK."""

from datetime import datetime, timedelta
from typing import cast

from portal.authn.caller import Caller, as_uuid
from portal.authn.records import Session, SessionHolder


class SessionOperations(Caller):
    """Create, validate, extend, revoke and list sessions. A `token_hash` is the SHA-256 of the token in hex."""

    async def create_session(
        self,
        user_id: str,
        token_hash: str,
        expires_in: timedelta | None = None,
        ip_address: str | None = None,
        user_agent: str | None = None,
    ) -> str:
        """Start a session with a fixed end, 7 days from now by default, and return its id.

        Raises:
            AuthnError: the user is unknown (sqlstate 23503) or disabled (55000), or the hash is in use (23505).
        """
        query = """
            SELECT authn.create_session($1, $2, $3::interval, $4::text::inet, $5, authn.act_in($6, $7::text::jsonb))
        """
        user = as_uuid(user_id, "user_id")
        arguments = (user, token_hash, expires_in, ip_address, user_agent, self._namespace, self._actor_json)
        return str(await self._value(query, *arguments))

    async def validate_session(self, token_hash: str) -> SessionHolder | None:
        """Return whose session this is; None when it is unknown, expired or revoked or its user disabled."""
        return await self._row(
            SessionHolder, "SELECT * FROM authn.validate_session($1, $2)", token_hash, self._namespace
        )

    async def extend_session(self, token_hash: str, extend_by: timedelta | None = None) -> datetime | None:
        """Let a valid session end at now + `extend_by`, by default 7 days; return that time, or None if not valid."""
        query = "SELECT authn.extend_session($1, $2::interval, authn.act_in($3, $4::text::jsonb))"
        answer = await self._value(query, token_hash, extend_by, self._namespace, self._actor_json)
        return cast(datetime | None, answer)

    async def revoke_session(self, token_hash: str) -> bool:
        """End the session with this token. False when there is none or it was revoked before."""
        query = "SELECT authn.revoke_session($1, authn.act_in($2, $3::text::jsonb))"
        return bool(await self._value(query, token_hash, self._namespace, self._actor_json))

    async def revoke_session_by_id(self, session_id: str, user_id: str) -> bool:
        """End one of the user's own sessions. False for anyone else's, like for one that does not exist."""
        query = "SELECT authn.revoke_session_by_id($1, $2, authn.act_in($3, $4::text::jsonb))"
        session, user = as_uuid(session_id, "session_id"), as_uuid(user_id, "user_id")
        return bool(await self._value(query, session, user, self._namespace, self._actor_json))

    async def revoke_other_sessions(self, user_id: str, except_session_id: str) -> int:
        """End the user's live sessions but one; return how many."""
        query = "SELECT authn.revoke_other_sessions($1, $2, authn.act_in($3, $4::text::jsonb))"
        user, kept = as_uuid(user_id, "user_id"), as_uuid(except_session_id, "except_session_id")
        return int(await self._value(query, user, kept, self._namespace, self._actor_json))

    async def revoke_all_sessions(self, user_id: str) -> int:
        """End the user's live sessions; return how many."""
        query = "SELECT authn.revoke_all_sessions($1, authn.act_in($2, $3::text::jsonb))"
        return int(await self._value(query, as_uuid(user_id, "user_id"), self._namespace, self._actor_json))

    async def list_sessions(self, user_id: str) -> list[Session]:
        """Return the user's live sessions, newest first. Never a token hash."""
        query = "SELECT * FROM authn.list_sessions($1, $2)"
        return await self._rows(Session, query, as_uuid(user_id, "user_id"), self._namespace)
