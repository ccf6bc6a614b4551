"""The roles and the database of the embedded PostgreSQL, made by its superuser at the start."""

import asyncio
import threading

from portal.db.embedded.cluster import Cluster
from portal.db.roles import create_role, let_owner_hand_over, scram_verifier


def make_roles_and_database(cluster: Cluster) -> None:
    """Make what is missing. Blocks, in a thread of its own, since the caller may be inside an event loop."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(_make_roles_and_database(cluster))
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, name="embedded-postgres-roles")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def _make_roles_and_database(cluster: Cluster) -> None:
    import asyncpg  # late: the processes that use an outer database never come here

    connection = await asyncpg.connect(
        cluster.url("postgres", cluster.passwords.superuser), database="postgres", ssl=False
    )
    try:
        made = await connection.fetchval("SELECT true FROM pg_catalog.pg_database WHERE datname = 'portal'")
        if made:
            return  # the database is made last, so the roles are there
        async with connection.transaction():
            for role, options, password in (
                ("portal_owner", "CREATEROLE NOINHERIT", cluster.passwords.owner),
                ("portal_app", "INHERIT", cluster.passwords.app),
            ):
                await create_role(connection, role, "NOLOGIN")
                await connection.execute(f"ALTER ROLE {role} LOGIN {options} PASSWORD '{scram_verifier(password)}'")
            await create_role(connection, "portal_system", "NOLOGIN")
            await let_owner_hand_over(connection, "portal_owner")
        await connection.execute("CREATE DATABASE portal OWNER portal_owner")
    finally:
        await connection.close()
