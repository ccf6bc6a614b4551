"""The people of the journeys."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.person import Person
from tests.support.server import PortalServer

Somebody = Callable[..., Person]


@pytest.fixture
def somebody(portal_server: PortalServer) -> Iterator[Somebody]:
    """Another browser, with an address of its own, each time it is asked."""
    people: list[Person] = []

    def arrive(**who: str) -> Person:
        people.append(Person(portal_server, **who))
        return people[-1]

    yield arrive
    for person in people:
        person.close()


@pytest.fixture
def zoe(somebody: Somebody) -> Person:
    """A person at a browser without scripts."""
    return somebody()
