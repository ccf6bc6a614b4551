"""What is wrong with a request is told to the right one: the person on a page, or the app by redirect."""

import re
from urllib.parse import urlencode

import pytest

from tests.oidc.people_and_apps import CALLBACK, ISSUER, App, Browser, World, answer
from tests.oidc.test_redirect_uris import VARIANTS


def told_on_a_page(response: object) -> str:
    """Assert a page that sends nobody anywhere, and return its reference number."""
    assert response.status_code == 400, response.text
    assert "location" not in response.headers
    assert "code=" not in response.text
    reference = re.search(r"<code>([0-9a-f]+)</code>", response.text)
    assert reference
    assert response.headers["x-request-id"] == reference[1]
    return reference[1]


@pytest.mark.asvs("10.4.1")
@pytest.mark.adversarial("A1")
@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_variant_of_the_redirect_uri_ends_on_a_page(
    world: World, app: App, alice: Browser, variant: str
) -> None:
    told_on_a_page(await alice.http.get(app.url(redirect_uri=variant)))
    if "\0" not in variant:
        refused = await world.events("authorization_refused", app.client_id)
        assert [event["new_values"]["reason"] for event in refused] == ["redirect_uri_unknown"]
    assert answer(await alice.open(app.url()))["code"]


async def test_an_unknown_app_ends_on_a_page(app: App, alice: Browser) -> None:
    for client_id in ("nobody", None, "", "x" * 300, "nöbody", "a b\n"):
        told_on_a_page(await alice.http.get(app.url(client_id=client_id)))


async def test_a_missing_redirect_uri_ends_on_a_page(app: App, alice: Browser) -> None:
    page = await alice.http.get(app.url(redirect_uri=None))
    told_on_a_page(page)
    assert "where to send you back" in page.text


async def test_the_page_leads_back_to_the_app(world: World, alice: Browser) -> None:
    app = await world.app("Started", initiate_login_uri="https://app.example/start")
    page = await alice.http.get(app.url(redirect_uri="https://evil.example/"))
    assert f'href="/apps/{app.client_id}"' in page.text
    started = await alice.http.get(f"/apps/{app.client_id}")
    assert started.headers["location"].startswith("https://app.example/start")
    assert "evil.example" not in page.text


@pytest.mark.adversarial("A2")
@pytest.mark.parametrize("name", ["redirect_uri", "client_id", "state", "scope", "nonce", "code_challenge", "prompt"])
async def test_a_repeated_parameter_is_refused(app: App, alice: Browser, name: str) -> None:
    again = urlencode({name: "other"})
    told_on_a_page(await alice.http.get(f"{app.url(prompt='login')}&{again}"))
    in_both = await alice.http.post(f"/oauth2/authorize?{again}", data=app.parameters(prompt="login"))
    told_on_a_page(in_both)


@pytest.mark.adversarial("U3")
@pytest.mark.parametrize("value", ["%00", "%ff", "%c0%af", "%ed%a0%80"])
async def test_what_is_no_text_is_refused(app: App, alice: Browser, value: str) -> None:
    told_on_a_page(await alice.http.get(f"{app.url(state=None)}&state={value}"))


async def test_a_post_that_is_no_form_is_refused(app: App, alice: Browser) -> None:
    told_on_a_page(await alice.http.post("/oauth2/authorize", json=app.parameters()))


@pytest.mark.adversarial("A8")
async def test_a_huge_request_is_refused(app: App, alice: Browser) -> None:
    told_on_a_page(await alice.http.get(app.url(login_hint="[" * 15_000)))
    told_on_a_page(await alice.http.get(app.url() + "&" + "&".join(f"p{n}=1" for n in range(500))))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        # Authlib quotes the value in a description that may hold ASCII only, and raises: an answer of 500.
        ({"response_type": "ködé"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post.jwt"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "unknown"}, "invalid_scope"),
        ({"prompt": "nonsense"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "99999999999999999999"}, "invalid_request"),
        ({"claims": "not json"}, "invalid_request"),
        ({"claims": "[" * 3000}, "invalid_request"),
        ({"claims": '{"id_token": 1}'}, "invalid_request"),
        (
            {"claims": '{"id_token": {"acr": {"essential": true, "value": "gold"}}}'},
            "unmet_authentication_requirements",
        ),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://app.example/request.jwt"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"id_token_hint": "eyJhbGciOiJub25lIn0.e30."}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"nonce": "n" * 2000}, "invalid_request"),
    ],
)
async def test_the_app_is_told_what_is_wrong_with_its_request(
    world: World, app: App, alice: Browser, change: dict[str, str | None], error: str
) -> None:
    response = await alice.http.get(app.url(**change))
    back = answer(response)
    assert back["error"] == error
    assert back["error_description"]
    assert back["state"] == app.state
    assert back["iss"] == ISSUER
    assert "code" not in back
    refused = await world.events("authorization_refused", app.client_id)
    assert [event["new_values"]["reason"] for event in refused] == [error]
    assert answer(await alice.open(app.url()))["code"]


async def test_a_state_comes_back_exactly(app: App, alice: Browser) -> None:
    for state in ("a b+c", "&code=x&iss=y", "%0d%0aSet-Cookie: x=y", "ä/ö?ü#ß", '{"a":["<b>"]}'):
        assert answer(await alice.open(app.url(state=state)))["state"] == state
        assert answer(await alice.open(app.url(state=state, prompt="nonsense")))["state"] == state


async def test_a_missing_state_stays_missing(app: App, alice: Browser) -> None:
    assert set(answer(await alice.open(app.url(state=None)))) == {"code", "iss"}


async def test_what_is_merely_unknown_is_no_error(app: App, alice: Browser) -> None:
    extra = {"ui_locales": "se-SE xx", "display": "popup", "acr_values": "1 2", "claims_locales": "de", "foo": "bar"}
    assert answer(await alice.open(app.url(**extra, nonce=None)))["code"]
    assert answer(await alice.open(app.url(claims='{"userinfo": {"name": {"essential": true}}}')))["code"]
    assert answer(await alice.open(app.url() + "&resource=https://a.example&resource=https://b.example"))["code"]


async def test_the_registered_uri_is_kept_character_by_character(world: World, alice: Browser) -> None:
    uri = CALLBACK + "?flag&x=a%20b"
    app = await world.app("Query", redirect_uris=[uri])
    location = (await alice.open(app.url(redirect_uri=uri))).headers["location"]
    assert location.startswith(uri + "&code=")


async def test_the_page_is_for_the_person_and_the_log_for_the_operator(app: App, alice: Browser) -> None:
    page = await alice.http.get(app.url(redirect_uri='https://evil.example/"><script>alert(1)</script>'))
    told_on_a_page(page)
    assert "<script>alert" not in page.text
    assert "text/html" in page.headers["content-type"]
