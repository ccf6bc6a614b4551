"""Why a new password is refused. Sign-up, recovery and the change of a password ask."""

from portal.methods.password.policy import check_password
from portal.web.request import PortalRequest


def new_password_problem(request: PortalRequest, password: str, *context: str | None) -> str | None:
    """Return why a new password is refused, in a sentence of the request's language, or None.

    `context` are the address and name of the person; the name of the service is added.
    """
    least = request.namespace.policy.password_min_length
    problem = check_password(password, (*context, request.namespace.display_name), min_length=least)
    return problem.text(least, request.portal.templates.gettext(request.language)) if problem else None
