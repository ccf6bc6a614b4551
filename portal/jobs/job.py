"""What a background job is. The list of them stands in `portal.installed`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that the worker does again and again.

    `run` does one bounded piece of work and returns whether there may be more; it is then called again at once.
    Every process runs every job, at the same time as others: two of them must not harm each other.
    `wakes_on` is a PostgreSQL NOTIFY channel that starts it early.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[bool]]
    wakes_on: str | None = None
