"""A new PORTAL_SECRET_KEY: behind the old one, in front of it, alone."""

import re
from pathlib import Path

import pytest

from portal.cli import keys
from portal.crypto.sealing import CannotOpen, Sealer
from portal.db.engine import Database
from portal.mail.message import Mail, open_mail, seal_mail
from portal.methods.totp.sealed import open_secret, seal_secret
from portal.oidc.signing_keys import SigningKeys
from tests.cli.conftest import SECRET_KEY, Portal
from tests.support.database import TestDatabase, fetch, run_now

ROOT = Path(__file__).parents[2]
NEW_KEY = "tests-only-" + "n" * 40
MAILS = 5


async def keep_secrets(url: str, keys: tuple[bytes, ...]) -> None:
    """A signing key, an authenticator app of somebody at another tenant, mails that wait, and what is not ours."""
    sealer, database = Sealer(keys), Database(url, pool_size=1)
    await SigningKeys(database, sealer).current("default")
    user_id = await database.fetchval("select authn.create_user('bo@example.com', null, 'acme')")
    secret = seal_secret(sealer, b"shared secret")
    await database.fetchval("select authn.add_mfa($1, 'totp', $2, null, 'acme')", user_id, secret)
    await database.fetchval("select authn.add_mfa($1, 'webauthn', 'a public key', null, 'acme')", user_id)
    await database.close()


def secrets_of(database: TestDatabase) -> dict[str, list[str]]:
    def column(query: str) -> list[str]:
        return [row["value"] for row in fetch(database.superuser_url, query)]

    return {
        "signing key": column("select sealed_private_key as value from authn.signing_keys"),
        "totp": column("select secret as value from authn.mfa_secrets where mfa_type = 'totp'"),
        "mail": column("select payload as value from authn.outbox where payload <> '' order by id"),
        "foreign": column("select secret as value from authn.mfa_secrets where mfa_type = 'webauthn'"),
    }


@pytest.fixture
def kept(portal: Portal, database: TestDatabase) -> Portal:
    old = Sealer((SECRET_KEY.encode(),))
    run_now(lambda: keep_secrets(database.app_url, (SECRET_KEY.encode(),)))
    for number in range(MAILS):
        mail = Mail("bo@example.com", f"Mail {number}", "text", "<p></p>", "Portal", "en", str(number))
        insert = (
            "insert into authn.outbox (namespace, kind, payload) values ('default', 'mail', $1), ('acme', 'mail', '')"
        )
        fetch(database.superuser_url, insert, seal_mail(old, mail))
    return portal


def test_every_secret_is_sealed_anew_and_the_old_key_can_go(
    kept: Portal, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "BATCH", 2)
    before = secrets_of(database)
    done = kept.run("keys", "rotate-sealing", "--json", PORTAL_SECRET_KEY=f"{NEW_KEY},{SECRET_KEY}")
    assert done.status == 0, done.err
    assert done.json == {"resealed": MAILS + 2}
    after, alone, old = secrets_of(database), Sealer((NEW_KEY.encode(),)), Sealer((SECRET_KEY.encode(),))
    assert after["foreign"] == before["foreign"]
    assert open_secret(alone, after["totp"][0]) == b"shared secret"
    assert [open_mail(alone, sealed).subject for sealed in after["mail"]] == [f"Mail {n}" for n in range(MAILS)]
    with pytest.raises(CannotOpen):
        old.open(after["signing key"][0], "signing-key")
    assert kept.run("keys", "rotate-sealing", "--json", PORTAL_SECRET_KEY=NEW_KEY).json == {"resealed": 0}
    doctor = kept.run("doctor", "--json", PORTAL_SECRET_KEY=NEW_KEY).json["checks"]
    assert all(check["ok"] for check in doctor if check["name"] in ("keys", "sealing")), doctor


def test_what_no_key_opens_is_left_as_it_is_and_said(kept: Portal, database: TestDatabase) -> None:
    before = secrets_of(database)
    done = kept.run("keys", "rotate-sealing", PORTAL_SECRET_KEY=NEW_KEY)
    assert done.status == 1
    assert f"{MAILS + 2} open with no key" in done.err
    assert secrets_of(database) == before
    doctor = {check["name"]: check for check in kept.run("doctor", "--json", PORTAL_SECRET_KEY=NEW_KEY).json["checks"]}
    assert not doctor["keys"]["ok"]
    assert not doctor["sealing"]["ok"]
    assert "Put the old key back" in doctor["sealing"]["advice"]


def test_doctor_says_what_an_older_key_still_seals(kept: Portal) -> None:
    checks = kept.run("doctor", "--json", PORTAL_SECRET_KEY=f"{NEW_KEY},{SECRET_KEY}").json["checks"]
    [sealing] = [check for check in checks if check["name"] == "sealing"]
    assert sealing["ok"]
    assert f"{MAILS + 2} values" in sealing["says"]
    assert "portal keys rotate-sealing" in sealing["says"]


def test_a_value_that_changed_meanwhile_is_not_overwritten(kept: Portal, database: TestDatabase) -> None:
    [sealed] = secrets_of(database)["totp"]
    [row] = fetch(database.superuser_url, "select id::text from authn.mfa_secrets where mfa_type = 'totp'")
    exchange = "select authn.replace_sealed('mfa_secrets', $1, $2, 'v1.new', 'acme') as done"
    assert not fetch(database.app_url, exchange, row["id"], "v1.another")[0]["done"]
    assert secrets_of(database)["totp"] == [sealed]
    assert fetch(database.app_url, exchange, row["id"], sealed)[0]["done"]


def test_every_purpose_that_something_is_sealed_for_is_known_to_the_command() -> None:
    found = set()
    for path in (ROOT / "portal").rglob("*.py"):
        found |= set(re.findall(r'^SEAL(?:ED_FOR|ING_PURPOSE) = "(.+?)"', path.read_text(), re.MULTILINE))
    assert found == set(keys.PURPOSES)
