"""A passkey whose key verifies nothing, or everybody, is refused when it is registered (K1)."""

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from portal.methods.passkey.public_keys import FIELD, ORDER_EIGHT, is_usable
from tests.methods.passkey.test_passkeys import add_passkey, ask
from tests.support.authenticator import Authenticator
from tests.support.events import passkeys_refused
from tests.support.person import Person, an_email
from tests.support.server import PortalServer


def p256(x: bytes, y: bytes) -> dict[int, Any]:
    return {1: 2, 3: -7, -1: 1, -2: x, -3: y}


def ed25519_key(encoded: bytes) -> dict[int, Any]:
    return {1: 1, 3: -8, -1: 6, -2: encoded}


def rsa_key(bits: int, *, exponent: int = 65537, even: bool = False) -> dict[int, Any]:
    modulus = (1 << (bits - 1)) + (0 if even else 1)
    return {1: 3, 3: -257, -1: modulus.to_bytes(bits // 8, "big"), -2: exponent.to_bytes(8, "big")}


def little(number: int) -> bytes:
    return number.to_bytes(32, "little")


HONEST = Authenticator("http://localhost").cose_key
UNUSABLE = {
    "a point of zeros": p256(bytes(32), bytes(32)),
    "a point beside the curve": p256(HONEST[-2], HONEST[-2]),
    "a coordinate cut short": p256(HONEST[-2][:31], HONEST[-3]),
    "an Edwards point of zeros": ed25519_key(bytes(32)),
    "the neutral Edwards point": ed25519_key(little(1)),
    "an Edwards point of order two": ed25519_key(little(FIELD - 1)),
    "an Edwards point of order eight": ed25519_key(little(ORDER_EIGHT)),
    "the other Edwards points of order eight": ed25519_key(little(FIELD - ORDER_EIGHT | 1 << 255)),
    "an Edwards point written beyond the field": ed25519_key(little(FIELD + 1)),
    "an Edwards point beside the curve": ed25519_key(little(2)),
    "an Edwards point cut short": ed25519_key(b"x" * 31),
    "a short RSA key": rsa_key(1024),
    "an endless RSA key": rsa_key(16384),
    "an RSA key whose modulus is even": rsa_key(2048, even=True),
    "an RSA key that leaves every message as it is": rsa_key(2048, exponent=1),
    "an RSA key with an endless exponent": rsa_key(2048, exponent=(1 << 60) + 1),
}


@pytest.mark.parametrize("cose", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_k1_a_key_that_verifies_nothing_is_none(cose: dict[int, Any]) -> None:
    assert not is_usable(cbor2.dumps(cose))


def test_honest_keys_of_every_kind_are_usable() -> None:
    rsa_numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    assert is_usable(cbor2.dumps({1: 3, 3: -257, -1: rsa_numbers.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}))
    for _turn in range(20):
        assert is_usable(cbor2.dumps(Authenticator("http://localhost").cose_key))
        encoded = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        assert is_usable(cbor2.dumps(ed25519_key(encoded)))


@pytest.mark.parametrize("name", ["a point of zeros", "an Edwards point of zeros", "a short RSA key"])
def test_k1_such_a_key_is_not_registered(zoe: Person, name: str, portal_server: PortalServer) -> None:
    zoe.sign_up(an_email("chen"))
    begun = ask(zoe, "/account/passkeys/options")
    credential = Authenticator(zoe.origin).register(begun["publicKey"], cose=UNUSABLE[name])
    zoe.post("/account/passkeys", {"ceremony": begun["ceremony"], "credential": credential})
    assert zoe.response.status_code == 422
    assert passkeys_refused(zoe) == ["key that verifies nothing"]
    assert "None yet" in zoe.open("/account/security").page.text
    add_passkey(zoe)


def test_k1_a_key_without_its_coordinates_is_refused(somebody: Callable[[], Person]) -> None:
    person = somebody()
    person.sign_up(an_email("chen"))
    begun = ask(person, "/account/passkeys/options")
    credential = Authenticator(person.origin).register(begun["publicKey"], cose={1: 2, 3: -7, -1: 1, -2: 5, -3: 7})
    person.post("/account/passkeys", {"ceremony": begun["ceremony"], "credential": credential})
    assert person.response.status_code == 422
    assert len(passkeys_refused(person)) == 1
    add_passkey(person)
