"""The text of API keys: portal/crypto/api_keys.py."""

import re

import pytest

from portal.crypto.api_keys import api_key_digest, new_api_key
from portal.crypto.tokens import token_digest


def test_a_key_is_recognised_by_its_prefix_and_length() -> None:
    for _ in range(100):
        assert re.fullmatch(r"portal_[0-9A-Za-z]{49}", new_api_key().raw)


def test_the_digest_of_a_key_is_what_was_stored_for_it() -> None:
    key = new_api_key()
    assert api_key_digest(key.raw) == key.digest == token_digest(key.raw)


def test_no_two_keys_are_alike_and_every_character_varies() -> None:
    keys = [new_api_key().raw for _ in range(2000)]
    assert len(set(keys)) == 2000
    secret = list(zip(*keys, strict=True))[len("portal_") : -6]
    assert all(len(set(column)) > 50 for column in secret)


def test_every_single_typing_error_is_noticed_without_the_database() -> None:
    raw = new_api_key().raw
    for position in range(len(raw)):
        wrong = "a" if raw[position] != "a" else "b"
        assert api_key_digest(raw[:position] + wrong + raw[position + 1 :]) is None
        assert api_key_digest(raw[:position] + raw[position + 1 :]) is None


@pytest.mark.adversarial("B9")
@pytest.mark.parametrize(
    "change", [str.upper, str.lower, lambda key: key + "A", lambda key: key[:-1], lambda key: f" {key}"]
)
def test_a_key_of_another_case_or_length_is_none_of_ours(change: object) -> None:
    assert callable(change)
    assert api_key_digest(change(new_api_key().raw)) is None


@pytest.mark.parametrize(
    "text", ["", "portal_", "portal", "x" * 56, "portal_" + "ä" * 49, "portal_\ud800" + "a" * 48, "\x00"]
)
def test_anything_else_is_no_key_and_no_fault(text: str) -> None:
    assert api_key_digest(text) is None
