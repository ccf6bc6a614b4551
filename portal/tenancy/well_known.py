"""/.well-known/security.txt (RFC 9116): whom to tell about a hole, where the namespace names a support address."""

from datetime import timedelta

from litestar import Response, get

from portal.clock import now
from portal.errors import NotFound
from portal.web.request import PortalRequest

VALID_FOR = timedelta(days=30)  # the file must expire, section 2.5.5; it is made anew for every request


@get("/.well-known/security.txt", include_in_schema=False)
async def security_txt(request: PortalRequest) -> Response[str]:
    """Serve the contact address of the namespace."""
    namespace = request.namespace
    if namespace.support_email is None:
        raise NotFound
    expires = (now() + VALID_FOR).replace(microsecond=0).isoformat()
    text = (
        f"Contact: mailto:{namespace.support_email}\nExpires: {expires}\n"
        f"Canonical: {namespace.origin}/.well-known/security.txt\n"
    )
    return Response(text, media_type="text/plain")
