"""docs/sdk.md: every operation, record and error of the Python SDK, from its docstrings."""

import dataclasses
import inspect
import re
from pathlib import Path

import portal.authn
from portal.authn import AuthnClient, AuthnError, AuthnValidationError, Record

ROOT = Path(__file__).parents[2]
SDK_PAGE = ROOT / "docs" / "sdk.md"
EXAMPLE = ROOT / "docs" / "examples" / "sdk.py"

INTRODUCTION = """\
# The Python SDK

<!-- Written by `make docs` from the docstrings in portal/authn. Change those, not this page. -->

`portal.authn` calls the [SQL functions](sql.md) of one namespace, one statement each. It needs asyncpg and a database
that `portal migrate` has brought up; it imports nothing else of the portal, which is itself built on it.

```python
import asyncpg
from portal.authn import AuthnClient, AuthnError, AuthnValidationError

connection = await asyncpg.connect("postgresql://portal_app:…@localhost/portal")
authn = AuthnClient(connection, "default")
await authn.set_actor("user:admin-bob", ip_address="192.0.2.1")
user_id = await authn.create_user("alice@example.com", password_hash)
```

A program that signs somebody up, logs them in, lists their sessions and reads the audit trail:
[examples/sdk.py](examples/sdk.py). Run it with `DATABASE_URL=postgresql://… python docs/examples/sdk.py`.
"""


def render() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION, f'## AuthnClient(connection, namespace="default")\n\n{_text(AuthnClient)}\n']
    for operations in AuthnClient.__bases__:
        title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", operations.__name__).replace(" Operations", "").lower()
        parts.append(f"### {title.capitalize()}\n\n{_text(operations)}\n")
        parts += [_operation(name, method) for name, method in vars(operations).items() if not name.startswith("_")]
    parts.append(f"## Records\n\n{_text(Record)}\n")
    parts += [_record(record) for record in _exported(Record)]
    parts.append("## Errors\n")
    parts += [
        f"- `{error.__name__}`: {_text(error).replace(chr(10), ' ')}" for error in (AuthnError, AuthnValidationError)
    ]
    return "\n".join(parts) + "\n"


def _operation(name: str, method: object) -> str:
    if not callable(method):
        raise AssertionError(f"{name} is no operation")
    signature = re.sub(
        r"[a-z_.]+\.(?=[A-Za-z]+)", "", str(inspect.signature(method)).replace("self, ", "").replace("self", "")
    )
    return f"#### {name}\n\n```python\nawait {name}{signature}\n```\n\n{_text(method)}\n"


def _record(record: type[Record]) -> str:
    fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(record))
    return f"**{record.__name__}**: {_text(record).replace(chr(10), ' ')}\\\n{fields}\n"


def _exported(kind: type[Record]) -> list[type[Record]]:
    exported = [getattr(portal.authn, name) for name in portal.authn.__all__]
    return [thing for thing in exported if issubclass(thing, kind) and thing is not kind]


def _text(thing: object) -> str:
    """The docstring as Markdown: the lines under `Raises:` become a list."""
    lines, heading = [], False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line.startswith("Raises"):
            lines.append(line + "\n")
            heading = True
        elif heading and line.startswith("    ") and not line.startswith("     "):
            lines.append(re.sub(r"^(\w+):", r"- `\1`:", line.strip()))
        elif heading and line.strip():
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)
