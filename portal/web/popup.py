"""Login in a popup window: https://developer.mozilla.org/en-US/docs/Web/HTTP/Headers/Cross-Origin-Opener-Policy.

Every page has COOP same-origin, which cuts a popup off from the app that opened it, for good and from the first
redirect on. For an app that is registered for popups the pages of a login go without it, in this browser and for a
while; the account and admin pages never do.
"""

from litestar.types import HTTPScope

from portal.web.request import PortalRequest

POPUP_COOKIE = "portal_popup"
POPUP_LOGIN_TAKES = 3600  # seconds; a login with a look into the mailbox is done by then
PATHS = ("/login", "/signup", "/recover", "/link/", "/oauth2/authorize", "/oauth2/consent")
OPENER_KEPT = (b"cross-origin-opener-policy", b"unsafe-none")


def keep_opener(request: PortalRequest, *, remember: bool = True) -> None:
    """Leave this answer without the opener policy, and with `remember` the pages of the login that follow."""
    request.facts["keeps_opener"] = True
    if remember:
        request.set_cookie(POPUP_COOKIE, "1", max_age=POPUP_LOGIN_TAKES)


def keeps_opener(scope: HTTPScope) -> bool:
    """Tell whether this answer belongs to a login in a popup."""
    if scope.get("state", {}).get("keeps_opener"):
        return True
    if not scope["path"].startswith(PATHS):
        return False
    return any(name == b"cookie" and b"portal_popup=1" in value for name, value in scope["headers"])
