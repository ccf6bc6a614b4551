"""Reading request parameters as OAuth 2.0 defines them: RFC 6749 section 3.1, https://www.rfc-editor.org/rfc/rfc6749#section-3.1.

Kept apart from the portal's own forms: here a mistake is answered to an app in its protocol's words, not with a page
for a person who typed something.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

PARAMETERS_MAX_BYTES = 32 * 1024  # a signed request object fits; what is longer is refused before it is parsed
PARAMETERS_MAX_COUNT = 64
# Bytes of a state as an address carries it back: proxies drop an answer whose head is beyond 8 kB, and whoever sends
# such links would keep people from logging in (ASVS 5.0 4.2.5).
STATE_MAX_LENGTH = 4096
# RFC 8707 section 2 lets an app name several resources; everything else appears once or not at all.
REPEATABLE = frozenset({"resource"})

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Parameters that nobody should guess a meaning for. `reason` is plain ASCII and quotes nothing that was sent."""

    reason: str


class Parameters(dict[str, str]):
    """Request parameters by name; one that was sent without a value is absent, as RFC 6749 section 3.1 asks."""


def read_parameters(*encoded: bytes) -> Parameters | Malformed:
    """Read parameters from a query string, a form body, or both together.

    Taking them together makes one that stands in the query and in the body a repeated one, which is refused: which of
    two values counts must not depend on who reads them.
    """
    joined = b"&".join(part for part in encoded if part)
    if len(joined) > PARAMETERS_MAX_BYTES:
        return Malformed("The request is too long.")
    pairs = [pair for pair in joined.split(b"&") if pair]
    if len(pairs) > PARAMETERS_MAX_COUNT:
        return Malformed("The request has too many parameters.")
    found = Parameters()
    seen: set[str] = set()
    for pair in pairs:
        decoded = _decode_pair(pair)
        if isinstance(decoded, Malformed):
            return decoded
        name, value = decoded
        # RFC 6749 section 3.1: "Request and response parameters MUST NOT be included more than once."
        if name in seen and name not in REPEATABLE:
            return Malformed("A parameter is included more than once.")
        seen.add(name)
        if value:
            found[name] = value
    if len(quote(found.get("state", ""), safe="")) > STATE_MAX_LENGTH:
        return Malformed("The state is too long.")
    return found


def is_form(content_type: str | None) -> bool:
    """Tell whether a Content-Type header names the only format that forms and apps send here."""
    return (content_type or "").partition(";")[0].strip().lower() == FORM_MEDIA_TYPE


def _decode_pair(pair: bytes) -> tuple[str, str] | Malformed:
    name, _, value = pair.replace(b"+", b" ").partition(b"=")
    try:
        decoded = unquote_to_bytes(name).decode("utf-8"), unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        return Malformed("The request is not valid UTF-8.")
    # PostgreSQL stores no NUL, and no parameter has an honest use for one.
    if "\0" in decoded[0] or "\0" in decoded[1]:
        return Malformed("The request contains a NUL character.")
    return decoded
