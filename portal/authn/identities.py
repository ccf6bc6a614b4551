"""E-mail addresses and phone numbers of a user: operations of the SDK."""

from portal.authn.caller import Caller, as_uuid
from portal.authn.records import Identity, ProvenIdentity, VerifiedIdentity


class IdentityOperations(Caller):
    """Claim, prove, look up and remove addresses and numbers. A `kind` is `email` or `phone` (E.164, +41791234567)."""

    async def find_verified_identity(self, kind: str, value: str) -> VerifiedIdentity | None:
        """Return the one identity of this value that was proven, with its user, disabled ones too."""
        query = "SELECT * FROM authn.find_verified_identity($1, $2, $3)"
        return await self._row(VerifiedIdentity, query, kind, value, self._namespace)

    async def list_identities(self, user_id: str) -> list[Identity]:
        """Return the user's addresses and numbers, proven and claimed."""
        query = "SELECT * FROM authn.list_identities($1, $2)"
        return await self._rows(Identity, query, as_uuid(user_id, "user_id"), self._namespace)

    async def add_identity(self, user_id: str, kind: str, value: str) -> str:
        """Note that a user claims an address or a number, and return its id. Others may claim or own it: not told.

        Raises:
            AuthnError: the user has it already (sqlstate 23505), has 20 (54000), is unknown (23503), disabled (55000).
        """
        query = "SELECT authn.add_identity($1, $2, $3, authn.act_in($4, $5::text::jsonb))"
        user = as_uuid(user_id, "user_id")
        return str(await self._value(query, user, kind, value, self._namespace, self._actor_json))

    async def verify_identity(self, identity_id: str, user_id: str) -> bool:
        """Mark an identity as proven, after its user has shown a code or link sent to it.

        False when it is unknown, not theirs or proven before, or the user is disabled.

        Raises:
            AuthnError: somebody else has proven the same value (sqlstate 23505).
        """
        query = "SELECT authn.verify_identity($1, $2, authn.act_in($3, $4::text::jsonb))"
        identity, user = as_uuid(identity_id, "identity_id"), as_uuid(user_id, "user_id")
        return bool(await self._value(query, identity, user, self._namespace, self._actor_json))

    async def remove_identity(self, identity_id: str, user_id: str) -> bool:
        """Take an address or number from a user. False when it is unknown or not theirs.

        Raises:
            AuthnError: it is the primary address, which can only be changed (sqlstate 55000).
        """
        query = "SELECT authn.remove_identity($1, $2, authn.act_in($3, $4::text::jsonb))"
        identity, user = as_uuid(identity_id, "identity_id"), as_uuid(user_id, "user_id")
        return bool(await self._value(query, identity, user, self._namespace, self._actor_json))

    async def is_email_taken(self, email: str) -> bool:
        """Whether `create_user` would be refused. A page must not let a stranger tell."""
        return bool(await self._value("SELECT authn.is_email_taken($1, $2)", email, self._namespace))

    async def create_user_with_phone(self, phone: str) -> str:
        """Make a user who has a proven phone number, and neither address nor password; return the id.

        Raises:
            AuthnError: somebody has proven this number before (sqlstate 23505).
        """
        query = "SELECT authn.create_user_with_phone($1, authn.act_in($2, $3::text::jsonb))"
        return str(await self._value(query, phone, self._namespace, self._actor_json))

    async def find_or_create_email_identity(self, email: str) -> ProvenIdentity:
        """Return the user of whoever has just proven an address, made where there is none.

        An account with this address that nobody had proven becomes theirs (`outcome` "claimed"), and everything that
        was put on it before is gone.
        """
        query = "SELECT * FROM authn.find_or_create_email_identity($1, authn.act_in($2, $3::text::jsonb))"
        return (await self._rows(ProvenIdentity, query, email, self._namespace, self._actor_json))[0]

    async def find_or_create_phone_identity(self, phone: str) -> ProvenIdentity:
        """Return the user of whoever has just proven a phone number, made where there is none."""
        query = "SELECT * FROM authn.find_or_create_phone_identity($1, authn.act_in($2, $3::text::jsonb))"
        return (await self._rows(ProvenIdentity, query, phone, self._namespace, self._actor_json))[0]
