"""`portal clients` from outside."""

import uuid

import pytest

from tests.cli.conftest import Portal
from tests.support.database import TestDatabase, fetch


def test_an_app_is_registered_and_its_secret_shown_once(portal: Portal) -> None:
    made = portal.run("clients", "create", "Acme", "--redirect-uri", "https://acme.example/callback", "--json")
    assert made.status == 0, made.err
    assert set(made.json) == {"client_id", "client_secret"}
    assert len(made.json["client_secret"]) >= 32
    listed = portal.run("clients", "list", "--json")
    [client] = listed.json["clients"]
    assert client["client_id"] == made.json["client_id"]
    assert client["require_pkce"] is True
    assert made.json["client_secret"] not in listed.out + portal.run("clients", "list").out


def test_options_reach_the_registration(portal: Portal) -> None:
    portal.run(
        "clients", "create", "Acme", "--redirect-uri", "https://a.example/1", "--redirect-uri", "https://a.example/2",
        "--post-logout-redirect-uri", "https://a.example/", "--first-party", "--scope", "openid", "--no-require-pkce",
        "--token-endpoint-auth-method", "client_secret_post",
    )  # fmt: skip
    [client] = portal.run("clients", "list", "--json").json["clients"]
    assert client["redirect_uris"] == ["https://a.example/1", "https://a.example/2"]
    assert client["post_logout_redirect_uris"] == ["https://a.example/"]
    assert client["first_party"] is True
    assert client["scopes"] == ["openid"]
    assert client["require_pkce"] is False
    assert client["token_endpoint_auth_method"] == "client_secret_post"


def test_a_public_app_has_no_secret(portal: Portal) -> None:
    made = portal.run("clients", "create", "Acme", "--redirect-uri", "http://127.0.0.1/cb", "--public", "--json")
    assert made.json["client_secret"] is None


def test_an_app_that_may_not_be_registered_is_refused_in_a_sentence(portal: Portal) -> None:
    refused = portal.run("clients", "create", "Acme", "--redirect-uri", "http://acme.example/cb", "--json")
    assert refused.status == 1
    assert "must use https" in refused.json["error"]
    assert portal.run("clients", "create", "Acme").status == 2
    assert portal.run("clients", "list").out.startswith("There are no apps yet")


def test_names_are_shown_as_text(portal: Portal) -> None:
    portal.run("clients", "create", "[red]Acme[/red]", "--redirect-uri", "https://acme.example/callback")
    assert "[red]Acme[/red]" in portal.run("clients", "list", COLUMNS="200").out


def test_an_app_says_where_it_hears_of_log_outs(portal: Portal) -> None:
    portal.run(
        "clients", "create", "Acme", "--redirect-uri", "https://acme.example/callback",
        "--backchannel-logout-uri", "https://acme.example/logged-out", "--initiate-login-uri", "https://acme.example/",
        "--post-logout-redirect-uri", "https://acme.example/bye",
    )  # fmt: skip
    [client] = portal.run("clients", "list", "--json").json["clients"]
    assert client["backchannel_logout_uri"] == "https://acme.example/logged-out"
    assert client["initiate_login_uri"] == "https://acme.example/"
    assert client["post_logout_redirect_uris"] == ["https://acme.example/bye"]


@pytest.mark.adversarial("A6", "S1")
@pytest.mark.parametrize("option", ["--backchannel-logout-uri", "--post-logout-redirect-uri", "--initiate-login-uri"])
@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://acme.example/", "https://acme.example/#x", "acme"])
def test_where_nobody_may_be_sent_is_not_registered(portal: Portal, option: str, address: str) -> None:
    refused = portal.run(
        "clients", "create", "Acme", "--redirect-uri", "https://acme.example/callback", option, address
    )
    assert refused.status == 1, refused.out
    assert refused.err
    assert portal.run("clients", "list", "--json").json["clients"] == []


def test_what_an_app_was_told_of_log_outs_is_listed(portal: Portal, database: TestDatabase) -> None:
    made = portal.run("clients", "create", "Acme", "--redirect-uri", "https://acme.example/callback", "--json")
    client_id = made.json["client_id"]
    assert portal.run("clients", "logouts", client_id).out == "That app was told of none.\n"
    tell = (
        "insert into authn.backchannel_logouts (client_id, user_id, session_id, attempts, delivered_at, failed_at, "
        "last_status, last_error) values ($1, $2, $2, $3, $4::text::timestamptz, $5::text::timestamptz, $6, $7)"
    )
    fetch(database.superuser_url, tell, client_id, uuid.uuid4(), 1, "2026-01-01", None, 200, None)
    fetch(database.superuser_url, tell, client_id, uuid.uuid4(), 6, None, "2026-01-01", 503, "it answered 503")
    fetch(database.superuser_url, tell, client_id, uuid.uuid4(), 0, None, None, None, None)
    told = portal.run("clients", "logouts", client_id, "--json").json["logouts"]
    assert sorted((row["state"], row["status"], row["attempts"]) for row in told) == [
        ("given up", 503, 6), ("told", 200, 1), ("waiting", None, 0),
    ]  # fmt: skip
    shown = portal.run("clients", "logouts", client_id, COLUMNS="200").out
    assert "it answered 503" in shown
    assert "given up" in shown
    portal.run("namespaces", "create", "acme")
    assert portal.run("clients", "logouts", client_id, "--namespace", "acme", "--json").json == {"logouts": []}
