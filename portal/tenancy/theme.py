"""`/theme.css`: the namespace's own colours as custom properties. tokens.css derives the rest."""

import re

from litestar import Response, get

from portal.web.request import PortalRequest

HEX_COLOUR = re.compile(r"#[0-9a-f]{6}\Z")
CACHED_FOR = 300  # seconds; the address changes with the colours


@get("/theme.css", include_in_schema=False)
async def theme(request: PortalRequest) -> Response[str]:
    """Serve the colours of the namespace that the host belongs to."""
    namespace = request.namespace
    rules = []
    if namespace.accent and HEX_COLOUR.match(namespace.accent):
        rules.append(f":root{{--brand:{namespace.accent}}}")
    if namespace.color_scheme != "system":
        rules.append(f":root{{color-scheme:{namespace.color_scheme}}}")
    return Response(
        "\n".join(rules),
        media_type="text/css",
        headers={"cache-control": f"public, max-age={CACHED_FOR}", "vary": "host"},
    )
