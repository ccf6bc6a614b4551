"""Whether a public key can verify anything, and anything but its owner's signatures. RFC 9053 section 7, RFC 8230.

An authenticator that answers honestly makes no other key. But a key that nobody can use would lock its owner out of an
account that has nothing else, and a key of small order lets everybody sign.
"""

from typing import Any

# A public exponent beyond this makes every verification slow; 65537 is what authenticators use.
RSA_BITS, RSA_EXPONENT_BITS = range(2048, 8193), 33
# Curve25519 (RFC 8032 section 5.1): the field, and the y of the eight points whose order divides eight.
FIELD = 2**255 - 19
CURVE_D = -121665 * pow(121666, -1, FIELD) % FIELD
ORDER_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = {0, 1, FIELD - 1, ORDER_EIGHT, FIELD - ORDER_EIGHT}


def is_usable(public_key: bytes) -> bool:
    """Return whether a COSE key of a kind that we ask for is a point on its curve, or an RSA key of fair size.

    Raises:
        ValueError, LookupError, TypeError: for what is no key at all.
    """
    from webauthn.helpers import parse_cbor

    key = parse_cbor(public_key)
    if key[1] == 2:
        return _on_p256(key[-2], key[-3])
    return _on_ed25519(key[-2]) if key[1] == 1 else _is_fair_rsa(key[-1], key[-2])


def _on_p256(x: Any, y: Any) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec

    if len(x) != 32 or len(y) != 32:
        return False
    try:
        ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()).public_key()
    except ValueError:
        return False
    return True


def _on_ed25519(encoded: Any) -> bool:
    # The library takes any 32 bytes, and finds out at each verification.
    if len(encoded) != 32:
        return False
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= FIELD or y in SMALL_ORDER:
        return False
    x_squared = (y * y - 1) * pow(CURVE_D * y * y + 1, -1, FIELD) % FIELD
    return pow(x_squared, (FIELD - 1) // 2, FIELD) == 1


def _is_fair_rsa(modulus: Any, exponent: Any) -> bool:
    n, e = int.from_bytes(modulus), int.from_bytes(exponent)
    return n.bit_length() in RSA_BITS and n % 2 == 1 and e % 2 == 1 and e >= 3 and e.bit_length() <= RSA_EXPONENT_BITS
