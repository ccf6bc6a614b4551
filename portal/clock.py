"""The time shown to people and put into signed tokens. Time that decides (expiry, limits) is PostgreSQL's `now()`."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)
