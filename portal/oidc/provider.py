"""What the provider keeps in a process: signing keys and, for a second at most, the apps it was just asked about."""

import time
from typing import cast

from portal.crypto.sealing import Sealer
from portal.db.engine import Querier
from portal.oidc.clients import Client, find_client
from portal.oidc.queries import is_app_origin
from portal.oidc.signing_keys import SigningKeys
from portal.web.request import PortalRequest

CLIENT_CACHE_FOR = 1.0  # seconds; a deleted app or a new secret counts everywhere within that
CLIENT_CACHE_SIZE = 1000  # apps; then it starts anew, so that invented client_ids cannot fill the memory


class Provider:
    """The process-wide part of the OpenID provider."""

    def __init__(self, querier: Querier, sealer: Sealer) -> None:
        self.querier = querier
        self.sealer = sealer
        self.signing_keys = SigningKeys(querier, sealer)
        self._clients: dict[tuple[str, str], tuple[float, Client | None]] = {}
        self._origins: dict[tuple[str, str], tuple[float, bool]] = {}

    async def find_client(self, namespace: str, client_id: str) -> Client | None:
        """Return an app, from memory where it was asked for within the last second."""
        key = (namespace, client_id)
        known = self._clients.get(key)
        if known and time.monotonic() - known[0] < CLIENT_CACHE_FOR:
            return known[1]
        if len(self._clients) >= CLIENT_CACHE_SIZE:
            self._clients.clear()
        client = await find_client(self.querier, namespace, client_id)
        self._clients[key] = (time.monotonic(), client)
        return client

    async def is_app_origin(self, namespace: str, origin: str) -> bool:
        """Tell whether a public app lives on this origin, from memory as for apps."""
        key = (namespace, origin)
        known = self._origins.get(key)
        if known and time.monotonic() - known[0] < CLIENT_CACHE_FOR:
            return known[1]
        if len(self._origins) >= CLIENT_CACHE_SIZE:
            self._origins.clear()
        answer = await is_app_origin(self.querier, namespace, origin)
        self._origins[key] = (time.monotonic(), answer)
        return answer


def provider_of(request: PortalRequest) -> Provider:
    """Return the provider of this process."""
    state = request.app.state
    if "oidc" not in state:
        state["oidc"] = Provider(request.portal.database, request.portal.sealer)
    return cast(Provider, state["oidc"])
