"""Write the generated pages: `python -m tests.write_docs`, which is `make docs`. Tests fail when they are stale."""

import asyncio

from portal.db.embedded import EmbeddedPostgres
from portal.db.migrate import migrate
from tests.support import sdk_documentation, sql_documentation
from tests.support.database import NOT_DURABLE, temporary_data_dir


def main() -> None:
    """Migrate a database of this checkout's own, and describe it."""
    with temporary_data_dir() as data_dir, EmbeddedPostgres(data_dir, NOT_DURABLE) as server:
        asyncio.run(migrate(server.owner_url, server.app_url))
        sql_documentation.SQL_PAGE.write_text(sql_documentation.render(server.superuser_url))
    sdk_documentation.SDK_PAGE.write_text(sdk_documentation.render())


if __name__ == "__main__":
    main()
