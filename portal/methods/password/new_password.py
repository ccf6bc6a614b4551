"""Why a new password is refused. Sign-up, recovery, the change of a password and the command line ask."""

from collections.abc import Iterable

from portal.methods.password.breaches import is_breached
from portal.methods.password.policy import PasswordProblem, check_password
from portal.outgoing.addresses import allowed_networks
from portal.settings import Settings
from portal.web.request import PortalRequest


async def new_password_problem(request: PortalRequest, password: str, *context: str | None) -> str | None:
    """Return why a new password is refused, in a sentence of the request's language, or None.

    `context` are the address and name of the person; the name of the service is added.
    """
    least = request.namespace.policy.password_min_length
    words = (*context, request.namespace.display_name)
    problem = await check_new_password(request.portal.settings, password, words, min_length=least)
    return problem.text(least, request.portal.templates.gettext(request.language)) if problem else None


async def check_new_password(
    settings: Settings, password: str, context: Iterable[str | None], *, min_length: int
) -> PasswordProblem | None:
    """Return why a new password is refused, or None: `check_password`, and breaches as PORTAL_BREACH_LOOKUP says."""
    lookup = settings.breach_lookup
    problem = check_password(password, context, min_length=min_length, refuse_common=lookup.refuses_common)
    if problem or not lookup.range_url:
        return problem
    breached = await is_breached(password, lookup.range_url, allowed=allowed_networks(settings))
    return PasswordProblem.BREACHED if breached else None
