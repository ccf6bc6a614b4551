"""Reading OAuth parameters: each once, none empty, nothing guessed."""

import pytest

from portal.oidc.parameters import PARAMETERS_MAX_BYTES, Malformed, is_form, read_parameters


def test_parameters_are_decoded_once() -> None:
    assert read_parameters(b"state=a%2Bb+c%2520&scope=openid%20email") == {"state": "a+b c%20", "scope": "openid email"}


def test_a_parameter_without_a_value_was_not_sent() -> None:
    assert read_parameters(b"a=&b&c=1&&=") == {"c": "1"}


@pytest.mark.adversarial("A2")
@pytest.mark.parametrize("encoded", [b"a=1&a=2", b"a=1&a=1", b"a=&a=1", b"a=1&%61=2", b"a&a"])
def test_a_parameter_that_comes_twice_is_refused(encoded: bytes) -> None:
    assert isinstance(read_parameters(encoded), Malformed)
    first, _, second = encoded.partition(b"&")
    assert isinstance(read_parameters(first, second), Malformed)


@pytest.mark.adversarial("U3")
@pytest.mark.parametrize("encoded", [b"a=%00", b"%00=a", b"a=%ff", b"a=\xff", b"a=%c0%af", b"a=%ed%a0%80"])
def test_what_is_no_text_is_refused(encoded: bytes) -> None:
    assert isinstance(read_parameters(encoded), Malformed)


@pytest.mark.adversarial("U2")
def test_too_much_is_refused() -> None:
    assert isinstance(read_parameters(b"a=" + b"x" * PARAMETERS_MAX_BYTES), Malformed)
    assert isinstance(read_parameters(b"&".join(b"p%d=1" % n for n in range(100))), Malformed)


def test_several_resources_may_be_named() -> None:
    assert not isinstance(read_parameters(b"resource=a&resource=b"), Malformed)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/x-www-form-urlencoded", True),
        ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", True),
        ("text/plain", False),
        ("multipart/form-data; boundary=x", False),
        ("", False),
        (None, False),
    ],
)
def test_a_form_is_a_form_by_its_content_type(content_type: str | None, expected: bool) -> None:
    assert is_form(content_type) is expected
