"""Users and their passwords: operations of the SDK."""

from portal.authn.caller import Caller, as_uuid
from portal.authn.records import Credentials, User


class UserOperations(Caller):
    """Make, find, change, disable and delete users."""

    async def create_user(self, email: str, password_hash: str | None = None) -> str:
        """Make a user and return the id; the address counts as unproven. `password_hash` is a PHC string (argon2id).

        Raises:
            AuthnError: the address is taken in this namespace (sqlstate 23505).
        """
        query = "SELECT authn.create_user($1, $2, authn.act_in($3, $4::text::jsonb))"
        return str(await self._value(query, email, password_hash, self._namespace, self._actor_json))

    async def get_user(self, user_id: str) -> User | None:
        """Return a user, disabled ones too."""
        query = "SELECT * FROM authn.get_user($1, $2)"
        return await self._row(User, query, as_uuid(user_id, "user_id"), self._namespace)

    async def get_user_by_email(self, email: str) -> User | None:
        """Return the user whose primary address this is, in any letter case."""
        return await self._row(User, "SELECT * FROM authn.get_user_by_email($1, $2)", email, self._namespace)

    async def list_users(self, limit: int | None = 100, cursor: str | None = None) -> list[User]:
        """Return users by id, at most 1000. `cursor` is the user_id of the last row of the page before."""
        query = "SELECT * FROM authn.list_users($1, $2, $3)"
        return await self._rows(User, query, self._namespace, limit, as_uuid(cursor, "cursor"))

    async def update_email(self, user_id: str, new_email: str) -> bool:
        """Give a user another address, unproven, and use up the open tokens. False where there is no such user.

        Raises:
            AuthnError: the address is taken in this namespace (sqlstate 23505).
        """
        query = "SELECT authn.update_email($1, $2, authn.act_in($3, $4::text::jsonb))"
        user = as_uuid(user_id, "user_id")
        return bool(await self._value(query, user, new_email, self._namespace, self._actor_json))

    async def disable_user(self, user_id: str) -> bool:
        """Shut a user out and revoke sessions, API keys and tokens. False where already done."""
        query = "SELECT authn.disable_user($1, authn.act_in($2, $3::text::jsonb))"
        return bool(await self._value(query, as_uuid(user_id, "user_id"), self._namespace, self._actor_json))

    async def enable_user(self, user_id: str) -> bool:
        """Let a disabled user log in again; what was revoked stays so. False where not disabled."""
        query = "SELECT authn.enable_user($1, authn.act_in($2, $3::text::jsonb))"
        return bool(await self._value(query, as_uuid(user_id, "user_id"), self._namespace, self._actor_json))

    async def delete_user(self, user_id: str) -> bool:
        """Delete a user with everything that belongs to them. False where there is no such user."""
        query = "SELECT authn.delete_user($1, authn.act_in($2, $3::text::jsonb))"
        return bool(await self._value(query, as_uuid(user_id, "user_id"), self._namespace, self._actor_json))

    async def get_credentials(self, email: str) -> Credentials | None:
        """Return what a password is checked against; the only call that returns a password hash."""
        return await self._row(Credentials, "SELECT * FROM authn.get_credentials($1, $2)", email, self._namespace)

    async def update_password(self, user_id: str, new_password_hash: str) -> bool:
        """Replace the password hash. False where there is no such user. Sessions are left as they are."""
        query = "SELECT authn.update_password($1, $2, authn.act_in($3, $4::text::jsonb))"
        user = as_uuid(user_id, "user_id")
        return bool(await self._value(query, user, new_password_hash, self._namespace, self._actor_json))
