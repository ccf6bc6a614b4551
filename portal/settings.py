"""Settings: environment variables, checked once at start. An unknown PORTAL_ name is an error."""

import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KNOWN_NAMES = frozenset(
    {
        "PORTAL_URL",
        "PORTAL_DATABASE_URL",
        "PORTAL_DATABASE_OWNER_URL",
        "PORTAL_DATABASE_STATEMENT_CACHE",
        "PORTAL_DATA_DIR",
        "PORTAL_SECRET_KEY",
        "PORTAL_SMTP_URL",
        "PORTAL_MAIL_FROM",
        "PORTAL_SMS_URL",
        "PORTAL_TRUSTED_PROXIES",
        "PORTAL_WORKERS",
        "PORTAL_LOG_FORMAT",
        "PORTAL_GEO_DATABASE",
        "PORTAL_OUTGOING_ALLOW",
        "PORTAL_BREACH_LOOKUP",
        "PORTAL_METRICS_ADDRESS",
        "PORTAL_TEST_BROWSER",
        "PORTAL_API_SCHEMA",
        "PORTAL_DEV",
    }
)
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
LOOPBACK_NETWORKS: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
SECRET_KEY_MIN_LENGTH = 32  # characters; 32 random base64 characters are 192 bits


PWNED_PASSWORDS = "https://api.pwnedpasswords.com/range/"


class BreachLookup(NamedTuple):
    """What new passwords are compared with: PORTAL_BREACH_LOOKUP."""

    refuses_common: bool  # by the list that is shipped
    range_url: str | None  # the service, or its mirror, that is asked too; None for none


class SettingsError(Exception):
    """The settings do not hold together; `problems` has one plain sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided. Made by `load_settings`; tests use `dataclasses.replace`."""

    url: str  # public origin of the default namespace, no trailing slash, no path
    host: str
    port: int
    database_url: str | None
    database_owner_url: str | None
    database_statement_cache: int
    data_dir: Path
    secret_keys: tuple[bytes, ...]  # newest first; empty until `read_or_make_secret_key`, beside an embedded database
    smtp_url: str | None
    mail_from: str
    sms_url: str | None
    trusted_proxies: tuple[Network, ...]
    workers: int
    log_format: Literal["console", "json"]
    breach_lookup: BreachLookup
    geo_database: Path | None  # MMDB
    metrics_address: str | None  # host:port
    api_schema: bool
    dev: bool
    outgoing_allow: tuple[Network, ...] = ()  # private addresses that outgoing calls may reach all the same

    @property
    def secure(self) -> bool:
        """Whether browsers reach the portal over TLS; decides cookie names and HSTS."""
        return self.url.startswith("https://")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables.

    Raises:
        SettingsError: with every problem at once, so that one look mends them all.
    """
    problems = [
        f"{name} is not a setting. See the README for the list."
        for name in sorted(environ)
        if name.startswith("PORTAL_") and name not in KNOWN_NAMES
    ]
    url = environ.get("PORTAL_URL", "http://localhost:8000").rstrip("/")
    problems += _url_problems(url)
    parts = urlsplit(url)
    dev = _flag(environ, "PORTAL_DEV", problems)
    if dev and parts.hostname not in LOOPBACK_NAMES:
        problems.append("PORTAL_DEV=1 needs PORTAL_URL to be on localhost: the inbox and the seeds are for you alone.")
    log_format = _choice(environ, "PORTAL_LOG_FORMAT", ("console", "json"), problems)
    keys = tuple(key.strip().encode() for key in environ.get("PORTAL_SECRET_KEY", "").split(",") if key.strip())
    if any(len(key) < SECRET_KEY_MIN_LENGTH for key in keys):
        problems.append(f"PORTAL_SECRET_KEY needs keys of {SECRET_KEY_MIN_LENGTH} or more random characters.")
    database_url = environ.get("PORTAL_DATABASE_URL") or None
    if database_url and not keys:
        problems.append(
            "PORTAL_SECRET_KEY is required with PORTAL_DATABASE_URL: every process must share it. "
            'Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    settings = Settings(
        url=url,
        host="127.0.0.1" if parts.hostname in LOOPBACK_NAMES else "0.0.0.0",  # noqa: S104 - behind a proxy
        port=_port(parts.netloc, parts.scheme),
        database_url=database_url,
        database_owner_url=environ.get("PORTAL_DATABASE_OWNER_URL") or None,
        database_statement_cache=_number(environ, "PORTAL_DATABASE_STATEMENT_CACHE", 512, 0, problems),
        data_dir=Path(environ.get("PORTAL_DATA_DIR") or "~/.local/share/portal").expanduser().absolute(),
        secret_keys=keys,
        smtp_url=environ.get("PORTAL_SMTP_URL") or None,
        mail_from=environ.get("PORTAL_MAIL_FROM") or f"no-reply@{parts.hostname or 'localhost'}",
        sms_url=environ.get("PORTAL_SMS_URL") or None,
        trusted_proxies=_networks(environ, "PORTAL_TRUSTED_PROXIES", problems),
        workers=_number(environ, "PORTAL_WORKERS", 1, 1, problems),
        log_format="json" if log_format == "json" else "console",
        breach_lookup=_breach_lookup(environ, problems),
        geo_database=Path(environ["PORTAL_GEO_DATABASE"]) if environ.get("PORTAL_GEO_DATABASE") else None,
        metrics_address=_address(environ, "PORTAL_METRICS_ADDRESS", problems),
        api_schema=_flag(environ, "PORTAL_API_SCHEMA", problems),
        dev=dev,
        outgoing_allow=_networks(environ, "PORTAL_OUTGOING_ALLOW", problems),
    )
    if problems:
        raise SettingsError(problems)
    return settings


def read_or_make_secret_key(data_dir: Path) -> tuple[bytes, ...]:
    """Return the key kept in the data folder, making it on first start (embedded database only).

    The file is created with mode 0600 and O_EXCL, so that of several processes that start at once one writes it.
    """
    path = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = data_dir / f".secret_key.{secrets.token_hex(8)}"
    if not path.exists():
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return tuple(key.strip().encode() for key in path.read_text().split(",") if key.strip())


def _url_problems(url: str) -> list[str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [f"PORTAL_URL must be an http or https address, such as https://login.example.com. It is: {url}"]
    if parts.path or parts.query or parts.fragment or parts.username:
        return ["PORTAL_URL must have no path, query or user name: the portal owns its whole host."]
    try:
        _ = parts.port
    except ValueError:
        return ["PORTAL_URL has a port that is no number between 1 and 65535."]
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES:
        return ["PORTAL_URL may be http only on localhost: cookies and passwords need TLS elsewhere."]
    return []


def _port(netloc: str, scheme: str) -> int:
    try:
        return urlsplit(f"//{netloc}").port or (443 if scheme == "https" else 80)
    except ValueError:
        return 0  # already reported by _url_problems


def _flag(environ: Mapping[str, str], name: str, problems: list[str]) -> bool:
    value = environ.get(name, "")
    if value not in ("", "0", "1"):
        problems.append(f"{name} is 1 or 0, not {value!r}.")
    return value == "1"


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...], problems: list[str]) -> str:
    value = environ.get(name) or allowed[0]
    if value not in allowed:
        problems.append(f"{name} is one of {', '.join(allowed)}, not {value!r}.")
    return value


def _breach_lookup(environ: Mapping[str, str], problems: list[str]) -> BreachLookup:
    value = environ.get("PORTAL_BREACH_LOOKUP") or "offline"
    if value not in ("offline", "online", "off") and not value.startswith(("https://", "http://")):
        problems.append(f"PORTAL_BREACH_LOOKUP is offline, online, off, or the address of a mirror, not {value!r}.")
    return BreachLookup(value != "off", PWNED_PASSWORDS if value == "online" else value if "://" in value else None)


def _number(environ: Mapping[str, str], name: str, default: int, least: int, problems: list[str]) -> int:
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        problems.append(f"{name} is a whole number of {least} or more, not {value!r}.")
        return default
    return int(value)


def _address(environ: Mapping[str, str], name: str, problems: list[str]) -> str | None:
    value = environ.get(name) or None
    if value and not re.fullmatch(r"[^\s/]*:[0-9]{1,5}", value):
        problems.append(f"{name} is an address and a port, such as 127.0.0.1:9100, not {value!r}.")
    return value


def _networks(environ: Mapping[str, str], name: str, problems: list[str]) -> tuple[Network, ...]:
    found: list[Network] = []
    for item in environ.get(name, "").split(","):
        if not item.strip():
            continue
        try:
            found.append(ipaddress.ip_network(item.strip(), strict=False))
        except ValueError:
            problems.append(f"{name} holds {item.strip()!r}, which is no address or network.")
    return tuple(found)
