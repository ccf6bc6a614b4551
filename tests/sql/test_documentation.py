"""docs/sql.md is what the comments in the database say."""

import asyncpg

from tests.sql.test_signatures import SIGNATURES
from tests.support import sql_documentation
from tests.support.database import TestDatabase


def test_the_page_of_the_functions_is_up_to_date(module_database: TestDatabase) -> None:
    rendered = sql_documentation.render(module_database.superuser_url)
    assert sql_documentation.SQL_PAGE.read_text() == rendered, "run `make docs`"


async def test_the_page_has_every_function_and_table(superuser: asyncpg.Connection) -> None:
    page = sql_documentation.SQL_PAGE.read_text()
    functions = await superuser.fetch("SELECT proname FROM pg_proc WHERE pronamespace = 'authn'::regnamespace")
    assert {row["proname"] for row in functions} >= SIGNATURES.keys()
    for row in functions:
        heading = f"- `{row['proname']}(" if row["proname"].startswith("_") else f"#### {row['proname']}\n"
        assert heading in page
    tables = await superuser.fetch(sql_documentation.TABLES)
    for row in tables:
        assert f"### authn.{row['name']}\n" in page
        assert row["comment"], f"{row['name']} has no comment"
