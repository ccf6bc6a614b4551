"""Tokens that are not ours in every way that has worked somewhere: adversarial families J1, J2, J3, J6."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def forgeries(token: str, own_key: RSAKey) -> dict[str, str]:
    """Return forged variants of a real token by name; `own_key` is the real key, for what only we could sign."""
    header, payload, signature = token.split(".")
    read_header, claims = decode(header), decode(payload)
    stranger = RSAKey.generate_key(2048)
    elliptic = ECKey.generate_key("P-256")
    kid = read_header["kid"]

    def with_header(**changes: Any) -> str:
        return f"{encode({**read_header, **changes})}.{payload}.{signature}"

    def signed(key: Any, algorithm: str, header_changes: dict[str, Any], **changes: Any) -> str:
        head = {"alg": algorithm, "kid": kid, "typ": "JWT", **header_changes}
        body = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(head, body, key, [algorithm])

    public_pem = own_key.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public_der = own_key.public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public_jwk = json.dumps(own_key.as_dict(private=False)).encode()

    def hs256(secret: bytes) -> str:
        signed_part = f"{encode({**read_header, 'alg': 'HS256'})}.{payload}"
        return f"{signed_part}.{encode(hmac.new(secret, signed_part.encode(), hashlib.sha256).digest())}"

    return {
        "alg none": f"{encode({**read_header, 'alg': 'none'})}.{payload}.",
        "alg nOnE": f"{encode({**read_header, 'alg': 'nOnE'})}.{payload}.",
        "alg empty": with_header(alg=""),
        "alg missing": f"{encode({'kid': kid, 'typ': 'JWT'})}.{payload}.{signature}",
        "no signature": f"{header}.{payload}.",
        "other signature": f"{header}.{payload}.{encode(b'0' * 384)}",
        "HS256 with the public key as PEM": hs256(public_pem),
        "HS256 with the public key as DER": hs256(public_der),
        "HS256 with the public key as JWK": hs256(public_jwk),
        "HS256 with an empty secret": hs256(b""),
        "RS256 named PS256": with_header(alg="PS256"),
        "PS256 by our own key": signed(own_key, "PS256", {}),
        "RS512 by our own key": signed(own_key, "RS512", {}),
        "ES256 with a zero signature": f"{encode({**read_header, 'alg': 'ES256'})}.{payload}.{encode(b'0' * 64)}",
        "ES256 by a stranger": signed(elliptic, "ES256", {}),
        "another key under our kid": signed(stranger, "RS256", {}),
        "own key in the header": signed(stranger, "RS256", {"jwk": stranger.as_dict(private=False)}),
        "own key by address": signed(stranger, "RS256", {"jku": "http://localhost:8000/oauth2/jwks"}),
        "kid as a path": signed(stranger, "RS256", {"kid": "../../dev/null"}),
        "kid as SQL": signed(stranger, "RS256", {"kid": "' UNION SELECT 1 --"}),
        "kid missing": f"{encode({'alg': 'RS256', 'typ': 'JWT'})}.{payload}.{signature}",
        "kid a number": with_header(kid=1),
        "kid a list": with_header(kid=[kid]),
        "crit unknown": with_header(crit=["x"], x=1),
        "b64 false": with_header(b64=False, crit=["b64"]),
        "typ at+jwt": signed(own_key, "RS256", {"typ": "at+jwt"}),
        "typ logout+jwt": signed(own_key, "RS256", {"typ": "logout+jwt"}),
        "issuer with a slash": signed(own_key, "RS256", {}, iss=claims["iss"] + "/"),
        "issuer missing": signed(own_key, "RS256", {}, iss=None),
        "subject missing": signed(own_key, "RS256", {}, sub=None),
        "subject a number": signed(own_key, "RS256", {}, sub=1),
        "not an ID token": signed(own_key, "RS256", {}, at_hash=None),
        "payload changed": f"{header}.{encode({**claims, 'sub': 'somebody-else'})}.{signature}",
        "payload not an object": f"{header}.{encode([1])}.{signature}",
        "symmetric": jwt.encode({"alg": "HS256", "kid": kid}, claims, OctKey.generate_key(256), ["HS256"]),
        "encrypted form": "a.b.c.d.e",
        "dots": "." * 10_000,
        "huge": f"{header}.{'A' * 1_000_000}.{signature}",
        "nothing": "",
        "two parts": f"{header}.{payload}",
        "not base64": f"{header}.***.{signature}",
        "not text": "ß.ß.ß",
    }
