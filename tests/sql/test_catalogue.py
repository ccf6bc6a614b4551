"""Rules for every table and function of schema authn, read from PostgreSQL's own catalogue."""

import asyncpg

from tests.sql.test_signatures import SIGNATURES

SCHEMA = "pronamespace = 'authn'::regnamespace"
TENANT_POLICY = "(namespace = ( SELECT NULLIF(current_setting('authn.tenant_id'::text, true), ''::text) AS \"nullif\"))"
# The journal of migrations belongs to the database, not to a namespace.
WITHOUT_NAMESPACE = {"migrations"}


async def _functions(connection: asyncpg.Connection, condition: str) -> set[str]:
    rows = await connection.fetch(f"SELECT proname FROM pg_proc WHERE {SCHEMA} AND {condition}")
    return {row["proname"] for row in rows}


async def test_no_function_is_overloaded(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(f"SELECT proname FROM pg_proc WHERE {SCHEMA} GROUP BY proname HAVING count(*) > 1")
    assert rows == []


async def test_every_function_pins_its_search_path(superuser: asyncpg.Connection) -> None:
    pinned = "proconfig @> array['search_path=pg_catalog, pg_temp']"
    assert await _functions(superuser, f"({pinned}) IS NOT TRUE") == set()


async def test_no_function_may_be_executed_by_everyone(superuser: asyncpg.Connection) -> None:
    open_to_all = (
        "(proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) a WHERE a.grantee = 0 "
        "AND a.privilege_type = 'EXECUTE'))"
    )
    assert await _functions(superuser, open_to_all) == set()


async def test_every_function_is_documented(superuser: asyncpg.Connection) -> None:
    assert await _functions(superuser, "coalesce(obj_description(oid, 'pg_proc'), '') = ''") == set()


async def test_no_function_belongs_to_a_superuser(superuser: asyncpg.Connection) -> None:
    unbound = "proowner IN (SELECT oid FROM pg_roles WHERE rolsuper OR rolbypassrls)"
    assert await _functions(superuser, unbound) == set()


async def test_the_application_may_call_every_public_function_but_the_one_that_shortens_the_log(
    superuser: asyncpg.Connection,
) -> None:
    forbidden = await _functions(
        superuser, "NOT has_function_privilege('portal_app', oid, 'EXECUTE') AND NOT starts_with(proname, '_')"
    )
    assert forbidden & set(SIGNATURES) == {"drop_audit_partitions"}


async def test_public_functions_run_with_the_rights_of_their_owner(superuser: asyncpg.Connection) -> None:
    assert await _functions(superuser, "NOT prosecdef AND NOT starts_with(proname, '_')") == set()


async def test_every_table_forces_row_level_security(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'authn'::regnamespace AND relkind IN ('r', 'p') "
        "AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert {row["relname"] for row in rows} <= WITHOUT_NAMESPACE


async def test_every_table_with_a_namespace_has_the_tenant_policy_for_every_role(
    superuser: asyncpg.Connection,
) -> None:
    rows = await superuser.fetch(
        """
        SELECT c.relname, pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS checks
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'namespace' AND NOT a.attisdropped
          LEFT JOIN pg_policy p
            ON p.polrelid = c.oid AND p.polname = 'tenant' AND p.polroles = '{0}' AND p.polcmd = '*' AND p.polpermissive
         WHERE c.relnamespace = 'authn'::regnamespace AND c.relkind IN ('r', 'p')
        """
    )
    assert {row["relname"] for row in rows} >= {
        "users", "sessions", "tokens", "mfa_secrets", "api_keys", "login_attempts", "audit_events",
        "audit_events_default",
    }  # fmt: skip
    for row in rows:
        assert (row["using"], row["checks"]) == (TENANT_POLICY, TENANT_POLICY), row["relname"]


async def test_the_application_may_read_tables_but_write_none(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'authn'::regnamespace AND relkind IN ('r', 'p') "
        "AND has_table_privilege('portal_app', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    assert rows == []


async def test_every_foreign_key_to_users_cascades(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(
        "SELECT conrelid::regclass::text AS child, confdeltype FROM pg_constraint "
        "WHERE contype = 'f' AND confrelid = 'authn.users'::regclass"
    )
    assert len(rows) >= 4
    assert {row["child"] for row in rows if row["confdeltype"] != b"c"} == set()


async def test_every_foreign_key_to_users_has_an_index_for_the_cascade(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(
        """
        SELECT conrelid::regclass::text AS child
          FROM pg_constraint k
         WHERE contype = 'f'
           AND confrelid = 'authn.users'::regclass
           AND NOT EXISTS (
                   SELECT FROM pg_index i
                    WHERE i.indrelid = k.conrelid
                      -- A partial index on "is not null" serves: equality with the user implies it.
                      AND coalesce(pg_get_expr(i.indpred, i.indrelid), '(user_id IS NOT NULL)')
                          = '(user_id IS NOT NULL)'
                      AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
               )
        """
    )
    assert [row["child"] for row in rows] == []
