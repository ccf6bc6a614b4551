"""What a User-Agent header says about a device, in words for people.

Browsers freeze and shorten these strings on purpose, so only the family names that have been stable for years are read.
"""

from typing import Literal, NamedTuple

DeviceType = Literal["phone", "tablet", "laptop", "unknown"]

# Order decides: Edge and Opera also say Chrome, Chrome also says Safari.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS: tuple[tuple[str, str, DeviceType], ...] = (
    ("iPhone", "iPhone", "phone"),
    ("iPad", "iPad", "tablet"),
    ("Android", "Android", "phone"),
    ("CrOS", "ChromeOS", "laptop"),
    ("Windows", "Windows", "laptop"),
    ("Mac OS X", "macOS", "laptop"),
    ("Linux", "Linux", "laptop"),
)


class DeviceName(NamedTuple):
    """A device in words: browser and system are None when the header does not tell."""

    browser: str | None
    system: str | None
    type: DeviceType

    @property
    def icon(self) -> str:
        """The name of its icon."""
        return f"device-{self.type}"


def describe_device(user_agent: str | None) -> DeviceName:
    """Read browser family, operating system and type from a User-Agent header."""
    agent = user_agent or ""
    browser = next((name for mark, name in BROWSERS if mark in agent), None)
    for mark, system, device_type in SYSTEMS:
        if mark in agent:
            is_tablet = mark == "Android" and "Mobile" not in agent  # all that Chrome's tablets leave out
            return DeviceName(browser, system, "tablet" if is_tablet else device_type)
    return DeviceName(browser, None, "unknown")
