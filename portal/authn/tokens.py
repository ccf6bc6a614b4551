"""One-time tokens: operations of the SDK."""

from datetime import timedelta

from portal.authn.caller import Caller, as_uuid
from portal.authn.records import TokenHolder


class TokenOperations(Caller):
    """Create, consume and invalidate tokens: `password_reset`, `email_verify`, `magic_link`."""

    async def create_token(
        self, user_id: str, token_hash: str, token_type: str, expires_in: timedelta | None = None
    ) -> str:
        """Make a token and return its id. By default it lives 1 hour, 24 hours or 15 minutes, by type.

        Raises:
            AuthnError: the user is unknown (sqlstate 23503) or disabled (55000), or the hash is in use (23505).
        """
        query = "SELECT authn.create_token($1, $2, $3, $4::interval, authn.act_in($5, $6::text::jsonb))"
        user = as_uuid(user_id, "user_id")
        arguments = (user, token_hash, token_type, expires_in, self._namespace, self._actor_json)
        return str(await self._value(query, *arguments))

    async def consume_token(self, token_hash: str, token_type: str) -> TokenHolder | None:
        """Use a token up and return whose it was. Of any number of calls at once exactly one gets an answer."""
        query = "SELECT * FROM authn.consume_token($1, $2, authn.act_in($3, $4::text::jsonb))"
        return await self._row(TokenHolder, query, token_hash, token_type, self._namespace, self._actor_json)

    async def verify_email(self, token_hash: str) -> TokenHolder | None:
        """Use an `email_verify` token up and mark the address as proven."""
        query = "SELECT * FROM authn.verify_email($1, authn.act_in($2, $3::text::jsonb))"
        return await self._row(TokenHolder, query, token_hash, self._namespace, self._actor_json)

    async def invalidate_tokens(self, user_id: str, token_type: str) -> int:
        """Mark the user's unused tokens of a type as used; return how many."""
        query = "SELECT authn.invalidate_tokens($1, $2, authn.act_in($3, $4::text::jsonb))"
        user = as_uuid(user_id, "user_id")
        return int(await self._value(query, user, token_type, self._namespace, self._actor_json))
