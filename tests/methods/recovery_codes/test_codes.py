"""Recovery codes: what they are made of, how they are read, and that one hash checks one."""

import json

import pytest

from portal.crypto.hashing import PASSWORDS
from portal.methods.recovery_codes import codes


async def test_a_code_is_found_by_its_number_and_only_there() -> None:
    made = codes.new_codes()
    hashes = await codes.hash_codes(made)
    assert [code[0] for code in made] == list("0123456789")
    assert await codes.number_of(codes.read_code(made[3]) or "", hashes) == 4
    moved = codes.read_code("4" + made[3][1:]) or ""
    assert await codes.number_of(moved, hashes) is None, "the number is part of what is hashed"
    other = codes.read_code(codes.new_codes()[3]) or ""
    assert await codes.number_of(other, hashes) is None


async def test_the_database_keeps_no_code() -> None:
    made = codes.new_codes()
    hashes = json.loads(await codes.hash_codes(made))
    assert len(hashes) == codes.COUNT
    assert len(set(hashes)) == codes.COUNT
    assert all(stored.startswith("$argon2id$") for stored in hashes)
    assert not any(code[2:7] in stored for code, stored in zip(made, hashes, strict=True) if len(code[2:7]) > 5)


async def test_a_try_costs_one_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    made = codes.new_codes()
    hashes = await codes.hash_codes(made)
    verified: list[str | None] = []
    verify = PASSWORDS.verify

    async def counted(stored: str | None, password: str) -> bool:
        verified.append(stored)
        return await verify(stored, password)

    monkeypatch.setattr(type(PASSWORDS), "verify", lambda _self, stored, password: counted(stored, password))
    assert await codes.number_of(codes.read_code(made[9]) or "", hashes) == 10
    assert await codes.number_of("0" + "z" * 15, "[]") is None
    assert len(verified) == 2


def test_people_may_write_it_as_they_like() -> None:
    assert codes.read_code(" 3-K7MPQ 2XW9R-8tnva ") == "3k7mpq2xw9r8tnva"
    assert codes.read_code("3-oil00-00000-00000") == "3011" + "0" * 12
    for wrong in ("", "3", "a-k7mpq-2xw9r-8tnva", "3-k7mpq-2xw9r", "3-k7mpq-2xw9r-8tnvaa", "3-k7mpq-2xw9r-8tnvu"):
        assert codes.read_code(wrong) is None


@pytest.mark.parametrize("stored", ["", "{}", "null", "[1]", "no json"])
async def test_a_set_that_another_program_enrolled_matches_nothing(stored: str) -> None:
    assert await codes.number_of("0" + "k" * 15, stored) is None
