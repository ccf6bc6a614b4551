"""API keys: operations of the SDK."""

from datetime import timedelta

from portal.authn.caller import Caller, as_uuid
from portal.authn.records import ApiKey, ApiKeyHolder


class ApiKeyOperations(Caller):
    """Create, validate, list and revoke API keys. A `key_hash` is the SHA-256 of the key in hex."""

    async def create_api_key(
        self, user_id: str, key_hash: str, name: str | None = None, expires_in: timedelta | None = None
    ) -> str:
        """Make a key and return its id. Without `expires_in` it never expires.

        Raises:
            AuthnError: the user is unknown (sqlstate 23503), disabled (55000) or has 50 keys (54000), or the hash is in
                use (23505).
        """
        query = "SELECT authn.create_api_key($1, $2, $3, $4::interval, authn.act_in($5, $6::text::jsonb))"
        user = as_uuid(user_id, "user_id")
        arguments = (user, key_hash, name, expires_in, self._namespace, self._actor_json)
        return str(await self._value(query, *arguments))

    async def validate_api_key(self, key_hash: str) -> ApiKeyHolder | None:
        """Return whose key this is; None when it is unknown, expired or revoked or its user disabled."""
        return await self._row(ApiKeyHolder, "SELECT * FROM authn.validate_api_key($1, $2)", key_hash, self._namespace)

    async def list_api_keys(self, user_id: str) -> list[ApiKey]:
        """Return the user's live keys, newest first. Never a key hash."""
        query = "SELECT * FROM authn.list_api_keys($1, $2)"
        return await self._rows(ApiKey, query, as_uuid(user_id, "user_id"), self._namespace)

    async def revoke_api_key(self, key_id: str) -> bool:
        """End a key. False when there is none or it was revoked before."""
        query = "SELECT authn.revoke_api_key($1, authn.act_in($2, $3::text::jsonb))"
        return bool(await self._value(query, as_uuid(key_id, "key_id"), self._namespace, self._actor_json))

    async def revoke_all_api_keys(self, user_id: str) -> int:
        """End the user's live keys; return how many."""
        query = "SELECT authn.revoke_all_api_keys($1, authn.act_in($2, $3::text::jsonb))"
        return int(await self._value(query, as_uuid(user_id, "user_id"), self._namespace, self._actor_json))
