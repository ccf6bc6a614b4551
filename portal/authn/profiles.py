"""Profiles: operations of the SDK."""

import json
from collections.abc import Mapping
from typing import Any

from portal.authn.caller import Caller, as_uuid
from portal.authn.errors import AuthnValidationError
from portal.authn.records import Profile, User


class ProfileOperations(Caller):
    """Read and change what a user is called and likes, and find one by username."""

    async def get_profile(self, user_id: str) -> Profile | None:
        """Return what the user's profile says."""
        query = "SELECT * FROM authn.get_profile($1, $2)"
        return await self._row(Profile, query, as_uuid(user_id, "user_id"), self._namespace)

    async def update_profile(self, user_id: str, changes: Mapping[str, Any]) -> bool:
        """Change the named fields: `name`, `username`, `locale`, `zoneinfo`, `picture` (None clears) and `metadata`.

        `metadata` is an object of at most 16384 bytes as JSON, replaced as a whole. False where there is no such user.

        Raises:
            AuthnError: the username is taken in this namespace (sqlstate 23505).
        """
        query = "SELECT authn.update_profile($1, $2::text::jsonb, authn.act_in($3, $4::text::jsonb))"
        try:
            given = json.dumps(dict(changes))
        except (TypeError, ValueError):
            raise AuthnValidationError("changes must be an object that JSON can hold", "22023") from None
        user = as_uuid(user_id, "user_id")
        return bool(await self._value(query, user, given, self._namespace, self._actor_json))

    async def get_user_by_username(self, username: str) -> User | None:
        """Return the user with this username, in any letter case."""
        return await self._row(User, "SELECT * FROM authn.get_user_by_username($1, $2)", username, self._namespace)
