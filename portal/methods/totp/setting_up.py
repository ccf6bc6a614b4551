"""A secret that is being set up: shown as a picture and as text, kept by the page until a first code confirms it."""

import hmac
import json
import time
from typing import Any

from portal.crypto.sealing import CannotOpen
from portal.methods.totp.codes import key_uri, text_key
from portal.web.locale import mark
from portal.web.request import PortalRequest

SETTING_UP = "totp being set up"  # purpose of the seal around a secret that is not confirmed yet
SET_UP_ONCE = "totp set up once"  # purpose of the key that tells whether a secret was set up before
SET_UP_WITHIN = 3600  # seconds; to install an app, not to keep a tab for a week
WRONG = mark("That code does not match. Check that your phone's clock is right, then type the code that shows now.")
EXPIRED = mark("That took a while. Scan the new code below, please.")
ADDED = mark("An authenticator app was added to your account. A login asks for its code now.")


def shown_secret(request: PortalRequest, secret: bytes, user_id: str, account: str) -> dict[str, Any]:
    """Return what the page shows of a secret for this user; `account` is the name that the app gives it."""
    from portal.methods.totp.picture import qr_picture  # late: few requests need it

    pending = {"user": user_id, "secret": secret.hex(), "until": int(time.time()) + SET_UP_WITHIN}
    key = text_key(secret)
    uri = key_uri(secret, account, request.namespace.display_name)
    return {
        "picture": qr_picture(uri),
        "uri": uri,
        "key": " ".join(key[start : start + 4] for start in range(0, len(key), 4)),
        "setup": request.portal.sealer.seal(json.dumps(pending).encode(), SETTING_UP),
    }


def open_secret_of(request: PortalRequest, sealed: str, user_id: str) -> bytes | None:
    """Return the secret that a page kept for this user; None for another's, a forged one, and after an hour."""
    try:
        pending = json.loads(request.portal.sealer.open(sealed, SETTING_UP))
    except CannotOpen:
        return None
    if pending["user"] != user_id or pending["until"] < time.time():
        return None
    return bytes.fromhex(pending["secret"])


def set_up_digest(request: PortalRequest, secret: bytes) -> str:
    """Return what authn.enrol_authenticator knows a secret by that was set up: of no use without the server's key."""
    return hmac.digest(request.portal.sealer.derive(SET_UP_ONCE), secret, "sha256").hex()


async def database_time(request: PortalRequest) -> int:
    """Return the time that codes are checked against, in seconds."""
    return int(await request.portal.database.fetchval("select extract(epoch from now())::bigint"))
