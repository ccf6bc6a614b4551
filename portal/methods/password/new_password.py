"""A new password: refused with the reason, or hashed. Sign-up, recovery and the change of a password use it."""

from portal.crypto.hashing import PASSWORDS, HashQueueFull
from portal.errors import ServiceUnavailable
from portal.methods.password.policy import check_password
from portal.web.request import PortalRequest

QUEUE_RETRY_AFTER = 2  # seconds


def new_password_problem(request: PortalRequest, password: str, *context: str | None) -> str | None:
    """Return why a new password is refused, in a sentence before translation, or None.

    `context` are the address and name of the person; the name of the service is added.
    """
    least = request.namespace.policy.password_min_length
    problem = check_password(password, (*context, request.namespace.display_name), min_length=least)
    return problem.text(least) if problem else None


async def hash_new_password(password: str) -> str:
    """Return its PHC string; answers 503 when too many wait to be hashed."""
    try:
        return await PASSWORDS.hash(password)
    except HashQueueFull as error:
        raise ServiceUnavailable(retry_after=QUEUE_RETRY_AFTER) from error
