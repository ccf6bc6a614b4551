"""/livez says that the process answers, /readyz that it can serve: the database is there and has our functions."""

from litestar import Response, get

from portal.db.engine import DatabaseUnavailable
from portal.web.request import PortalRequest

HEADERS = {"cache-control": "no-store"}


@get("/livez", include_in_schema=False, media_type="text/plain")
async def livez() -> Response[str]:
    """Answer as long as the event loop turns."""
    return Response("ok\n", headers=HEADERS, media_type="text/plain")


@get("/readyz", include_in_schema=False, media_type="text/plain")
async def readyz(request: PortalRequest) -> Response[str]:
    """Answer 200 when a login could succeed now, else 503 with the reason in one word."""
    if request.scope["state"]["ending"]:
        return Response("draining\n", status_code=503, headers={**HEADERS, "retry-after": "5"}, media_type="text/plain")
    try:
        migrated = await request.portal.database.fetchval("select to_regprocedure('authn.resume_session(text, text)')")
    except DatabaseUnavailable:
        migrated = None
        reason = "database\n"
    else:
        reason = "migrations\n"
    if migrated is None:
        return Response(reason, status_code=503, headers={**HEADERS, "retry-after": "3"}, media_type="text/plain")
    return Response("ready\n", headers=HEADERS, media_type="text/plain")


HANDLERS = (livez, readyz)
