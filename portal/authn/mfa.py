"""Authenticators: operations of the SDK."""

from portal.authn.caller import Caller, as_uuid
from portal.authn.records import MfaEntry, MfaSecret


class MfaOperations(Caller):
    """Enrol, list, use and remove authenticators: `totp`, `webauthn`, `recovery_codes`."""

    async def add_mfa(self, user_id: str, mfa_type: str, secret: str, name: str | None = None) -> str:
        """Enrol an authenticator and return its id. The secret is stored as given: seal it first.

        Raises:
            AuthnError: the user is unknown (sqlstate 23503) or disabled (55000).
        """
        query = "SELECT authn.add_mfa($1, $2, $3, $4, authn.act_in($5, $6::text::jsonb))"
        arguments = (as_uuid(user_id, "user_id"), mfa_type, secret, name, self._namespace, self._actor_json)
        return str(await self._value(query, *arguments))

    async def get_mfa(self, user_id: str, mfa_type: str) -> list[MfaSecret]:
        """Return the user's authenticators of a type with their secrets, oldest first: for verification only."""
        query = "SELECT * FROM authn.get_mfa($1, $2, $3)"
        return await self._rows(MfaSecret, query, as_uuid(user_id, "user_id"), mfa_type, self._namespace)

    async def list_mfa(self, user_id: str) -> list[MfaEntry]:
        """Return the user's authenticators, oldest first, without secrets."""
        query = "SELECT * FROM authn.list_mfa($1, $2)"
        return await self._rows(MfaEntry, query, as_uuid(user_id, "user_id"), self._namespace)

    async def has_mfa(self, user_id: str) -> bool:
        """Whether the user has any authenticator."""
        query = "SELECT authn.has_mfa($1, $2)"
        return bool(await self._value(query, as_uuid(user_id, "user_id"), self._namespace))

    async def record_mfa_use(self, mfa_id: str) -> bool:
        """Note that an authenticator was used just now. False where there is no such authenticator."""
        query = "SELECT authn.record_mfa_use($1, authn.act_in($2, $3::text::jsonb))"
        return bool(await self._value(query, as_uuid(mfa_id, "mfa_id"), self._namespace, self._actor_json))

    async def use_recovery_code(self, mfa_id: str, code_number: int) -> int | None:
        """Use up one code of a set, by its number (1 to 100), once it is verified; return how many are used now.

        None when it was used before or there is no such set. Of any number of calls at once exactly one gets a number.
        """
        query = "SELECT authn.use_recovery_code($1, $2, authn.act_in($3, $4::text::jsonb))"
        answer = await self._value(query, as_uuid(mfa_id, "mfa_id"), code_number, self._namespace, self._actor_json)
        return None if answer is None else int(answer)

    async def remove_mfa(self, mfa_id: str) -> bool:
        """Remove an authenticator. False where there is no such authenticator."""
        query = "SELECT authn.remove_mfa($1, authn.act_in($2, $3::text::jsonb))"
        return bool(await self._value(query, as_uuid(mfa_id, "mfa_id"), self._namespace, self._actor_json))
