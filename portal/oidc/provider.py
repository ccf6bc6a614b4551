"""What the provider keeps in a process: signing keys and, for a second at most, the apps it was just asked about."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar, cast

from portal.crypto.sealing import Sealer
from portal.db.engine import Querier
from portal.oidc.clients import Client, find_client
from portal.oidc.queries import is_app_origin
from portal.oidc.signing_keys import SigningKeys
from portal.web.request import PortalRequest

REMEMBERED_FOR = 1.0  # seconds; a deleted app or a new secret counts everywhere within that
REMEMBERED_MAX_COUNT = 1000  # then it starts anew, so that invented client_ids cannot fill the memory
REMEMBERED_MAX_LENGTH = 300  # characters; no client_id and no origin is longer

T = TypeVar("T")


class Provider:
    """The process-wide part of the OpenID provider."""

    def __init__(self, querier: Querier, sealer: Sealer) -> None:
        self.querier = querier
        self.sealer = sealer
        self.signing_keys = SigningKeys(querier, sealer)
        self._clients = _Remembered(partial(find_client, querier))
        self._origins = _Remembered(partial(is_app_origin, querier))

    async def find_client(self, namespace: str, client_id: str) -> Client | None:
        """Return an app, from memory where it was asked for within the last second."""
        return await self._clients.get(namespace, client_id)

    async def is_app_origin(self, namespace: str, origin: str) -> bool:
        """Tell whether a public app lives on this origin, from memory as for apps."""
        return await self._origins.get(namespace, origin)


class _Remembered(Generic[T]):
    """What the database answers about a name of a namespace, kept for a second."""

    def __init__(self, ask: Callable[[str, str], Awaitable[T]]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], tuple[float, T]] = {}

    async def get(self, namespace: str, name: str) -> T:
        known = self._known.get((namespace, name))
        if known and time.monotonic() - known[0] < REMEMBERED_FOR:
            return known[1]
        if len(self._known) >= REMEMBERED_MAX_COUNT:
            self._known.clear()
        answer = await self._ask(namespace, name)
        if len(name) <= REMEMBERED_MAX_LENGTH:
            self._known[namespace, name] = (time.monotonic(), answer)
        return answer


def provider_of(request: PortalRequest) -> Provider:
    """Return the provider of this process."""
    state = request.app.state
    if "oidc" not in state:
        state["oidc"] = Provider(request.portal.database, request.portal.sealer)
    return cast(Provider, state["oidc"])
