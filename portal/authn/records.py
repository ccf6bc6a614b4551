"""Rows as the SDK returns them: typed, frozen, and readable by name like a mapping (`row["email"]`)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Self


@cache
def _names(record_type: type["Record"]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record_type))


@dataclass(frozen=True, slots=True)
class Record(Mapping[str, Any]):
    """A row. Attributes are typed; `row["email"]`, `"email" in row` and `dict(row)` work too."""

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Build the record from a database row: ids and addresses become text, jsonb becomes Python objects.

        Columns that the record does not know are left out: a newer database may return more.
        """
        return cls(**{name: _plain(row[name]) for name in _names(cls)})

    def __getitem__(self, name: str) -> Any:
        if name not in _names(type(self)):
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(_names(type(self)))

    def __len__(self) -> int:
        return len(_names(type(self)))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | datetime | int | dict | list):
        return value
    return str(value)  # uuid.UUID, ipaddress.IPv4Address and their kin


def _values_of(record_type: type[Record], row: Any, *objects: str) -> dict[str, Any]:
    """The row's values by name, with jsonb columns as objects whether or not the connection has a codec."""
    values = {name: _plain(row[name]) for name in _names(record_type)}
    for name in objects:
        if isinstance(values[name], str):
            values[name] = json.loads(values[name])
    return values


@dataclass(frozen=True, slots=True)
class User(Record):
    """A user, never with the password hash. `id` is `user_id` again."""

    user_id: str
    email: str | None
    email_verified_at: datetime | None
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Credentials(Record):
    """What a password is checked against."""

    user_id: str
    password_hash: str | None
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"Credentials(user_id={self.user_id!r})"  # a hash must not end in a log or a traceback


@dataclass(frozen=True, slots=True)
class Profile(Record):
    """What a user is called and likes. `zoneinfo` is the time zone; `id` is `user_id` again."""

    user_id: str
    email: str | None
    email_verified_at: datetime | None
    name: str | None
    username: str | None
    locale: str | None
    zoneinfo: str | None
    picture: str | None
    metadata: dict[str, Any]
    updated_at: datetime
    id: str

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Build the profile; on a connection without a jsonb codec the metadata arrives as text."""
        return cls(**_values_of(cls, row, "metadata"))


@dataclass(frozen=True, slots=True)
class Identity(Record):
    """An address or number of a user. `kind` is "email" or "phone"; `id` is `identity_id` again."""

    identity_id: str
    kind: str
    value: str
    verified_at: datetime | None
    is_primary: bool
    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class VerifiedIdentity(Record):
    """A proven address or number with its one user. `id` is `identity_id` again."""

    identity_id: str
    kind: str
    value: str
    verified_at: datetime
    user_id: str
    email: str | None
    email_verified_at: datetime | None
    disabled_at: datetime | None
    name: str | None
    username: str | None
    id: str


@dataclass(frozen=True, slots=True)
class ProvenIdentity(Record):
    """The user of whoever has just proven an address or number; `outcome` is "found", "created" or "claimed"."""

    outcome: str
    user_id: str
    identity_id: str
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class FederatedIdentity(Record):
    """An account at another provider. `id` is `federated_identity_id` again."""

    federated_identity_id: str
    provider: str
    issuer: str
    subject: str
    email: str | None
    created_at: datetime
    last_used_at: datetime | None
    id: str


@dataclass(frozen=True, slots=True)
class FederatedLogin(Record):
    """The user that an account at another provider is linked to. `id` is `federated_identity_id` again."""

    federated_identity_id: str
    provider: str
    user_id: str
    email: str | None
    email_verified_at: datetime | None
    disabled_at: datetime | None
    name: str | None
    username: str | None
    id: str


@dataclass(frozen=True, slots=True)
class SessionHolder(Record):
    """Whose session a token belongs to."""

    user_id: str
    email: str | None
    session_id: str


@dataclass(frozen=True, slots=True)
class Session(Record):
    """A live session in a list. `session_id` is `id` again."""

    id: str
    created_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    session_id: str


@dataclass(frozen=True, slots=True)
class TokenHolder(Record):
    """Whose one-time token was consumed."""

    user_id: str
    email: str | None


@dataclass(frozen=True, slots=True)
class MfaSecret(Record):
    """An authenticator with its secret, for verification. `mfa_id` is `id` again."""

    id: str
    secret: str
    name: str | None
    mfa_id: str

    def __repr__(self) -> str:
        return f"MfaSecret(id={self.id!r}, name={self.name!r})"  # a secret must not end in a log or a traceback


@dataclass(frozen=True, slots=True)
class MfaEntry(Record):
    """An authenticator in a list, without its secret. `mfa_id` is `id` again."""

    id: str
    mfa_type: str
    name: str | None
    created_at: datetime
    last_used_at: datetime | None
    mfa_id: str


@dataclass(frozen=True, slots=True)
class ApiKeyHolder(Record):
    """Whose API key was presented."""

    user_id: str
    key_id: str
    name: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKey(Record):
    """A live API key in a list, never with its hash."""

    key_id: str
    name: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class LoginAttempt(Record):
    """One try to log in."""

    success: bool
    ip_address: str | None
    attempted_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEvent(Record):
    """One row of the audit log."""

    id: str
    event_id: str
    event_type: str
    event_time: datetime
    actor_id: str | None
    request_id: str | None
    on_behalf_of: str | None
    reason: str | None
    namespace: str
    resource_type: str | None
    resource_id: str | None
    ip_address: str | None
    user_agent: str | None
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Build the event; on a connection without a jsonb codec the values arrive as text."""
        values = _values_of(cls, row, "old_values", "new_values")
        values["id"] = str(values["id"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class CleanupCounts(Record):
    """How many rows a cleanup deleted."""

    sessions_deleted: int
    tokens_deleted: int
    attempts_deleted: int
    api_keys_deleted: int


@dataclass(frozen=True, slots=True)
class Stats(Record):
    """How much of everything a namespace has."""

    user_count: int
    verified_user_count: int
    disabled_user_count: int
    active_session_count: int
    mfa_enabled_user_count: int
    active_api_key_count: int
