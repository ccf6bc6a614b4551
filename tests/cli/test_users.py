"""`portal users` from outside."""

import time

import pytest

from portal.crypto.sealing import Sealer
from portal.mail.message import open_mail
from portal.methods.totp.codes import STEP, code_at
from portal.methods.totp.sealed import seal_secret
from tests.cli.conftest import SECRET_KEY, Portal
from tests.support.breach_service import breach_service
from tests.support.database import TestDatabase, fetch

PASSWORD = "plain unusual words 77"


def test_an_account_is_made_with_a_password_and_a_verified_address(portal: Portal, database: TestDatabase) -> None:
    made = portal.run(
        "users", "create", "Bo@Example.com", "--password-stdin", "--verified", "--name", "Bo", "--json",
        stdin=f"{PASSWORD}\n",
    )  # fmt: skip
    assert made.status == 0, made.err
    assert made.json["email"] == "bo@example.com"
    [row] = fetch(database.superuser_url, "select * from authn.users")
    assert str(row["id"]) == made.json["user_id"]
    assert row["name"] == "Bo"
    assert row["email_verified_at"] is not None
    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in made.out + made.err


def test_an_account_without_options_has_no_password_and_an_unproven_address(
    portal: Portal, database: TestDatabase
) -> None:
    made = portal.run("users", "create", "bo@example.com")
    assert made.status == 0
    assert "bo@example.com" in made.out
    [row] = fetch(database.superuser_url, "select * from authn.users")
    assert row["password_hash"] is None
    assert row["email_verified_at"] is None


def test_what_was_done_is_in_the_audit_log_with_its_actor(portal: Portal, database: TestDatabase) -> None:
    portal.run("users", "create", "bo@example.com", "--verified")
    portal.run("users", "disable", "bo@example.com")
    events = fetch(database.superuser_url, "select event_type, actor_id from authn.audit_events order by id")
    assert [event["event_type"] for event in events] == ["user_created", "email_verified", "user_disabled"]
    assert {event["actor_id"] for event in events} == {"command line"}


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "sentence"),
    [
        (["create", "bo@example.com", "--password-stdin"], "password\n", 1, "lists that attackers try first"),
        (["create", "bo@example.com", "--password-stdin"], "short1\n", 1, "at least 8 characters"),
        (["create", "bo@example.com", "--password-stdin"], "", 1, "Enter a password"),
        (["create", "a@evil.example,v@victim.example"], "", 1, "is no mail address"),
        (["create", "bo@example.com", "--namespace", " "], "", 1, "Namespace"),
        (["create"], "", 2, "Missing argument"),
        (["set-password", "bo@example.com"], "", 2, "--password-stdin"),
        (["disable", "nobody@example.com"], "", 1, "There is no account"),
        (["delete", "nobody@example.com"], "", 1, "There is no account"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    portal: Portal, arguments: list[str], stdin: str, status: int, sentence: str
) -> None:
    refused = portal.run("users", *arguments, stdin=stdin)
    assert refused.status == status
    assert sentence in refused.err
    assert "Traceback" not in refused.err
    assert refused.out == ""


def test_in_json_mode_a_failure_is_an_object_on_stdout(portal: Portal) -> None:
    portal.run("users", "create", "bo@example.com")
    again = portal.run("users", "create", "bo@example.com", "--json")
    assert again.status == 1
    assert again.json == {"error": "There is an account with the address bo@example.com already."}


def test_setting_a_password_ends_the_sessions(portal: Portal, database: TestDatabase) -> None:
    made = portal.run("users", "create", "bo@example.com", "--json")
    fetch(database.app_url, "select authn.create_session($1, repeat('a', 64))", made.json["user_id"])
    changed = portal.run("users", "set-password", "bo@example.com", "--password-stdin", stdin=PASSWORD)
    assert changed.status == 0, changed.err
    assert "ended 1 sessions" in changed.out
    assert fetch(database.app_url, "select * from authn.validate_session(repeat('a', 64))") == []


def test_a_password_from_a_breach_is_refused_here_too(portal: Portal) -> None:
    portal.run("users", "create", "bo@example.com")
    with breach_service() as service:
        service.breached.add(PASSWORD)
        lookup = {"PORTAL_DEV": "1", "PORTAL_BREACH_LOOKUP": service.url}
        refused = portal.run("users", "set-password", "bo@example.com", "--password-stdin", stdin=PASSWORD, **lookup)
        assert refused.status == 1
        assert "stolen from another service" in refused.err
        taken = portal.run(
            "users", "set-password", "bo@example.com", "--password-stdin", stdin=f"{PASSWORD}s", **lookup
        )
        assert taken.status == 0, taken.err


def test_somebody_or_everybody_is_logged_out(portal: Portal, database: TestDatabase) -> None:
    for number, email in enumerate(("bo@example.com", "zoe@example.com")):
        made = portal.run("users", "create", email, "--json")
        for device in range(2):
            token = f"{number}{device}" * 32
            fetch(database.app_url, "select authn.create_session($1, $2)", made.json["user_id"], token)
    assert portal.run("users", "log-out", "bo@example.com").out == "Ended 2 sessions of bo@example.com.\n"
    assert fetch(database.app_url, "select * from authn.validate_session(repeat('00', 32))") == []
    assert fetch(database.app_url, "select * from authn.validate_session(repeat('11', 32))") != []
    done = portal.run("namespaces", "log-out", "default", "--json").json
    assert done == {"namespace": "default", "people": 1, "sessions": 2}
    assert fetch(database.app_url, "select * from authn.validate_session(repeat('11', 32))") == []
    assert portal.run("users", "log-out", "nobody@example.com").status == 1
    assert portal.run("namespaces", "log-out", "nobody").err == "There is no such namespace.\n"


def test_an_account_is_disabled_enabled_and_deleted(portal: Portal, database: TestDatabase) -> None:
    portal.run("users", "create", "bo@example.com")

    def disabled() -> bool:
        return fetch(database.superuser_url, "select disabled_at from authn.users")[0]["disabled_at"] is not None

    assert portal.run("users", "disable", "bo@example.com").status == 0
    assert disabled()
    assert portal.run("users", "disable", "BO@example.com").out == "bo@example.com was disabled already.\n"
    assert portal.run("users", "enable", "bo@example.com").status == 0
    assert not disabled()
    assert portal.run("users", "delete", "bo@example.com", "--json").json["email"] == "bo@example.com"
    assert fetch(database.superuser_url, "select 1 from authn.users") == []


@pytest.mark.adversarial("E3")
def test_an_account_is_found_in_whichever_alphabet_its_domain_is_written(portal: Portal) -> None:
    assert portal.run("users", "create", "V@Bücher.example", "--json").json["email"] == "v@xn--bcher-kva.example"
    assert "already" in portal.run("users", "create", "v@xn--bcher-kva.example").err
    assert portal.run("users", "disable", "v@bücher.example").status == 0
    assert portal.run("users", "enable", "V@XN--BCHER-KVA.example").status == 0
    assert portal.run("users", "unlock", "v@bücher．example").status == 0


def test_accounts_of_two_namespaces_are_apart(portal: Portal) -> None:
    assert portal.run("users", "create", "bo@example.com", "--namespace", "acme").status == 0
    assert portal.run("users", "create", "bo@example.com", "--namespace", "globex").status == 0
    assert portal.run("users", "delete", "bo@example.com").status == 1
    assert portal.run("users", "delete", "bo@example.com", "--namespace", "acme").status == 0


def test_a_lost_second_step_is_taken_off_and_leaves_an_event(portal: Portal, database: TestDatabase) -> None:
    portal.run("users", "create", "bo@example.com", "--verified")
    [user] = fetch(database.superuser_url, "select id from authn.users")
    for mfa_type in ("totp", "recovery_codes"):
        fetch(database.superuser_url, "select authn.add_mfa($1, $2, 'sealed')", user["id"], mfa_type)
    reset = portal.run("users", "reset-mfa", "bo@example.com", "--json")
    assert reset.json == {"removed": 2}
    assert fetch(database.superuser_url, "select id from authn.mfa_secrets") == []
    events = fetch(database.superuser_url, "select actor_id from authn.audit_events where event_type = 'mfa_reset'")
    assert [event["actor_id"] for event in events] == ["command line"]
    [mail] = fetch(database.superuser_url, "select payload from authn.outbox where kind = 'mail'")
    opened = open_mail(Sealer((SECRET_KEY.encode(),)), mail["payload"])
    assert opened.to == "bo@example.com"
    assert "took the second step off your account" in opened.text
    assert "/recover" in opened.text
    assert "None" not in opened.text + opened.html
    assert portal.run("users", "reset-mfa", "nobody@example.com").status == 1


def test_failed_tries_are_forgotten_for_an_owner_who_is_locked_out(portal: Portal, database: TestDatabase) -> None:
    portal.run("users", "create", "bo@example.com", "--verified")
    fetch(
        database.superuser_url,
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        "select 'default', address, false, '198.51.100.1'::inet + n from generate_series(1, 100) n, "
        "unnest(array['bo@example.com', 'zoe@example.com']) address returning 1",
    )
    locked = "select authn._login_locked_for($1, 'default') as seconds"
    assert fetch(database.superuser_url, locked, "bo@example.com")[0]["seconds"] > 0
    assert portal.run("users", "unlock", "bo@example.com", "--json").json == {"forgotten": 100}
    assert fetch(database.superuser_url, locked, "bo@example.com")[0]["seconds"] == 0
    assert fetch(database.superuser_url, locked, "zoe@example.com")[0]["seconds"] > 0
    [event] = fetch(database.superuser_url, "select * from authn.audit_events where event_type = 'login_unlocked'")
    assert event["actor_id"] == "command line"
    assert portal.run("users", "unlock", "nobody@example.com").status == 1


def test_the_code_of_an_app_is_printed_for_who_has_the_key(portal: Portal, database: TestDatabase) -> None:
    portal.run("users", "create", "bo@example.com", "--verified")
    assert portal.run("users", "totp", "bo@example.com").err == "bo@example.com has no authenticator app.\n"
    [user] = fetch(database.superuser_url, "select id from authn.users")
    sealed = seal_secret(Sealer((SECRET_KEY.encode(),)), b"12345678901234567890")
    fetch(database.superuser_url, "select authn.add_mfa($1, 'totp', $2)", user["id"], sealed)
    before = int(time.time()) // STEP
    shown = portal.run("users", "totp", "bo@example.com", "--json").json["code"]
    assert shown in {code_at(b"12345678901234567890", step) for step in (before, before + 1)}
    events = fetch(database.superuser_url, "select 1 from authn.audit_events where event_type = 'totp_code_shown'")
    assert len(events) >= 1
