"""A login as a value, and the pure function that says what comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import quote

LOGIN_FLOW_VALID_FOR = timedelta(hours=24)  # a tab that waited overnight still leads to its app


def app_start(client_id: str | None) -> str | None:
    """Return the own path that begins again at an app, for a browser without the app's state."""
    return f"/apps/{quote(client_id, safe='')}" if client_id else None


@dataclass(frozen=True, slots=True)
class Factor:
    """One proven factor of a flow.

    `multi` is one that counts for two, such as a passkey that verified its user; `second` one of a method that may
    stand second.
    """

    method: str
    amr: tuple[str, ...]
    multi: bool = False
    second: bool = False


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """A row of authn.login_flows, as the browser that it belongs to may see it.

    For any other browser `own` is False and only `app_name` and `client_id` are filled.
    """

    id: str
    own: bool
    expired: bool
    finished: bool
    purpose: str
    reauthenticate: bool
    return_to: str | None
    client_id: str | None
    app_name: str | None
    email: str | None
    user_id: str | None
    factors: tuple[Factor, ...]
    remembered: bool
    proven_elsewhere: bool
    has_password: bool  # a password waits in it for the account that a sign-up will make
    created_at: datetime
    verification_id: str | None
    code_sent_at: datetime | None
    code_expired: bool
    code_used: bool
    proof_purpose: str | None  # what its newest mail was asked for: signup, login, recovery
    approved: bool  # that mail's link was opened elsewhere, and this browser may go on
    recovered: bool  # the mailbox was proven by a recovery mail

    @property
    def usable(self) -> bool:
        """Whether this browser can go on with it."""
        return self.own and not self.expired and not self.finished

    def proves(self, amr: tuple[str, ...]) -> bool:
        """Return whether a factor of the same kind was proven already: another one like it proves nothing new."""
        return any(set(factor.amr) & set(amr) for factor in self.factors)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the account asks for beside the factor just proven."""

    second_step: bool = False


class NextStep(Enum):
    """What a login needs next."""

    IDENTIFY = "identify"
    PROVE = "prove"
    SECOND_FACTOR = "second_factor"
    FINISH = "finish"


def next_step(
    email: str | None, factors: tuple[Factor, ...], enrolled: Enrolled, *, second_factor_required: bool = False
) -> NextStep:
    """Say what a login needs next. Pure: the same values always give the same step."""
    if not factors:
        return NextStep.PROVE if email else NextStep.IDENTIFY
    if (enrolled.second_step or second_factor_required) and not _suffice(factors):
        return NextStep.SECOND_FACTOR
    return NextStep.FINISH


def session_amr(factors: tuple[Factor, ...]) -> tuple[str, ...]:
    """Return the `amr` of a login by these factors (RFC 8176): theirs, and `mfa` where they are more than one."""
    values = [value for factor in factors for value in factor.amr]
    return tuple(dict.fromkeys([*values, "mfa"] if _suffice(factors) else values))


def _suffice(factors: tuple[Factor, ...]) -> bool:
    # As authn._factors_suffice, which has the last word.
    return any(factor.multi for factor in factors) or any(
        second.second and second.method != first.method and not set(second.amr) & set(first.amr)
        for first in factors
        for second in factors
    )
