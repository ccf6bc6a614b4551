"""Plain functions that wait for coroutines: Authlib's hooks are such. They run in a greenlet of their own.

As SQLAlchemy's greenlet_spawn and await_only do it; importing SQLAlchemy for these two would take 19 MB of a worker.
https://greenlet.readthedocs.io/
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

T = TypeVar("T")


async def run_synchronous(work: Callable[[], T]) -> T:
    """Call `work` and return what it returns; inside it, `wait_for` waits without holding up the event loop."""
    inside = greenlet(work)
    inside.gr_context = getcurrent().gr_context  # the same context variables, or log lines would lose their request
    handed_out = inside.switch()
    while not inside.dead:
        try:
            result = await handed_out
        except BaseException:
            handed_out = inside.throw(*sys.exc_info())  # also when cancelled: it is the work that has to end
        else:
            handed_out = inside.switch(result)
    return cast(T, handed_out)


def wait_for(awaitable: Awaitable[T]) -> T:
    """Return what the awaitable gives. Only inside of `run_synchronous`."""
    outside: Any = getcurrent().parent
    return cast(T, outside.switch(awaitable))
