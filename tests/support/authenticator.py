"""A passkey authenticator in software, and the browser in front of it: it answers ceremonies, honestly or forged.

Every field of an answer can be bent with keyword arguments, so that a test can show what the portal refuses.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
AAGUID = bytes.fromhex("d548826e79b4db40a3d811116f7e8349")  # a password manager's


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One passkey: made by `register`, used by `answer`."""

    origin: str
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    handle: bytes = b""
    count: int = 0
    counts: bool = False
    synced: bool = True

    @property
    def rp_id(self) -> str:
        return self.origin.split("//")[1].split(":")[0]

    @property
    def cose_key(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def register(self, options: dict[str, Any], **bent: Any) -> str:
        """Answer a registration ceremony."""
        self.handle = unb64(options["user"]["id"])
        credential_id = bent.get("credential_id", self.credential_id)
        attested = (
            AAGUID
            + len(credential_id).to_bytes(2, "big")
            + credential_id
            + cbor2.dumps(bent.get("cose", self.cose_key))
        )
        statement = {"fmt": "none", "attStmt": {}, "authData": self._data(AT, bent) + attested}
        response = {
            "clientDataJSON": b64(self._client_data("webauthn.create", options, bent)),
            "attestationObject": b64(cbor2.dumps(statement)),
            "transports": ["internal", "hybrid"],
        }
        return json.dumps({"id": b64(bent.get("id", credential_id)), "type": "public-key", "response": response})

    def answer(self, options: dict[str, Any], **bent: Any) -> str:
        """Answer an authentication ceremony."""
        if self.counts:
            self.count += 1
        client_data = self._client_data("webauthn.get", options, bent)
        data = self._data(0, bent)
        signer = bent.get("key", self.key)
        signature = signer.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(bent.get("signature", signature)),
        }
        handle = bent.get("handle", self.handle)
        if handle is not None:
            response["userHandle"] = b64(handle)
        return json.dumps({"id": b64(bent.get("id", self.credential_id)), "type": "public-key", "response": response})

    def _data(self, more: int, bent: dict[str, Any]) -> bytes:
        flags = bent.get("flags", UP | UV | (BE | BS if self.synced else 0))
        count = bent.get("count", self.count)
        rp_id = bent.get("rp_id", self.rp_id)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags | more]) + int(count).to_bytes(4, "big")

    def _client_data(self, kind: str, options: dict[str, Any], bent: dict[str, Any]) -> bytes:
        data = {
            "type": bent.get("type", kind),
            "challenge": bent.get("challenge", options["challenge"]),
            "origin": bent.get("origin", self.origin),
            "crossOrigin": bent.get("cross_origin", False),
        }
        if "top_origin" in bent:
            data["topOrigin"] = bent["top_origin"]
        return json.dumps(data).encode()
