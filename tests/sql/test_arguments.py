"""What each function says to arguments that cannot be meant: the SQLSTATEs that outside programs tell apart."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.sql.conftest import Sql

MISSING, EMPTY, TOO_LONG, MALFORMED, UNKNOWN_USER = "22004", "22026", "22001", "22023", "23503"
SOMEONE = uuid.UUID("00000000-0000-4000-8000-000000000001")
EMAIL = "alice@example.com"
PHONE = "+41791234567"

# One working call of each function, and what its arguments are. The namespace is added where `Ns` stands.
Ns = object()
CALLS: dict[str, tuple[tuple[str, Any], ...]] = {
    "create_user": (("email", EMAIL), ("optional hash", "a-hash"), ("namespace", Ns)),
    "get_user": (("id", SOMEONE), ("namespace", Ns)),
    "get_user_by_email": (("email", EMAIL), ("namespace", Ns)),
    "list_users": (("namespace", Ns), ("limit", 10), ("cursor", None)),
    "update_email": (("id", SOMEONE), ("email", EMAIL), ("namespace", Ns)),
    "disable_user": (("id", SOMEONE), ("namespace", Ns)),
    "enable_user": (("id", SOMEONE), ("namespace", Ns)),
    "delete_user": (("id", SOMEONE), ("namespace", Ns)),
    "get_credentials": (("email", EMAIL), ("namespace", Ns)),
    "update_password": (("id", SOMEONE), ("hash", "a-hash"), ("namespace", Ns)),
    "create_session": (
        ("new owner", SOMEONE), ("hash", "a-hash"), ("", None), ("", None), ("", None), ("namespace", Ns),
    ),
    "validate_session": (("hash", "a-hash"), ("namespace", Ns)),
    "extend_session": (("hash", "a-hash"), ("", None), ("namespace", Ns)),
    "revoke_session": (("hash", "a-hash"), ("namespace", Ns)),
    "revoke_session_by_id": (("id", SOMEONE), ("id", SOMEONE), ("namespace", Ns)),
    "revoke_other_sessions": (("id", SOMEONE), ("id", SOMEONE), ("namespace", Ns)),
    "revoke_all_sessions": (("id", SOMEONE), ("namespace", Ns)),
    "list_sessions": (("id", SOMEONE), ("namespace", Ns)),
    "create_token": (
        ("new owner", SOMEONE), ("hash", "a-hash"), ("token type", "magic_link"), ("", None), ("namespace", Ns),
    ),
    "consume_token": (("hash", "a-hash"), ("token type", "magic_link"), ("namespace", Ns)),
    "verify_email": (("hash", "a-hash"), ("namespace", Ns)),
    "invalidate_tokens": (("id", SOMEONE), ("token type", "magic_link"), ("namespace", Ns)),
    "add_mfa": (("new owner", SOMEONE), ("mfa type", "totp"), ("secret", "s"), ("label", "Phone"), ("namespace", Ns)),
    "get_mfa": (("id", SOMEONE), ("", "totp"), ("namespace", Ns)),
    "list_mfa": (("id", SOMEONE), ("namespace", Ns)),
    "has_mfa": (("id", SOMEONE), ("namespace", Ns)),
    "record_mfa_use": (("id", SOMEONE), ("namespace", Ns)),
    "remove_mfa": (("id", SOMEONE), ("namespace", Ns)),
    "create_api_key": (("new owner", SOMEONE), ("hash", "a-hash"), ("label", "CI"), ("", None), ("namespace", Ns)),
    "validate_api_key": (("hash", "a-hash"), ("namespace", Ns)),
    "list_api_keys": (("id", SOMEONE), ("namespace", Ns)),
    "revoke_api_key": (("id", SOMEONE), ("namespace", Ns)),
    "revoke_all_api_keys": (("id", SOMEONE), ("namespace", Ns)),
    "record_login_attempt": (("email", EMAIL), ("flag", False), ("", None), ("namespace", Ns)),
    "is_locked_out": (("email", EMAIL), ("namespace", Ns), ("", None), ("max attempts", 5)),
    "get_recent_attempts": (("email", EMAIL), ("namespace", Ns), ("limit", 10)),
    "clear_attempts": (("email", EMAIL), ("namespace", Ns)),
    "cleanup_expired": (("namespace", Ns), ("batch", 10)),
    "get_stats": (("namespace", Ns),),
    "resume_session": (("hash", "a-hash"), ("namespace", Ns)),
    "use_recovery_code": (("id", SOMEONE), ("code number", 1), ("namespace", Ns)),
    "find_verified_identity": (("identity kind", "email"), ("email", EMAIL), ("namespace", Ns)),
    "list_identities": (("id", SOMEONE), ("namespace", Ns)),
    "add_identity": (("new owner", SOMEONE), ("identity kind", "phone"), ("phone", PHONE), ("namespace", Ns)),
    "verify_identity": (("id", SOMEONE), ("id", SOMEONE), ("namespace", Ns)),
    "remove_identity": (("id", SOMEONE), ("id", SOMEONE), ("namespace", Ns)),
    "is_email_taken": (("email", EMAIL), ("namespace", Ns)),
    "create_user_with_phone": (("phone", PHONE), ("namespace", Ns)),
    "find_or_create_email_identity": (("email", EMAIL), ("namespace", Ns)),
    "find_or_create_phone_identity": (("phone", PHONE), ("namespace", Ns)),
    "get_profile": (("id", SOMEONE), ("namespace", Ns)),
    "update_profile": (("id", SOMEONE), ("changes", "{}"), ("namespace", Ns)),
    "get_user_by_username": (("username", "alice"), ("namespace", Ns)),
    "link_federated_identity": (
        ("new owner", SOMEONE), ("hash", "google"), ("hash", "https://issuer.example"), ("hash", "subject"),
        ("optional email", EMAIL), ("namespace", Ns),
    ),
    "use_federated_identity": (
        ("hash", "https://issuer.example"), ("hash", "subject"), ("optional email", EMAIL), ("namespace", Ns),
    ),
    "list_federated_identities": (("id", SOMEONE), ("namespace", Ns)),
    "unlink_federated_identity": (("id", SOMEONE), ("id", SOMEONE), ("namespace", Ns)),
}  # fmt: skip

BAD_EMAILS = [
    (None, MISSING), ("", EMPTY), ("   ", EMPTY), ("no-at-sign", MALFORMED), ("@example.com", MALFORMED),
    ("alice@", MALFORMED), ("has space@example.com", MALFORMED), ("tab\there@example.com", MALFORMED),
    ("a@b\r\nBcc: m@evil.example", MALFORMED), ("a\u00a0b@example.com", MALFORMED), ("a\u0085b@example.com", MALFORMED),
    ("victim@example.com@evil.example", MALFORMED), ("del\x7f@example.com", MALFORMED),
    ("a" * 1013 + "@example.com", TOO_LONG), ("\u00e9" * 507 + "@example.com", TOO_LONG),
]  # fmt: skip
BAD_HASHES = [
    (None, MISSING), ("", EMPTY), ("   ", EMPTY), ("x" * 1025, TOO_LONG), ("a\nb", MALFORMED), ("a\x7fb", MALFORMED),
    ("a\u0085b", MALFORMED),
]  # fmt: skip
BAD_NAMESPACES = [
    (None, MISSING), ("", EMPTY), ("   ", EMPTY), (" acme", MALFORMED), ("acme ", MALFORMED), ("a\tb", MALFORMED),
    ("acme\n", MALFORMED), ("\u2003acme", MALFORMED), ("acme\u00a0", MALFORMED), ("a\u009fb", MALFORMED),
    ("n" * 1025, TOO_LONG),
]  # fmt: skip
BAD_PHONES = [
    (None, MISSING), ("", EMPTY), ("   ", EMPTY), ("079 123 45 67", MALFORMED), ("+41 79 123 45 67", MALFORMED),
    ("+0791234567", MALFORMED), ("+123456", MALFORMED), ("+1234567890123456", MALFORMED), ("+4179123456a", MALFORMED),
    ("+41791234567\n+41797654321", MALFORMED), ("+" + "1" * 1024, TOO_LONG),
]  # fmt: skip
BAD_CHANGES = [
    (None, MISSING), ("[]", MALFORMED), ("null", MALFORMED), ('{"nickname": "Al"}', MALFORMED),
    ('{"email_verified_at": "2026-01-01"}', MALFORMED), ('{"name": 1}', MALFORMED), ('{"name": ["Al"]}', MALFORMED),
    ('{"name": ""}', EMPTY), ('{"name": "a\\nb"}', MALFORMED), ('{"name": "%s"}' % ("n" * 1025), TOO_LONG),
    ('{"username": "a@b"}', MALFORMED), ('{"username": "-a"}', MALFORMED), ('{"username": "\u0430lice"}', MALFORMED),
    ('{"username": "%s"}' % ("u" * 65), TOO_LONG), ('{"locale": "not a tag"}', MALFORMED),
    ('{"zoneinfo": "Europe/Atlantis"}', MALFORMED), ('{"zoneinfo": "UTC+3"}', MALFORMED),
    ('{"picture": "javascript:alert(1)"}', MALFORMED), ('{"metadata": null}', MALFORMED),
    ('{"metadata": []}', MALFORMED), ('{"metadata": {"a": "%s"}}' % ("x" * 16384), TOO_LONG),
]  # fmt: skip
BAD = {
    "email": BAD_EMAILS,
    "optional email": BAD_EMAILS[1:],
    "phone": BAD_PHONES,
    "identity kind": [(None, MISSING), ("", EMPTY), ("fax", MALFORMED), ("EMAIL", MALFORMED)],
    "username": [(None, MISSING), ("", EMPTY), ("a b", MALFORMED), ("a@b", MALFORMED), ("u" * 65, TOO_LONG)],
    "changes": BAD_CHANGES,
    "code number": [(None, MISSING), (0, MALFORMED), (101, MALFORMED)],
    "hash": BAD_HASHES,
    "optional hash": BAD_HASHES[1:],
    "namespace": BAD_NAMESPACES,
    "id": [(None, MISSING)],
    "new owner": [(None, MISSING), (SOMEONE, UNKNOWN_USER)],
    "token type": [(None, MISSING), ("", EMPTY), ("bogus", MALFORMED), ("MAGIC_LINK", MALFORMED)],
    "mfa type": [(None, MISSING), ("", EMPTY), ("sms", MALFORMED)],
    "secret": [(None, MISSING), ("", EMPTY), (" ", EMPTY), ("x" * 65537, TOO_LONG)],
    "label": [("x" * 1025, TOO_LONG), ("a\nb", MALFORMED)],
    "flag": [(None, MISSING)],
    "limit": [(-1, MALFORMED)],
    "max attempts": [(0, MALFORMED), (-1, MALFORMED)],
    "batch": [(0, MALFORMED), (-1, MALFORMED)],
}


def _refused_calls() -> list[Any]:
    cases = []
    for function, arguments in CALLS.items():
        for position, (kind, _) in enumerate(arguments):
            for number, (value, sqlstate) in enumerate(BAD.get(kind, [])):
                name = f"{function}-{position}-{kind}-{number}"
                cases.append(pytest.param(function, position, value, sqlstate, id=name))
    return cases


@pytest.mark.parametrize(("function", "position", "value", "sqlstate"), _refused_calls())
async def test_a_bad_argument_is_refused_with_its_sqlstate(
    sql: Sql, namespace: str, function: str, position: int, value: Any, sqlstate: str
) -> None:
    arguments = [namespace if given is Ns else given for _, given in CALLS[function]]
    arguments[position] = value
    error = await sql.error(function, *arguments)
    assert error.sqlstate == sqlstate
    assert not error.detail
    if isinstance(value, str) and value.strip() and len(value) < 1000:
        assert value not in str(error)


@pytest.mark.parametrize("function", CALLS)
async def test_the_same_call_with_good_arguments_is_not_refused(sql: Sql, namespace: str, function: str) -> None:
    arguments = [namespace if given is Ns else given for _, given in CALLS[function]]
    if CALLS[function][0][0] == "new owner":
        arguments[0] = await sql.user(namespace)
    await sql.rows(function, *arguments)


@pytest.mark.parametrize(
    "namespace_name",
    ["n" * 1024, "a", "MyOrg", "org:my-org", "inner space", "550e8400-e29b-41d4-a716-446655440000", "\u00e9\u4e2d"],
)
async def test_a_namespace_may_be_named_in_many_ways(sql: Sql, namespace_name: str) -> None:
    user_id = await sql.user(namespace_name, "named@example.com")
    found = await sql.row("get_user_by_email", "named@example.com", namespace_name)
    assert found is not None
    assert found["user_id"] == user_id


async def test_a_hash_of_1024_characters_is_stored_and_compared_as_given(sql: Sql, namespace: str) -> None:
    longest = " A" + "x" * 1021 + " "
    user_id = await sql.value("create_user", EMAIL, longest, namespace)
    credentials = await sql.row("get_credentials", EMAIL, namespace)
    assert credentials is not None
    assert credentials["password_hash"] == longest
    await sql.value("create_session", user_id, longest, None, None, None, namespace)
    assert await sql.row("validate_session", longest, namespace)
    assert await sql.row("validate_session", longest.strip(), namespace) is None


async def test_names_and_secrets_may_be_as_long_as_promised(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    longest = "n" * 1024
    await sql.value("add_mfa", user_id, "totp", "s" * 65536, longest, namespace)
    await sql.value("create_api_key", user_id, longest, longest, None, namespace)
    (authenticator,) = await sql.rows("get_mfa", user_id, "totp", namespace)
    assert (len(authenticator["secret"]), authenticator["name"]) == (65536, longest)
    (key,) = await sql.rows("list_api_keys", user_id, namespace)
    assert key["name"] == longest


async def test_optional_arguments_may_be_null_and_mean_their_defaults(sql: Sql, namespace: str) -> None:
    user_id = await sql.value("create_user", EMAIL, None, namespace)
    await sql.value("create_session", user_id, "s", None, None, None, namespace)
    assert await sql.value("extend_session", "s", None, namespace) is not None
    assert await sql.value("is_locked_out", EMAIL, namespace, None, None) is False
    assert await sql.rows("get_recent_attempts", EMAIL, namespace, None) == []
    assert len(await sql.rows("list_users", namespace, None, None)) == 1
    assert (await sql.row("cleanup_expired", namespace, None))["sessions_deleted"] == 0  # type: ignore[index]


async def test_an_email_of_1024_bytes_is_accepted(sql: Sql, namespace: str) -> None:
    longest = "a" * 1012 + "@example.com"
    assert len(longest) == 1024
    assert await sql.value("create_user", longest, None, namespace)


@pytest.mark.parametrize(
    "written",
    ["  Alice@Example.COM ", "ALICE@EXAMPLE.COM", "\talice@example.com\n", "\x0b\u2003alice@example.com\u3000"],
)
async def test_an_email_is_trimmed_and_lower_cased(sql: Sql, namespace: str, written: str) -> None:
    await sql.value("create_user", written, None, namespace)
    user = await sql.row("get_user_by_email", "alice@EXAMPLE.com", namespace)
    assert user is not None
    assert user["email"] == "alice@example.com"


@pytest.mark.parametrize("character", [*"abcdefghijklmnopqrstuvwxyz0123456789", *"!#$%&'*+-/=?^_`{|}~.\\", "\u00e9"])
async def test_trimming_an_email_takes_white_space_only(sql: Sql, namespace: str, character: str) -> None:
    address = f"{character}x@example.{character}"
    user_id = await sql.value("create_user", address, None, namespace)
    user = await sql.row("get_user", user_id, namespace)
    assert user is not None
    assert user["email"] == address


async def test_functions_work_in_the_namespace_default_when_none_is_named(sql: Sql) -> None:
    user_id = await sql.value("create_user", "nobody-said@example.com")
    assert (await sql.row("get_user", user_id, "default"))["email"] == "nobody-said@example.com"  # type: ignore[index]
    assert (await sql.row("get_user", user_id))["user_id"] == user_id  # type: ignore[index]


@pytest.mark.parametrize("bad", BAD_NAMESPACES)
async def test_set_tenant_refuses_what_no_namespace_is_called(sql: Sql, bad: tuple[Any, str]) -> None:
    name, sqlstate = bad
    assert (await sql.error("set_tenant", name)).sqlstate == sqlstate


async def test_a_lifetime_may_be_zero_or_negative_and_gives_something_already_over(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    for number, lifetime in enumerate([timedelta(0), timedelta(days=-1)]):
        await sql.value("create_session", user_id, f"s{number}", lifetime, None, None, namespace)
        await sql.value("create_token", user_id, f"t{number}", "magic_link", lifetime, namespace)
        await sql.value("create_api_key", user_id, f"k{number}", None, lifetime, namespace)
        assert await sql.row("validate_session", f"s{number}", namespace) is None
        assert await sql.row("consume_token", f"t{number}", "magic_link", namespace) is None
        assert await sql.row("validate_api_key", f"k{number}", namespace) is None
