"""One sentence that survives a redirect.

The cookie holds a name out of a fixed list, never a text: a planted cookie can only show a sentence of ours.
"""

from typing import Literal, NamedTuple

from portal.web.cookies import read_cookie
from portal.web.locale import mark
from portal.web.request import PortalRequest

FLASH_COOKIE = "portal_flash"
FLASH_VALID_FOR = 60  # seconds


class Flash(NamedTuple):
    """What the next page says once."""

    kind: Literal["info", "success", "warning", "error"]
    text: str


SENTENCES: dict[str, Flash] = {
    "session_ended": Flash("success", mark("That session has ended.")),
    "session_gone": Flash("info", mark("That session had already ended.")),
    "other_sessions_ended": Flash("success", mark("All other sessions have ended.")),
    "app_disconnected": Flash("success", mark("That app is disconnected and has been logged out.")),
    "app_gone": Flash("info", mark("That app was not connected any more.")),
    "code_sent": Flash("success", mark("We sent a new mail. Only the newest code works.")),
    "sms_sent": Flash("success", mark("We sent a new message. Only the newest code works.")),
    "password_changed": Flash("success", mark("Your password is changed. Everywhere else you are logged out.")),
    "password_set": Flash("success", mark("Your account has a password now. Everywhere else you are logged out.")),
    "authenticator_app_added": Flash(
        "success", mark("Your authenticator app is set up. Now get recovery codes, in case you lose it.")
    ),
    "text_message_added": Flash(
        "success", mark("Your number is set up. Now get recovery codes, in case you lose your phone.")
    ),
    "authenticator_app_removed": Flash("success", mark("That app is removed. Everywhere else you are logged out.")),
    "authenticator_removed": Flash("success", mark("Removed. Everywhere else you are logged out.")),
    "authenticator_renamed": Flash("success", mark("The new name is saved.")),
    "passkey_added": Flash("success", mark("Your passkey is ready. Next time it logs you in.")),
    "passkey_removed": Flash("success", mark("That passkey is removed. Everywhere else you are logged out.")),
    "second_step_on": Flash(
        "success", mark("Your password now asks for a second step. Everywhere else you are logged out.")
    ),
    "second_step_off": Flash(
        "success", mark("Your password no longer asks for a second step. Everywhere else you are logged out.")
    ),
}


def flash(request: PortalRequest, name: str) -> None:
    """Show the sentence of that name on the next page."""
    if name not in SENTENCES:
        raise KeyError(name)
    request.set_cookie(FLASH_COOKIE, name, max_age=FLASH_VALID_FOR)


def take_flashes(request: PortalRequest) -> list[Flash]:
    """Return what the last answer left to say, and forget it."""
    name = read_cookie(request, FLASH_COOKIE)
    if name is None:
        return []
    request.set_cookie(FLASH_COOKIE, "", max_age=0)
    sentence = SENTENCES.get(name)
    if sentence is None:
        return []
    return [sentence._replace(text=request.portal.templates.gettext(request.language)(sentence.text))]
