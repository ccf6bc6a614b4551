"""Where a login leads back to: own paths only, checked when stored and again when used (adversarial family A5)."""

from urllib.parse import urlsplit

ACCOUNT = "/account"
MAX_LENGTH = 2048  # characters


def own_path(value: str | None) -> str | None:
    r"""Return `value` when it is a path of this portal, else None.

    Browsers take `//e`, `/\\e`, and a tab or newline between two slashes as another host, hence the strictness.
    """
    if not value or len(value) > MAX_LENGTH or not value.startswith("/"):
        return None
    if not value.isascii() or any(character <= " " or character in "\\\x7f" for character in value):
        return None
    parts = urlsplit(value)
    if parts.scheme or parts.netloc or value.startswith("//"):
        return None
    segments = parts.path.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\")
    if "//" in segments or "\\" in segments or "/../" in f"{segments}/" or "/./" in f"{segments}/":
        return None
    return value


def own_path_or_account(value: str | None) -> str:
    """Return where a login leads on: the own path that it came with, or the account."""
    return own_path(value) or ACCOUNT
