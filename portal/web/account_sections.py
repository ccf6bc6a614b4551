"""The sections of the account area, in the order of its menu."""

from typing import Any

from portal.web.locale import mark
from portal.web.request import PortalRequest

SECTIONS = (
    ("/account", mark("Profile"), "user"),
    ("/account/security", mark("Security"), "shield"),
    ("/account/devices", mark("Devices"), "device-laptop"),
    ("/account/apps", mark("Apps"), "app"),
)


def sections(request: PortalRequest, current: str) -> list[dict[str, Any]]:
    """Return the menu for the account layout; `current` is the path of the page it stands on."""
    gettext = request.portal.templates.gettext(request.language)
    return [
        {"label": gettext(label), "href": href, "icon": icon, "current": href == current}
        for href, label, icon in SECTIONS
    ]
