"""Which texts are exactly one mail address: portal/mail/address.py."""

import time

import pytest

from portal.mail.address import address_problem, ascii_address


@pytest.mark.parametrize(
    "address",
    [
        "alice@example.com",
        "a@b.co",
        "first.last+tag@sub.example.com",
        "o'brien@example.com",
        "jörg@example.com",
        "用户@例子.广告",
        "user@localhost",
        "x" * 64 + "@example.com",
    ],
)
def test_an_ordinary_address_is_taken(address: str) -> None:
    assert address_problem(address) is None


@pytest.mark.adversarial("E1")
@pytest.mark.parametrize(
    "address",
    [
        "a@evil.example,v@victim.example",
        "a@evil.example;v@victim.example",
        "a@evil.example v@victim.example",
        "v@victim.example\r\nBcc: m@evil.example",
        "v@victim.example\n",
        "v@victim.example\x00",
        '"v@victim.example"@evil.example',
        "v@victim.example@evil.example",
        "<v@victim.example>m@evil.example",
        "Victim <v@victim.example>",
        "v@victim.example(comment)",
        "v@[127.0.0.1]",
        "v@victim.example:25",
        "v\u2028@victim.example",
        "v\u202e@victim.example",
        "v@victim\u3002example\u200b",
        ".v@victim.example",
        "v..w@victim.example",
        "v@victim..example",
        "v@victim.example.",
        "v@-victim.example",
        "v@vic_tim.example",
        "v@xn--\u00e4.example",
        "@victim.example",
        "v@",
        "v",
        "\ud800@victim.example",
    ],
)
def test_e1_what_could_be_read_as_two_addresses_or_none_is_refused(address: str) -> None:
    assert address_problem(address) == "not_one_address"
    with pytest.raises(ValueError, match="not exactly one"):
        ascii_address(address)


def test_an_empty_and_a_very_long_address_are_told_apart() -> None:
    assert address_problem("") == "empty"
    assert address_problem("a" * 250 + "@b.co") == "too_long"
    assert address_problem("ä" * 60 + "@" + "b" * 60 + "." + "ö" * 40 + ".example") == "too_long"


def test_a_domain_of_another_alphabet_is_sent_in_its_ascii_form() -> None:
    assert ascii_address("jörg@bücher.example") == "jörg@xn--bcher-kva.example"
    # IDNA 2003 would make this strasse.example, which is somebody else's domain.
    assert ascii_address("a@straße.example") == "a@xn--strae-oqa.example"


def test_a_hundred_kilobytes_are_refused_at_once() -> None:
    started = time.perf_counter()
    for hostile in ("a." * 50_000 + "@b.co", "a@" + "a-" * 50_000, "@" * 100_000, "a@" + "." * 100_000):
        assert address_problem(hostile) is not None
    assert time.perf_counter() - started < 10  # quadratic matching would take minutes; this is no benchmark
