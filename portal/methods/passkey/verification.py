"""Checking what an authenticator answers. WebAuthn Level 3 sections 7.1 and 7.2: https://www.w3.org/TR/webauthn-3/.

The library checks type, challenge, origin, RP ID, presence, verification, signature and counter; the functions below
are what it leaves to us. It is imported when the first passkey comes along: half a second and 15 MB.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from portal.crypto.base64url import decode_base64url
from portal.methods.passkey.public_keys import is_usable
from portal.methods.passkey.relying_party import RelyingParty, user_handle

CREDENTIAL_ID_MAX_LENGTH = 1023  # bytes, section 7.1 step 25
# COSE key type, algorithm and curve (RFC 9053) that belong together. ES256, EdDSA with Ed25519, RS256.
KEY_KINDS = {(2, -7, 1), (1, -8, 6), (3, -257, None)}
ALGORITHMS = (-7, -8, -257)
TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})
# What reading forged JSON and CBOR ends in: wrong values, missing members, other types, nesting without end.
UNREADABLE = (ValueError, LookupError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that proves nothing. `reason` is for the audit log, never for the page."""

    reason: str


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A verified registration."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: UUID
    transports: tuple[str, ...]
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True)
class StoredPasskey:
    """What the database keeps of a passkey, as far as an assertion is checked against it."""

    mfa_id: str
    user_id: str
    email: str | None
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    upgraded: bool
    demands_second_step: bool
    disabled: bool  # its user is


@dataclass(frozen=True, slots=True)
class Assertion:
    """A verified authentication."""

    sign_count: int
    backed_up: bool
    user_verified: bool


def credential_id_of(answer: Mapping[str, Any]) -> bytes | None:
    """Return the credential id that an answer names, or None where it names none that could be."""
    try:
        credential_id = decode_base64url(str(answer["id"]))
    except (KeyError, ValueError):
        return None
    return credential_id if 0 < len(credential_id) <= CREDENTIAL_ID_MAX_LENGTH else None


def verify_registration(
    answer: Mapping[str, Any], *, challenge: bytes, party: RelyingParty, verified: bool = True
) -> NewPasskey | Refused:
    """Check the answer to a registration ceremony (section 7.1).

    With `verified` False neither presence nor verification is asked for: a conditional create shows no prompt.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers import parse_attestation_object
    from webauthn.helpers.cose import COSEAlgorithmIdentifier
    from webauthn.helpers.exceptions import WebAuthnException

    framed = _framing(answer)
    if framed:
        return Refused(framed)
    try:
        registration = verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_presence=verified,
            require_user_verification=verified,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(value) for value in ALGORITHMS],
        )
        flags = parse_attestation_object(registration.attestation_object).auth_data.flags
        kind = _key_kind(registration.credential_public_key)
    except (WebAuthnException, *UNREADABLE) as error:
        return Refused(type(error).__name__)
    if kind not in KEY_KINDS:
        return Refused("key type and algorithm do not fit")
    if not _is_usable(registration.credential_public_key):
        return Refused("key that verifies nothing")
    if len(registration.credential_id) > CREDENTIAL_ID_MAX_LENGTH:
        return Refused("credential id too long")
    if credential_id_of(answer) != registration.credential_id:
        return Refused("credential id differs from the attested one")
    transports = answer["response"].get("transports")
    named = transports if isinstance(transports, list) else []
    return NewPasskey(
        credential_id=registration.credential_id,
        public_key=registration.credential_public_key,
        sign_count=registration.sign_count,
        aaguid=UUID(registration.aaguid),
        transports=tuple(sorted(TRANSPORTS.intersection(value for value in named if isinstance(value, str)))),
        backup_eligible=flags.be,
        backed_up=flags.bs,
    )


def verify_assertion(
    answer: Mapping[str, Any],
    stored: StoredPasskey,
    *,
    challenge: bytes,
    party: RelyingParty,
    discovered: bool,
    verified: bool,
) -> Assertion | Refused:
    """Check the answer to an authentication ceremony (section 7.2).

    `discovered` says that nobody named the account before: then the answer must, by its user handle. `verified` demands
    that the authenticator verified its user.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers import parse_authenticator_data
    from webauthn.helpers.exceptions import WebAuthnException

    framed = _framing(answer)
    if framed:
        return Refused(framed)
    handle = answer["response"].get("userHandle")
    if handle is None and discovered:
        return Refused("user handle missing")
    try:
        if handle is not None and decode_base64url(str(handle)) != user_handle(stored.user_id):
            return Refused("user handle of somebody else")
        assertion = verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=stored.public_key,
            credential_current_sign_count=stored.sign_count,
            require_user_verification=verified,
        )
        flags = parse_authenticator_data(decode_base64url(answer["response"]["authenticatorData"])).flags
    except (WebAuthnException, *UNREADABLE) as error:
        return Refused(type(error).__name__)
    if flags.be is not stored.backup_eligible:
        return Refused("backup eligibility changed")
    return Assertion(assertion.new_sign_count, flags.bs, flags.uv)


def read_answer(text: str) -> dict[str, Any] | None:
    """Return the credential that a page's script posted, or None for anything else."""
    try:
        answer = json.loads(text)
    except UNREADABLE:
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("response"), dict):
        return None
    return {**answer, "rawId": answer.get("id"), "type": answer.get("type", "public-key")}


def _framing(answer: Mapping[str, Any]) -> str | None:
    # Our pages are never framed: an answer from inside a frame was asked for by somebody else's page (7.2, step 13).
    try:
        client_data = json.loads(decode_base64url(str(answer["response"]["clientDataJSON"])))
    except UNREADABLE:
        return "client data malformed"
    if not isinstance(client_data, dict):
        return "client data malformed"
    if client_data.get("crossOrigin") not in (None, False) or client_data.get("topOrigin") is not None:
        return "framed by another origin"
    return None


def _is_usable(public_key: bytes) -> bool:
    try:
        return is_usable(public_key)
    except UNREADABLE:
        return False


def _key_kind(public_key: bytes) -> tuple[int, int, int | None]:
    from webauthn.helpers import parse_cbor

    key = parse_cbor(public_key)
    # An RSA key has its modulus at -1, where the others have their curve (RFC 8230 section 4).
    return key[1], key[3], None if key[1] == 3 else key[-1]
