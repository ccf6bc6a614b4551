"""How commands answer: words for people, one JSON object for programs, and failures as one plain sentence."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

import click

from portal.authn import AuthnValidationError
from portal.db.embedded import EmbeddedPostgresError
from portal.db.engine import DatabaseUnavailable
from portal.settings import SettingsError

P = ParamSpec("P")

JSON_FLAG = "as_json"

json_option = click.option("--json", JSON_FLAG, is_flag=True, help="Answer with one JSON object.")
namespace_option = click.option(
    "--namespace", default="default", show_default=True, metavar="NS", help="The tenant to work in."
)


class Failure(click.ClickException):
    """The command could not do what was asked; exit status 1. The text says what to do."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # Asked now: click has left the command's context when it shows the failure.
        context = click.get_current_context(silent=True)
        self._as_json = context is not None and bool(context.params.get(JSON_FLAG))

    def show(self, file: Any = None) -> None:
        """Print the sentence to stderr, and in JSON mode the object to stdout as well."""
        if self._as_json:
            click.echo(json.dumps({"error": self.message}))
        click.echo(self.message, err=True)


def answer(values: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print the result: the values as JSON, or the sentence."""
    click.echo(json.dumps(values) if as_json else sentence)


def as_sentence(reason: str) -> str:
    """Return the database's words with a capital letter and a full stop."""
    return f"{reason[:1].upper()}{reason[1:]}."


def failing_plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the expected failures of a command into one plain sentence each, without a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SettingsError as error:
            raise Failure("\n".join(error.problems)) from error
        except EmbeddedPostgresError as error:
            raise Failure(str(error)) from error
        except AuthnValidationError as error:
            raise Failure(as_sentence(str(error))) from error
        except DatabaseUnavailable as error:
            raise Failure(
                f"The database does not answer ({error}). Look at PORTAL_DATABASE_URL, or run `portal doctor`."
            ) from error

    return run
