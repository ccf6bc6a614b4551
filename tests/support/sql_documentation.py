"""docs/sql.md: every function and table of schema authn, from PostgreSQL's own catalogue and the comments in it."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.database import fetch

ROOT = Path(__file__).parents[2]
SQL_PAGE = ROOT / "docs" / "sql.md"
FUNCTION_FILES = ROOT / "migrations" / "functions"

INTRODUCTION = """\
# The SQL functions and tables of schema `authn`

<!-- Written by `make docs` from the comments in migrations/. Change those, not this page. -->

Every rule about data is one function here. Call them by name with positional arguments, from psql or any driver:

```sql
SELECT authn.create_user('alice@example.com', '$argon2id$…');          -- in the namespace `default`
SELECT * FROM authn.list_users('org:my-org', 20);
```

- A function that is given a **namespace** works in it and leaves the tenant context as it found it. While another
  tenant's context is set (`authn.set_tenant`), its reads are empty and its writes refused.
- **Secrets** come hashed: passwords as argon2id, random tokens as SHA-256 in hex. Strings are stored and compared as
  given.
- **Errors**: 22004 a NULL, 22026 empty, 22001 too long, 22023 otherwise malformed, 23505 duplicate, 23503 unknown user,
  42501 row of another tenant, 54000 too many, 55000 a disabled user. No text repeats what was given.
- `authn.set_actor` says who acts until the transaction ends; in autocommit write
  `authn.act_in('default', '{"actor_id": "me"}')` in place of the namespace.
- The login of the server, `portal_app`, may read tables under row-level security and execute what is listed here; it
  writes through functions only.
"""

TABLES_INTRODUCTION = """\
## Tables

Row-level security is enabled and forced on each: without `authn.tenant_id` no rows, with it those of that namespace.
"""

FUNCTIONS = """
SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
       obj_description(p.oid, 'pg_proc') AS comment,
       has_function_privilege('portal_app', p.oid, 'EXECUTE') AS for_the_application,
       p.proowner = 'portal_system'::regrole AS crosses_namespaces
  FROM pg_proc p
 WHERE p.pronamespace = 'authn'::regnamespace
"""
TABLES = """
SELECT c.relname::text AS name, obj_description(c.oid, 'pg_class') AS comment
  FROM pg_class c
 WHERE c.relnamespace = 'authn'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY c.relname COLLATE "C"
"""
COLUMNS = """
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default,
       a.attidentity <> '' OR a.attgenerated <> '' AS computed,
       col_description(a.attrelid, a.attnum) AS comment
  FROM pg_attribute a
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = ('authn.' || $1)::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Function:
    """One function as the catalogue knows it."""

    name: str
    arguments: str
    result: str
    comment: str
    for_the_application: bool
    crosses_namespaces: bool

    @property
    def private(self) -> bool:
        return self.name.startswith("_")

    @property
    def signature(self) -> str:
        one_line = f"authn.{self.name}({self.arguments}) → {self.result}"
        if len(one_line) <= 110:
            return one_line
        arguments = "".join(f"\n    {argument}," for argument in self.arguments.split(", ")).rstrip(",")
        result = self.result
        if result.startswith("TABLE("):
            columns = "".join(f"\n    {column}," for column in result[6:-1].split(", ")).rstrip(",")
            result = f"TABLE({columns}\n)"
        return f"authn.{self.name}({arguments}\n) → {result}"


def render(superuser_url: str) -> str:
    """Return the whole page for a migrated database."""
    functions = {function.name: function for function in _functions(superuser_url)}
    sections = [_section(path, functions) for path in sorted(FUNCTION_FILES.glob("*.sql"))]
    if functions:
        raise AssertionError(f"no file of migrations/functions makes {sorted(functions)}")
    tables = [_table(superuser_url, row["name"], row["comment"]) for row in fetch(superuser_url, TABLES)]
    return "\n".join([INTRODUCTION, "## Functions\n", *sections, TABLES_INTRODUCTION, *tables])


def _functions(superuser_url: str) -> list[Function]:
    return [
        Function(
            row["name"],
            _plain(row["arguments"]),
            _plain(row["result"]),
            row["comment"],
            row["for_the_application"],
            row["crosses_namespaces"],
        )
        for row in fetch(superuser_url, FUNCTIONS)
    ]


def _section(path: Path, functions: dict[str, Function]) -> str:
    """One file: its own first words, its public functions, then the private ones in short."""
    text = path.read_text()
    schema_files = "".join(
        file.read_text() for file in (ROOT / "migrations" / "schema").glob(f"0{path.name[:3]}_*.sql")
    )
    made = re.findall(r"^create (?:or replace )?function authn\.(\w+)\(", text + schema_files, re.MULTILINE)
    mine = [functions.pop(name) for name in dict.fromkeys(made) if name in functions]
    lines = [f"### {path.name}\n", _first_words(text), ""]
    for function in mine:
        if not function.private:
            lines += [
                f"#### {function.name}\n",
                "```sql",
                function.signature,
                "```\n",
                function.comment,
                *_notes(function),
            ]
            lines.append("")
    if private := [function for function in mine if function.private]:
        lines.append("Inside:\n")
        lines += [f"- `{function.name}({_names(function.arguments)})`: {function.comment}" for function in private]
        lines.append("")
    return "\n".join(lines)


def _notes(function: Function) -> list[str]:
    notes = []
    if not function.for_the_application:
        notes.append("Not for the application's role.")
    if function.crosses_namespaces:
        notes.append("Owned by portal_system: it sees every namespace.")
    return ["", " ".join(notes)] if notes else []


def _table(superuser_url: str, name: str, comment: str | None) -> str:
    lines = [f"### authn.{name}\n", f"{comment or ''}\n", "| column | type | meaning |", "|---|---|---|"]
    for column in fetch(superuser_url, COLUMNS, name):
        kind = _plain(column["type"]) if column["required"] else f"{_plain(column['type'])}, may be NULL"
        if column["default"]:
            kind += f", default `{_plain(column['default'])}`"
        elif column["computed"]:
            kind += ", computed"
        lines.append(f"| {column['name']} | {kind} | {(column['comment'] or '').replace('|', '&#124;')} |")
    return "\n".join([*lines, ""])


def _first_words(text: str) -> str:
    comment = re.match(r"(?:--[^\n]*\n)+", text)
    return " ".join(line.removeprefix("--").strip() for line in comment[0].splitlines()) if comment else ""


def _names(arguments: str) -> str:
    return ", ".join(argument.split()[0] for argument in arguments.split(", ") if argument)


def _plain(expression: str) -> str:
    """Without the casts that PostgreSQL writes behind every constant, and with types as people write them."""
    without_casts = re.sub(
        r"::(?:text|interval|inet|uuid|integer|jsonb|boolean|text\[\]|integer\[\])\b(\[\])?", "", expression
    )
    return without_casts.replace("timestamp with time zone", "timestamptz")
