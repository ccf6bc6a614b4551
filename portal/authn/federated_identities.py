"""Accounts at other providers: operations of the SDK."""

from portal.authn.caller import Caller, as_uuid
from portal.authn.records import FederatedIdentity, FederatedLogin


class FederatedIdentityOperations(Caller):
    """Link, use, list and unlink accounts at other providers. `issuer` and `subject` together say which one it is."""

    async def link_federated_identity(
        self, user_id: str, provider: str, issuer: str, subject: str, email: str | None = None
    ) -> str:
        """Let a user log in with an account at another provider; return the link's id.

        `provider` is the name it is set up under, `email` what the provider says, for display only. That the person
        holds both accounts is for the caller to have proven.

        Raises:
            AuthnError: the account is linked already (sqlstate 23505); the user is unknown (23503) or disabled (55000).
        """
        query = "SELECT authn.link_federated_identity($1, $2, $3, $4, $5, authn.act_in($6, $7::text::jsonb))"
        user = as_uuid(user_id, "user_id")
        arguments = (user, provider, issuer, subject, email, self._namespace, self._actor_json)
        return str(await self._value(query, *arguments))

    async def use_federated_identity(
        self, issuer: str, subject: str, email: str | None = None
    ) -> FederatedLogin | None:
        """Return the user that an account is linked to, disabled ones too, and note the use."""
        query = "SELECT * FROM authn.use_federated_identity($1, $2, $3, authn.act_in($4, $5::text::jsonb))"
        return await self._row(FederatedLogin, query, issuer, subject, email, self._namespace, self._actor_json)

    async def list_federated_identities(self, user_id: str) -> list[FederatedIdentity]:
        """Return the accounts at other providers that the user logs in with, oldest link first."""
        query = "SELECT * FROM authn.list_federated_identities($1, $2)"
        return await self._rows(FederatedIdentity, query, as_uuid(user_id, "user_id"), self._namespace)

    async def unlink_federated_identity(self, federated_identity_id: str, user_id: str) -> bool:
        """Take an account at another provider from a user. False when it is unknown or not theirs."""
        query = "SELECT authn.unlink_federated_identity($1, $2, authn.act_in($3, $4::text::jsonb))"
        link, user = as_uuid(federated_identity_id, "federated_identity_id"), as_uuid(user_id, "user_id")
        return bool(await self._value(query, link, user, self._namespace, self._actor_json))
