"""`portal clients` from outside."""

from tests.cli.conftest import Portal


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
