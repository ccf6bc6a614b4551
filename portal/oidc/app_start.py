"""/apps/<client_id>: begin again at the app (OpenID Connect Core 1.0 section 4: login initiated elsewhere).

https://openid.net/specs/openid-connect-core-1_0.html#ThirdPartyInitiatedLogin

For a browser that has nothing of the app's state: a link from a mail opened elsewhere, an expired page. The app makes a
fresh authorization request; continuing somebody else's would end in a state mismatch there.
"""

from typing import Any
from urllib.parse import urlencode, urlsplit

from litestar import get
from litestar.params import FromPath
from litestar.response import Redirect

from portal.errors import NotFound
from portal.oidc.provider import provider_of
from portal.web.request import PortalRequest


@get("/apps/{client_id:str}")
async def begin_at_app(request: PortalRequest, client_id: FromPath[str]) -> Redirect:
    """Lead to where the app begins a login; its registration is the only source of the address."""
    client = await provider_of(request).find_client(request.namespace.name, client_id)
    if client is None or client.home is None:
        raise NotFound(way_back="/account")
    if client.initiate_login_uri is None:
        return Redirect(client.home, status_code=303)
    separator = "&" if urlsplit(client.home).query else "?"
    return Redirect(f"{client.home}{separator}{urlencode({'iss': request.namespace.origin})}", status_code=303)


ROUTES: list[Any] = [begin_at_app]
