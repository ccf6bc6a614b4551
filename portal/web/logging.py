"""Structured logs: one line on stderr per event, for people (console) or for programs (json), without secrets.

OWASP ASVS 5.0 16.2: UTC, one format, no secrets; 16.4.1: nothing a stranger sends can forge or break a line.
https://owasp.org/www-project-application-security-verification-standard/

    log = get_logger("portal.login")
    log.info("login_failed", reason="wrong_password")
"""

import logging
import logging.config
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from portal.web.metrics import metrics

FIELD_MAX_LENGTH = 1024  # characters; one user agent of a megabyte must not fill the disk
TRACEBACK_MAX_LENGTH = 8192  # characters, the innermost end of it
MAX_FIELDS = 40
REMOVED = "[removed]"

_request: ContextVar[tuple[str | None, str | None]] = ContextVar("_request", default=(None, None))

_SECRET_KEY = re.compile(r"password|secret|token|cookie|authorization|(?:^|_)code$", re.IGNORECASE)
# A one-time link is a key to an account; so is what stands in many a query string.
_SECRET_IN_TEXT = re.compile(r"(/(?:link|invite|undo)/)[^\s\"'<>/?#]+|(?<=[\w/])\?[^\s\"'<>]*=[^\s\"'<>]*")
_SECRET_MAYBE = re.compile(r"\?|/(?:link|invite|undo)/")
# What could end a line, start an escape sequence of a terminal, or reorder what a person reads.
_NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_encode = msgspec.json.Encoder().encode


class Logger:
    """Logs events by name with fields; the standard library's logging does the rest."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, **fields: object) -> None:
        """Log what only a developer wants to know."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log something that happened as it should, or a refusal."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log something that an operator may want to look at."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Log a fault."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, error: BaseException | None = None, **fields: object) -> None:
        """Log a fault with its traceback."""
        self._log(logging.ERROR, event, fields, error)

    def _log(self, level: int, event: str, fields: dict[str, object], error: BaseException | None = None) -> None:
        metrics().event(event)
        if self._logger.isEnabledFor(level):
            # Not through `Logger.log`: it walks the stack for a file and line that no format of ours shows.
            record = logging.LogRecord(self._logger.name, level, "", 0, event, (), None)
            record.exc_info = (type(error), error, error.__traceback__) if error else None
            record.fields = fields
            self._logger.handle(record)


def get_logger(name: str) -> Logger:
    """Return the logger of one part, such as `portal.login`."""
    return Logger(logging.getLogger(name))


@contextmanager
def bind_request(request_id: str, namespace: str | None) -> Iterator[None]:
    """Put the request's id and namespace on every line that is logged inside."""
    token = _request.set((request_id, namespace))
    try:
        yield
    finally:
        _request.reset(token)


def logging_config(log_format: Literal["console", "json"], level: str = "INFO") -> dict[str, Any]:
    """Return the `logging.config` dictionary; uvicorn applies it in each worker process too."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{__name__}.{'JsonFormatter' if log_format == 'json' else 'ConsoleFormatter'}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # One access line per request is ours: uvicorn's has the raw query, and with it codes and links.
            "uvicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
            "uvicorn.error": {"level": "WARNING"},
            "sqlalchemy": {"level": "WARNING"},
            "aiosmtplib": {"level": "WARNING"},
        },
    }


def configure_logging(log_format: Literal["console", "json"], level: str = "INFO") -> None:
    """Send the logs of this process to stderr in the given format."""
    logging.config.dictConfig(logging_config(log_format, level))


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (UTC), level, event, logger, request_id, namespace, then the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Never raises: a log line must not fail the request it tells about."""
        return _encode(_event(record)).decode()


class ConsoleFormatter(logging.Formatter):
    """The same event for people: time, level, event, `name=value` fields; a traceback on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        event = _event(record)
        trace = event.pop("traceback", ())
        clock = str(event.pop("time"))[11:23]
        head = f"{clock} {event.pop('level'):7} {event.pop('event')}"
        line = " ".join([head, *(f"{key}={_plain(value)}" for key, value in event.items() if value is not None)])
        # Spaces in front of each line of a traceback: none of them can pass for an event.
        return "\n    ".join([line, *trace])


def _event(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    event: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": _text(_shown(record.msg) if fields else _message(record), FIELD_MAX_LENGTH),
        "logger": record.name,
    }
    for name, bound in zip(("request_id", "namespace"), _request.get(), strict=True):
        if bound is not None:
            event[name] = _text(bound, FIELD_MAX_LENGTH)
    for key, value in list(fields.items())[:MAX_FIELDS]:
        if value is not None:
            event[_text(key, 64)] = REMOVED if _is_secret(key) else _value(value)
    if record.exc_info and record.exc_info[1] is not None:
        event["traceback"] = _traceback(record.exc_info[1])
    return event


@lru_cache(maxsize=512)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        # JSON has no NaN and no numbers beyond a double: a parser further on would refuse the line.
        return value if not isinstance(value, int) or abs(value) < 2**53 else str(value)
    if isinstance(value, dict):
        return {
            _text(str(key), 64): REMOVED if _is_secret(str(key)) else _value(item)
            for key, item in list(value.items())[:MAX_FIELDS]
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(item) for item in list(value)[:MAX_FIELDS]]
    return _text(_shown(value), FIELD_MAX_LENGTH)


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # a fault in someone's __str__ must not end the request that is told about
        return f"[a {type(value).__name__} that cannot be shown]"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a library's format string that does not fit its arguments
        return _shown(record.msg)


def _text(text: str, limit: int) -> str:
    if len(text) <= limit and text.isascii() and text.isprintable() and not _SECRET_MAYBE.search(text):
        return text  # nearly always, and four times as fast
    # Cut first: the expressions below must not run over a megabyte that a stranger sent.
    shown = _SECRET_IN_TEXT.sub(lambda match: f"{match[1] or '?'}{REMOVED}", text[: limit + 1])
    shown = _NOT_PRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _traceback(error: BaseException) -> list[str]:
    innermost = "".join(traceback.format_exception(error))[-TRACEBACK_MAX_LENGTH:]
    return [_text(line, FIELD_MAX_LENGTH) for line in innermost.split("\n") if line.strip()]


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else _encode(value).decode()
    return text if text and " " not in text and "=" not in text and '"' not in text else _encode(text).decode()
