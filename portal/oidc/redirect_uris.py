"""Which redirect URIs a client may register, and when a requested one is a registered one.

RFC 9700 section 4.1.3, https://www.rfc-editor.org/rfc/rfc9700#section-4.1.3 (exact match), RFC 8252 section 7 (native).
"""

import re
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from portal.settings import LOOPBACK_NAMES

ApplicationType = Literal["web", "native"]

URI_MAX_LENGTH = 2000  # characters; longer ones do not survive every browser and proxy
# RFC 3986: what a URI may consist of. Leaves out blanks, control characters, backslash and everything beyond ASCII,
# which browsers and servers read differently ("\@", full-width slashes, line breaks).
URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
HOST_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
# RFC 8252 section 7.3: the literal addresses only; "localhost" may resolve to something else (section 8.3).
LOOPBACK_URI = re.compile(r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>/[^#]*)?")
PORT_MAX = 65535


def is_registered(requested: str, registered: Iterable[str], application_type: ApplicationType) -> bool:
    """Tell whether `requested` is one of the `registered` URIs.

    Strings are compared as they are, nothing is decoded, lower-cased or resolved: each such kindness has been
    somebody's open redirector. The one exception is RFC 8252 section 7.3: a native app on a loopback address picks its
    port late.
    """
    known = tuple(registered)
    if requested in known:
        return True
    if application_type != "native":
        return False
    return any(_same_but_for_port(requested, uri) for uri in known)


def registration_problem(uri: str, application_type: ApplicationType) -> str | None:
    """Say in one sentence why `uri` may not be registered, or return None where it may."""
    if len(uri) > URI_MAX_LENGTH:
        return f"A redirect URI may have {URI_MAX_LENGTH} characters at most."
    if "*" in uri:
        return "A redirect URI may hold no wildcard: register each address by itself."
    if "#" in uri:  # RFC 6749 section 3.1.2: "The endpoint URI MUST NOT include a fragment component."
        return "A redirect URI may hold no fragment (#)."
    if not URI_CHARACTERS.fullmatch(uri):
        return "A redirect URI may hold only the characters of a URI, without blanks."
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "A redirect URI needs a valid host and port."
    if "@" in parts.netloc:
        return "A redirect URI may hold no user name or password."
    if parts.scheme == "https":
        return _https_problem(host, port)
    if parts.scheme == "http":
        return _loopback_problem(host, port)
    return _private_scheme_problem(parts.scheme, application_type)


def web_address_problem(uri: str) -> str | None:
    """Say why `uri` may not be shown or followed as an address of an app (home page, logo), or return None.

    Anything but https, or http on loopback, would let a registration put `javascript:` behind a button of ours.
    """
    problem = registration_problem(uri, "web")
    return problem.replace("A redirect URI", "An address") if problem else None


def guess_application_type(redirect_uris: Iterable[str], *, public: bool) -> ApplicationType:
    """Return "native" for a public client with a loopback address or a private-use scheme among its URIs."""
    uris = tuple(redirect_uris)
    if public and any(LOOPBACK_URI.fullmatch(uri) or not uri.startswith(("https://", "http://")) for uri in uris):
        return "native"
    return "web"


def _same_but_for_port(requested: str, registered: str) -> bool:
    asked, known = LOOPBACK_URI.fullmatch(requested), LOOPBACK_URI.fullmatch(registered)
    if not asked or not known:
        return False
    if int(asked["port"] or 80) > PORT_MAX:
        return False
    return asked["host"] == known["host"] and asked["rest"] == known["rest"]


def _https_problem(host: str, port: int | None) -> str | None:
    if port == 0 or not (HOST_NAME.fullmatch(host) or re.fullmatch(r"[0-9a-f:.]+", host)):
        return "A redirect URI needs a valid host and port."
    return None


def _loopback_problem(host: str, port: int | None) -> str | None:
    if host not in LOOPBACK_NAMES:
        return "A redirect URI must use https; http is for localhost, 127.0.0.1 and [::1] only."
    if port == 0:
        return "A redirect URI needs a valid host and port."
    return None


def _private_scheme_problem(scheme: str, application_type: ApplicationType) -> str | None:
    if application_type != "native":
        return "A redirect URI must use https; a scheme of its own is for public native apps only."
    # RFC 8252 section 8.4: a scheme without a period SHOULD be rejected. It also keeps out javascript:, data:, file: …
    if "." not in scheme:
        return "A scheme of the app's own must be its domain name in reverse, such as com.example.app."
    return None
