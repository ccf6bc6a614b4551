"""RFC 6238's own examples, the drift that is allowed, and what the QR code says."""

from urllib.parse import parse_qs, urlsplit

import pytest

from portal.crypto.sealing import Sealer
from portal.methods.totp.codes import code_at, key_uri, new_secret, step_of, text_key
from portal.methods.totp.picture import qr_picture
from portal.methods.totp.sealed import open_secret, seal_secret

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),  # RFC 6238, appendix B, SHA-1; ours are the last six
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_examples_of_the_rfc(seconds: int, eight_digits: str) -> None:
    assert code_at(SECRET, seconds // 30) == eight_digits[-6:]
    assert step_of(SECRET, eight_digits[-6:], seconds) == seconds // 30


@pytest.mark.parametrize(("late", "found"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_of_drift_is_allowed_and_no_more(late: int, found: bool) -> None:
    secret, now = new_secret(), 1_800_000_000
    assert (step_of(secret, code_at(secret, now // 30 + late), now) is not None) == found


def test_every_secret_is_new_and_as_long_as_the_hash() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {20}


def test_the_uri_names_account_and_issuer_and_no_colon_moves_the_border() -> None:
    uri = urlsplit(key_uri(SECRET, "bo:x@example.com", "Acme: Staff & Co"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert uri.path.count(":") == 1
    assert uri.path == "/Acme%20%20Staff%20%26%20Co:bo%20x@example.com"
    assert parse_qs(uri.query) == {"secret": [text_key(SECRET)], "issuer": ["Acme: Staff & Co"]}
    assert "=" not in text_key(SECRET)


def test_the_picture_holds_no_text_and_no_style() -> None:
    picture = qr_picture(key_uri(SECRET, "<script>@example.com", "Acme"))
    assert picture.startswith("<svg ")
    assert text_key(SECRET) not in picture
    assert "script" not in picture
    assert "style=" not in picture


def test_a_secret_is_sealed_and_opens_for_nothing_else() -> None:
    sealer = Sealer((b"k" * 40,))
    sealed = seal_secret(sealer, SECRET)
    assert SECRET.decode() not in sealed
    assert open_secret(sealer, sealed) == SECRET
    assert open_secret(Sealer((b"x" * 40,)), sealed) is None
    assert open_secret(sealer, sealer.seal(SECRET, "something else")) is None
    assert open_secret(sealer, "a secret that another program enrolled") is None
