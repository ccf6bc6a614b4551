"""The answer that goes back to the app through the browser: RFC 6749 section 4.1.2 with `iss` of RFC 9207.

https://www.rfc-editor.org/rfc/rfc9207#section-2
"""

from typing import Any
from urllib.parse import quote, urlencode

from litestar import Response

from portal.oidc.errors import NO_STORE


def back_to_app(issuer: str, redirect_uri: str, state: str | None, **answer: str) -> str:
    """Return the address that carries an answer, or an error, to the app.

    The registered URI stays as it is, character by character, and `iss` is always there: an app that talks to several
    providers tells by it whose answer it got (mix-up attack), errors included.
    """
    parameters = {**answer, **({"state": state} if state is not None else {}), "iss": issuer}
    separator = "" if redirect_uri.endswith(("?", "&")) else "&" if "?" in redirect_uri else "?"
    return redirect_uri + separator + urlencode(parameters, quote_via=quote, safe="")


def see_other(location: str) -> Response[Any]:
    """Redirect with 303: RFC 9700 section 4.12, a 307 would make the browser post a password on to the app."""
    return Response(b"", status_code=303, media_type="text/plain", headers={**NO_STORE, "location": location})
