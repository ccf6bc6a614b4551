"""`portal keys list` and `portal keys rotate` from outside."""

import json

import pytest

from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.oidc.signing_keys import SigningKeys
from tests.cli.conftest import SECRET_KEY, Portal
from tests.support.database import TestDatabase, fetch, run_now


@pytest.fixture
def signing(portal: Portal, database: TestDatabase) -> Portal:
    """A portal whose default namespace signs by ES256, as after the first token of an app that likes it."""

    async def make_first() -> None:
        pool = Database(database.app_url, pool_size=1)
        await SigningKeys(pool, Sealer((SECRET_KEY.encode(),))).published("default", "ES256")
        await pool.close()

    run_now(make_first)
    return portal


def test_before_the_first_start_there_are_no_keys(portal: Portal) -> None:
    assert portal.run("keys", "list").out.startswith("There are no keys yet.")
    assert portal.run("keys", "list", "--json").json == {"keys": []}
    refused = portal.run("keys", "rotate")
    assert (refused.status, refused.err) == (
        1, "There is no RS256 key to follow, or a new one waits already. See `portal keys list`.\n",
    )  # fmt: skip


def test_a_new_key_is_published_and_waits(signing: Portal, database: TestDatabase) -> None:
    [first] = signing.run("keys", "list", "--json").json["keys"]
    assert (first["algorithm"], first["state"]) == ("ES256", "signing")
    rotated = signing.run("keys", "rotate", "--alg", "ES256", "--json")
    assert rotated.status == 0, rotated.err
    listed = {key["kid"]: key for key in signing.run("keys", "list", "--json").json["keys"]}
    assert {kid: key["state"] for kid, key in listed.items()} == {first["kid"]: "signing", rotated.json["kid"]: "next"}
    assert listed[rotated.json["kid"]]["signs_from"]
    shown = signing.run("keys", "list").out
    assert f"{first['kid']}  ES256  signing\n" in shown
    assert f"{rotated.json['kid']}  ES256  next, from " in shown
    [event] = fetch(database.superuser_url, "select * from authn.audit_events where event_type = 'signing_key_rotated'")
    assert event["actor_id"] == "command line"


def test_of_two_rotations_the_second_changes_nothing(signing: Portal) -> None:
    assert "It signs in 6 minutes; the old one stays published." in signing.run("keys", "rotate", "--alg", "ES256").out
    before = signing.run("keys", "list").out
    again = signing.run("keys", "rotate", "--alg", "ES256", "--json")
    assert again.status == 1
    assert "a new one waits already" in again.json["error"]
    assert signing.run("keys", "list").out == before


def test_keys_are_those_of_one_namespace(signing: Portal) -> None:
    signing.run("namespaces", "create", "acme")
    assert signing.run("keys", "list", "--namespace", "acme", "--json").json == {"keys": []}
    assert signing.run("keys", "rotate", "--alg", "ES256", "--namespace", "acme").status == 1
    assert len(signing.run("keys", "list", "--json").json["keys"]) == 1


def test_no_private_part_is_shown(signing: Portal, database: TestDatabase) -> None:
    [row] = fetch(database.superuser_url, "select sealed_private_key, public_jwk from authn.signing_keys")
    public = row["public_jwk"] if isinstance(row["public_jwk"], dict) else json.loads(row["public_jwk"])
    for shown in (signing.run("keys", "list").out, signing.run("keys", "list", "--json").out):
        assert public["kid"] in shown
        assert row["sealed_private_key"] not in shown
        assert '"d"' not in shown
