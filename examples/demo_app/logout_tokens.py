"""Logout tokens: the provider's word that a login has ended. OpenID Connect Back-Channel Logout 1.0 section 2.6.

https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
"""

import time
from collections import OrderedDict
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from openid import LoginRefused, provider_keys
from settings import CLIENT_ID, ISSUER

EVENT = "http://schemas.openid.net/event/backchannel-logout"
ALGORITHMS = ["RS256"]  # what this app is registered for; the token has no say
TOKEN_MAX_LENGTH = 8192  # characters
CLOCKS_DIFFER = 60  # seconds
REMEMBERED = 10_000  # jti; each is of no use after two minutes

_seen: OrderedDict[str, None] = OrderedDict()


async def read_logout_token(token: str) -> dict[str, Any]:
    """Return the claims of a logout token that is good, once.

    Raises:
        LoginRefused: why it is not.
    """
    if len(token) > TOKEN_MAX_LENGTH or token.count(".") != 2:
        raise LoginRefused("no logout token")
    try:
        keys = KeySet.import_key_set(await provider_keys())
        read = jwt.decode(token, keys, registry=JWSRegistry(algorithms=ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise LoginRefused(f"{type(error).__name__}: {error}") from error
    _check(read.header, read.claims)
    jti = read.claims["jti"]
    if jti in _seen:
        raise LoginRefused("the token came before")
    _seen[jti] = None
    while len(_seen) > REMEMBERED:
        _seen.popitem(last=False)
    return dict(read.claims)


def _check(header: dict[str, Any], claims: dict[str, Any]) -> None:
    now = time.time()
    times = [claims.get("iat"), claims.get("exp")]
    checks = {
        # The ID token is signed by the same keys: without this one of them would log its person out.
        "typ": header.get("typ") == "logout+jwt",
        "iss": claims.get("iss") == ISSUER,
        "aud": claims.get("aud") in (CLIENT_ID, [CLIENT_ID]),
        "iat and exp": all(type(at) is int for at in times)
        and times[0] - CLOCKS_DIFFER <= now <= times[1] + CLOCKS_DIFFER,
        "events": isinstance(claims.get("events"), dict) and isinstance(claims["events"].get(EVENT), dict),
        "sid": isinstance(claims.get("sid"), str) and claims["sid"] != "",
        "jti": isinstance(claims.get("jti"), str) and claims["jti"] != "",
        "nonce": "nonce" not in claims,
    }
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        raise LoginRefused(f"the logout token's {', '.join(wrong)} cannot be")
