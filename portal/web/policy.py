"""What a namespace asks of logins and sign-ups: `settings.policy` of its row, written by `authn.set_namespace_policy`.

docs/operating.md lists the keys with their ranges. Each missing one has the default that stands here.
"""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin


class PolicyError(ValueError):
    """A stored policy has a key or value that this release does not know; the text names the key."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one namespace. Tuples throughout: pages rendered ahead are kept by it."""

    methods: tuple[str, ...] | None = None  # ids of login methods; None = all that are installed
    second_factor: Literal["optional", "required"] = "optional"
    password_min_length: int = 8  # characters; 15 is recommended where no second factor is required (NIST SP 800-63B-4)
    session_idle_hours: int = 14 * 24  # without any request
    session_absolute_hours: int = 90 * 24  # whatever happens
    login_link_minutes: int = 10  # as long as the code beside it
    signup: Literal["open", "invite", "closed"] = "open"
    signup_domains: tuple[str, ...] | None = None  # of e-mail addresses; None = any
    signup_refused_domains: tuple[str, ...] | None = None  # and what is below them
    terms_version: str | None = None  # None = nothing to accept
    terms_url: str | None = None
    privacy_url: str | None = None
    proof_of_work: bool = False
    sms_per_number: int = 5  # messages a day to one number
    sms_per_country: int = 100  # messages an hour to one country calling code
    sms_per_day: int = 1000  # messages a day in the whole namespace
    sms_countries: tuple[str, ...] | None = None  # beginnings of numbers, such as "+41"; None = any

    def allows(self, method_id: str) -> bool:
        """Return whether a login method is on."""
        return self.methods is None or method_id in self.methods

    def permits_domain(self, email: str) -> bool:
        """Return whether an address may sign up as far as its domain goes; authn._domain_permitted decides."""
        domain = email.rpartition("@")[2]
        if self.signup_domains is not None and domain not in self.signup_domains:
            return False
        return not any(
            domain == refused or domain.endswith(f".{refused}") for refused in self.signup_refused_domains or ()
        )


def read_policy(stored: Mapping[str, Any]) -> Policy:
    """Return a policy as stored in jsonb.

    Raises:
        PolicyError: for an unknown key or a value of another type: a rule that is not understood must not be skipped.
    """
    hints = typing.get_type_hints(Policy)
    unknown = set(stored) - {field.name for field in fields(Policy)}
    if unknown:
        raise PolicyError(f"{min(unknown)} is no part of a policy")
    return Policy(**{key: _typed(key, value, hints[key]) for key, value in stored.items()})


def _typed(key: str, value: object, hint: Any) -> Any:
    kinds = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    for kind in kinds:
        if get_origin(kind) is Literal and value in get_args(kind):
            return value
        if get_origin(kind) is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        if kind in (str, int, bool) and type(value) is kind:  # not isinstance: True is an int
            return value
    raise PolicyError(f"{key} has a value that it cannot have")
