"""Login attempts and the plain lockout: operations of the SDK."""

from datetime import timedelta

from portal.authn.caller import Caller
from portal.authn.records import LoginAttempt


class LoginAttemptOperations(Caller):
    """Record and count tries to log in. The portal's own pages use finer budgets than this lockout."""

    async def record_login_attempt(self, email: str, success: bool, ip_address: str | None = None) -> None:
        """Note a try to log in, for addresses that nobody has too."""
        query = "SELECT authn.record_login_attempt($1, $2, $3::text::inet, authn.act_in($4, $5::text::jsonb))"
        await self._value(query, email, success, ip_address, self._namespace, self._actor_json)

    async def is_locked_out(self, email: str, window: timedelta | None = None, max_attempts: int | None = None) -> bool:
        """Whether the address has too many failures, by default 5 in 15 minutes."""
        query = "SELECT authn.is_locked_out($1, $2, $3::interval, $4)"
        return bool(await self._value(query, email, self._namespace, window, max_attempts))

    async def get_recent_attempts(self, email: str, limit: int | None = 10) -> list[LoginAttempt]:
        """Return the last tries with an address, newest first, at most 100."""
        query = "SELECT * FROM authn.get_recent_attempts($1, $2, $3)"
        return await self._rows(LoginAttempt, query, email, self._namespace, limit)

    async def clear_attempts(self, email: str) -> int:
        """Forget the tries with an address, which ends a lockout; return how many there were."""
        query = "SELECT authn.clear_attempts($1, authn.act_in($2, $3::text::jsonb))"
        return int(await self._value(query, email, self._namespace, self._actor_json))
