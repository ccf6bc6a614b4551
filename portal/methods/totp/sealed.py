"""The shared secret at rest: sealed, because it must be read again for every code."""

from portal.crypto.sealing import CannotOpen, Sealer

SEALED_FOR = "totp secret"


def seal_secret(sealer: Sealer, secret: bytes) -> str:
    """Return the form in which the database keeps it."""
    return sealer.seal(secret, SEALED_FOR)


def open_secret(sealer: Sealer, sealed: str) -> bytes | None:
    """Return the secret; None for one that another program enrolled or whose key is gone: its codes match nothing."""
    try:
        return sealer.open(sealed, SEALED_FOR)
    except CannotOpen:
        return None
