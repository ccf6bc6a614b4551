"""The three database roles, made where they are missing.

`portal_owner` owns schema `authn` and is bound by FORCE row-level security; `portal_app` is the server's login;
`portal_system` has no login and owns the few functions that cross namespaces.

The owner may hand functions to portal_system but must not inherit from it: a policy `TO portal_system` holds for every
role that inherits, and the owner's SECURITY DEFINER functions would then see every namespace.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from portal.db.migration_files import MigrationError

GRANT_OPTIONS_SINCE = (16, 0)  # before, whether a role inherits is a property of the role, not of the grant
SCRAM_ITERATIONS = 4096  # PostgreSQL's own number

# Parameters are quoted by the server; a role's name or password never meets the SQL text here.
_QUOTE = "SELECT quote_ident($1::text)"


@dataclass(frozen=True, slots=True)
class Login:
    """What the role of a connection may do."""

    name: str
    superuser: bool
    bypasses_row_security: bool
    may_create_roles: bool
    inherits: bool


async def ensure_roles(connection: Any, app_url: str | None) -> str:
    """Make the roles that are missing and return the one that is to own everything.

    `app_url` is the address that the server will use: its login is let into portal_app, or made where it is
    portal_app itself and missing. Call it in a transaction of the owner's connection.

    Raises:
        MigrationError: a role is missing and the login may not make it; the text has the SQL to run.
    """
    login = await _login_of(connection, await connection.fetchval("SELECT current_user::text"))
    app_login, app_password = _login_in(app_url)
    owner = login.name
    if login.superuser or login.bypasses_row_security:
        # What such a role owned would be open to its SECURITY DEFINER functions in every namespace.
        owner = "portal_owner"
        await _ensure_owner(connection, login)
    if app_login in (owner, login.name):
        raise MigrationError(
            f"PORTAL_DATABASE_URL logs in as {app_login}, which is for migrations. Let the server use a login "
            "of its own, portal_app, that can only read and call functions."
        )
    as_login = f"LOGIN PASSWORD '{scram_verifier(app_password)}'" if app_login == "portal_app" and app_password else ""
    await _ensure_role(connection, login, "portal_app", as_login or "NOLOGIN")
    await _ensure_role(connection, login, "portal_system", "NOLOGIN")
    await let_owner_hand_over(connection, owner)
    await _check_membership(connection, owner)
    if app_login not in (None, "portal_app"):
        await _let_in(connection, login, str(app_login))
    return owner


async def create_role(connection: Any, role: str, options: str) -> None:
    """Create a role of ours unless it exists. Roles are the whole server's: another database may make it right now."""
    await connection.execute(
        f"""
        DO $$
        BEGIN
            IF to_regrole('{role}') IS NULL THEN
                CREATE ROLE {role} {options};
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END
        $$
        """
    )


async def let_owner_hand_over(connection: Any, owner: str) -> None:
    """Let `owner` make portal_system the owner of functions."""
    member = await connection.fetchval("SELECT pg_has_role($1::text, 'portal_system', 'MEMBER')", owner)
    login = await _login_of(connection, await connection.fetchval("SELECT current_user::text"))
    if member or not (login.superuser or login.may_create_roles):
        return
    await connection.execute(_system_grant(connection, await connection.fetchval(_QUOTE, owner)))


def scram_verifier(password: str) -> str:
    """Return what PostgreSQL stores of a password (RFC 5802), so that the password itself reaches no server log."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{salt64}${stored64}:{server64}"


async def _login_of(connection: Any, name: str) -> Login:
    found = await connection.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolinherit FROM pg_catalog.pg_roles WHERE rolname = $1", name
    )
    if found is None:
        raise MigrationError(
            f"The role {name} does not exist. Run as a superuser:\n  CREATE ROLE {name} LOGIN PASSWORD '…';"
        )
    return Login(name, *found)


def _login_in(url: str | None) -> tuple[str | None, str | None]:
    parts = urlsplit(url or "")
    return (unquote(parts.username) if parts.username else None, unquote(parts.password) if parts.password else None)


async def _ensure_owner(connection: Any, login: Login) -> None:
    await _ensure_role(connection, login, "portal_owner", "NOLOGIN NOINHERIT")
    owner = await _login_of(connection, "portal_owner")
    if owner.superuser or owner.bypasses_row_security:
        raise MigrationError(
            "portal_owner must be bound by row-level security. Run: ALTER ROLE portal_owner NOSUPERUSER NOBYPASSRLS;"
        )
    if owner.inherits:
        await connection.execute("ALTER ROLE portal_owner NOINHERIT")
    if not await connection.fetchval("SELECT pg_has_role('portal_owner', 'MEMBER')"):
        await connection.execute("GRANT portal_owner TO CURRENT_USER")
    database = await connection.fetchval("SELECT current_database()")
    if not await connection.fetchval("SELECT has_database_privilege('portal_owner', $1::text, 'CREATE')", database):
        await connection.execute(
            f"GRANT CREATE ON DATABASE {await connection.fetchval(_QUOTE, database)} TO portal_owner"
        )


async def _ensure_role(connection: Any, login: Login, role: str, options: str) -> None:
    if await connection.fetchval("SELECT to_regrole($1::text) IS NOT NULL", role):
        return
    if not (login.superuser or login.may_create_roles):
        quoted = await connection.fetchval(_QUOTE, login.name)
        raise MigrationError(
            f"The role {role} is missing and {login.name} may not make roles. Run as a superuser:\n"
            "  CREATE ROLE portal_app LOGIN PASSWORD '…';\n"
            "  CREATE ROLE portal_system NOLOGIN;\n"
            f"  {_system_grant(connection, quoted)};"
        )
    await create_role(connection, role, options)


async def _check_membership(connection: Any, owner: str) -> None:
    quoted = await connection.fetchval(_QUOTE, owner)
    may_hand_over = "SET" if connection.get_server_version() >= GRANT_OPTIONS_SINCE else "MEMBER"
    if not await connection.fetchval("SELECT pg_has_role($1::text, 'portal_system', $2)", owner, may_hand_over):
        raise MigrationError(
            f"{owner} must be able to hand functions to portal_system. Run as a superuser:\n"
            f"  {_system_grant(connection, quoted)};"
        )
    # USAGE is the very question that PostgreSQL asks to see whether a policy `TO portal_system` holds for a role.
    if await connection.fetchval("SELECT pg_has_role($1::text, 'portal_system', 'USAGE')", owner):
        raise MigrationError(
            f"{owner} inherits from portal_system and would see every namespace. Run as a superuser:\n"
            f"  ALTER ROLE {quoted} NOINHERIT;\n"
            f"  REVOKE portal_system FROM {quoted};\n"
            f"  {_system_grant(connection, quoted)};"
        )


async def _let_in(connection: Any, login: Login, app_login: str) -> None:
    app = await _login_of(connection, app_login)
    if await connection.fetchval("SELECT pg_has_role($1::text, 'portal_app', 'USAGE')", app.name):
        return
    grant = f"GRANT portal_app TO {await connection.fetchval(_QUOTE, app.name)}"
    if not (login.superuser or login.may_create_roles):
        raise MigrationError(f"{app.name} is not let into portal_app. Run as a superuser:\n  {grant};")
    await connection.execute(grant)


def _system_grant(connection: Any, quoted_owner: str) -> str:
    if connection.get_server_version() >= GRANT_OPTIONS_SINCE:
        return f"GRANT portal_system TO {quoted_owner} WITH INHERIT FALSE, SET TRUE"
    return f"GRANT portal_system TO {quoted_owner}"
