"""The pages of the development tools, as the list at their side shows them."""

from portal.web.locale import mark

_SECTIONS = (("/dev/inbox", mark("Inbox"), "mail"), ("/dev/components", mark("Components"), "grid"))


def sections(current: str) -> list[dict[str, object]]:
    """Return the list for `layouts/account.html`, with the page at `current` marked."""
    return [{"href": href, "label": label, "icon": icon, "current": href == current} for href, label, icon in _SECTIONS]
