"""What an authenticator is asked: the options of both ceremonies (WebAuthn Level 3 sections 5.4 and 5.5), as JSON."""

import secrets
from typing import Any

from portal.crypto.base64url import encode_base64url
from portal.errors import TooManyRequests
from portal.login.flow import LoginFlow
from portal.methods.passkey import queries
from portal.methods.passkey.relying_party import relying_party, user_handle
from portal.methods.passkey.verification import ALGORITHMS
from portal.web.request import PortalRequest

CHALLENGE_BYTES = 32  # section 13.4.3 asks for at least 16
TIMEOUT = 300_000  # milliseconds, as long as the challenge lives
RETRY_AFTER = 60  # seconds; the budget of a network is one of a minute


async def ask_to_log_in(request: PortalRequest, flow: LoginFlow | None) -> dict[str, Any]:
    """Begin a login: any passkey of this site will do, and nothing tells which account has one."""
    return await _ask(request, "login", "required", flow_id=flow.id if flow else None)


async def ask_for_the_account(
    request: PortalRequest, flow: LoginFlow | None, user_id: str, kind: str
) -> dict[str, Any]:
    """Begin a second step or a reauthentication: the account is known here, and so are its passkeys."""
    known = await queries.list_passkeys(request.portal.database, user_id, request.namespace.name)
    verification = "preferred" if kind == "second_step" else "required"
    options = await _ask(request, kind, verification, flow_id=flow.id if flow else None, user_id=user_id)
    options["publicKey"]["allowCredentials"] = [_descriptor(passkey) for passkey in known]
    return options


async def ask_to_register(request: PortalRequest, *, silent: bool = False) -> dict[str, Any]:
    """Begin a registration for the person who is logged in."""
    person, party = request.required_session, relying_party(request)
    known = await queries.list_passkeys(request.portal.database, person.user_id, request.namespace.name)
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    name = person.email or person.name or "account"
    return {
        "ceremony": await _note(request, "upgrade" if silent else "register", challenge, user_id=person.user_id),
        "publicKey": {
            "rp": {"id": party.id, "name": party.name},
            "user": {
                "id": encode_base64url(user_handle(person.user_id)),
                "name": name,
                "displayName": person.name or name,
            },
            "challenge": encode_base64url(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
            "timeout": TIMEOUT,
            "excludeCredentials": [_descriptor(passkey) for passkey in known],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        },
    }


async def _ask(request: PortalRequest, kind: str, verification: str, **whose: str | None) -> dict[str, Any]:
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    return {
        "ceremony": await _note(request, kind, challenge, **whose),
        "publicKey": {
            "challenge": encode_base64url(challenge),
            "rpId": relying_party(request).id,
            "timeout": TIMEOUT,
            "userVerification": verification,
        },
    }


async def _note(request: PortalRequest, kind: str, challenge: bytes, **whose: str | None) -> str:
    ceremony = {
        "kind": kind,
        "challenge": challenge.hex(),
        "browser_digest": request.ensure_browser(),
        "ip_address": request.context.ip_address,
        **whose,
    }
    noted = await queries.start_ceremony(request.portal.database, ceremony, request.namespace.name)
    if noted is None:
        raise TooManyRequests(retry_after=RETRY_AFTER)
    return noted


def _descriptor(passkey: queries.Passkey) -> dict[str, Any]:
    return {
        "type": "public-key",
        "id": encode_base64url(passkey.credential_id),
        "transports": list(passkey.transports),
    }
