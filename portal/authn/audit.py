"""Who acts, and what was done: operations of the SDK."""

import ipaddress
from collections.abc import Mapping

from portal.authn.caller import Caller
from portal.authn.errors import AuthnValidationError
from portal.authn.records import AuditEvent

COMMAND_LINE: Mapping[str, str] = {"actor_id": "command line"}  # who acts in the audit events of an operator's command


class AuditOperations(Caller):
    """Name the actor of later writes, and read the audit log."""

    async def set_actor(
        self,
        actor_id: str | None,
        request_id: str | None = None,
        ip_address: str | None = None,
        user_agent: str | None = None,
        on_behalf_of: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Say who acts in every later write of this client, until `clear_actor`. `actor_id` is free text.

        Nothing is sent: the six values travel with each write.

        Raises:
            AuthnValidationError: `ip_address` is no address.
        """
        if ip_address:
            try:
                ipaddress.ip_interface(ip_address)
            except ValueError:
                raise AuthnValidationError("ip_address must be valid", "22023") from None
        self._actor = {
            "actor_id": actor_id,
            "request_id": request_id,
            "ip_address": ip_address,
            "user_agent": user_agent,
            "on_behalf_of": on_behalf_of,
            "reason": reason,
        }

    async def clear_actor(self) -> None:
        """Let later writes name nobody, also inside a transaction that an earlier write named somebody in."""
        self._actor = {}

    async def get_audit_events(
        self,
        limit: int | None = 100,
        event_type: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
    ) -> list[AuditEvent]:
        """Return the audit rows that match, newest first, at most 1000; None matches all."""
        query = "SELECT * FROM authn.get_audit_events($1, $2, $3, $4, $5)"
        return await self._rows(AuditEvent, query, limit, event_type, resource_type, resource_id, self._namespace)
