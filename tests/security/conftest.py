"""Attackers and victims."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database import TestDatabase, drop_database, empty_database
from tests.support.server import PortalServer, prepare_server
from tests.support.statements import CountedPortal, counted_portal


@pytest.fixture(scope="session")
def counted(
    postgres_server: TestDatabase, template_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CountedPortal]:
    """A portal in this process whose hashes, statements and rows are counted."""
    database = empty_database(postgres_server, template=template_database.name)
    with counted_portal(database, tmp_path_factory.mktemp("counted")) as portal:
        yield portal
    drop_database(postgres_server, database)


@pytest.fixture(scope="session")
def second_process(portal_server: PortalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    """Another process of the same portal: the same address for people, the same database, another socket."""
    shared = {name: value for name, value in portal_server.environment.items() if name != "PORT"}
    process = prepare_server(Path(tmp_path_factory.mktemp("second")), **shared)
    process.database = portal_server.database
    process.start()
    yield process
    process.stop()
