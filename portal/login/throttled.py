"""The sentence for one try too many. The answer is 429, with the seconds in Retry-After (RFC 6585 section 4)."""

from portal.web.locale import mark
from portal.web.request import PortalRequest

TOO_MANY_FOR_A_MINUTE = mark("Too many tries. Please wait a minute, then try again.")
TOO_MANY_TRIES = mark("Too many tries. Please wait {minutes} minutes, then try again.")


def too_many_tries(request: PortalRequest, retry_after: int) -> str:
    """Return it in the language of the request; `retry_after` are seconds."""
    minutes = round(retry_after / 60)
    gettext = request.portal.templates.gettext(request.language)
    return gettext(TOO_MANY_TRIES).format(minutes=minutes) if minutes > 1 else gettext(TOO_MANY_FOR_A_MINUTE)
