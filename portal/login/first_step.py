"""The first step of a login with an authenticator that a method compares itself: a try is counted before it looks."""

from typing import Any, NamedTuple

from litestar import Response

from portal.login.flow import LoginFlow
from portal.login.routes import login_step
from portal.login.throttled import too_many_tries
from portal.login.unlock import answer_locked
from portal.web.request import PortalRequest


class FirstStep(NamedTuple):
    """A try at a first factor, out of the budget that passwords have.

    `user_id` is None and `secrets` are empty for an address that nobody has, and for a disabled person. With
    `retry_after` > 0 (seconds) nothing was counted; `locked` says that it is the budget of a day.
    """

    attempt_id: int | None
    user_id: str | None
    secrets: tuple[str, ...]
    has_second_factor: bool
    retry_after: int
    locked: bool


async def begin_first_step(request: PortalRequest, email: str, mfa_type: str) -> FirstStep:
    """Count a try for this address and return what its owner's authenticators of a type are compared with."""
    row = await request.portal.database.fetchrow(
        "select * from authn.begin_authenticator_login($1, $2, $3, $4, $5)",
        email,
        request.browser_digest,
        mfa_type,
        request.context.as_actor(),
        request.namespace.name,
    )
    return FirstStep(
        row["attempt_id"],
        str(row["user_id"]) if row["user_id"] else None,
        tuple(item["secret"] for item in row["authenticators"]),
        bool(row["has_second_factor"]),
        row["retry_after"],
        row["locked"],
    )


async def fail_first_step(request: PortalRequest, step: FirstStep, email: str) -> None:
    """Write the audit event of a wrong proof."""
    await request.portal.database.fetchval(
        "select authn.fail_password_login($1, $2, $3, $4)",
        step.attempt_id,
        email,
        request.context.as_actor(),
        request.namespace.name,
    )


async def answer_refused(
    request: PortalRequest, flow: LoginFlow | None, email: str, step: FirstStep, field: str
) -> Response[Any]:
    """Answer a try that the budget does not allow: at `field` of the method's form, or with the way to unlock."""
    if step.locked:
        return await answer_locked(request, flow, email, step.retry_after)
    errors = {field: too_many_tries(request, step.retry_after)}
    response = await login_step(request, flow, email=email, errors=errors, status=429)
    response.headers["retry-after"] = str(step.retry_after)
    return response
