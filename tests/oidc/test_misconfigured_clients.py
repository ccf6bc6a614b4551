"""25 ways to set a client up wrongly: each answer names the mistake, to whoever may know it.

A developer reads the page or the app's log; what would help an attacker (which half of the credentials was wrong, whose
code it was) is in the audit log alone.
"""

import pytest

from tests.oidc.people_and_apps import CALLBACK, App, Browser, World, answer
from tests.oidc.test_codes import code_for

Change = dict[str, str | None]

# Told to the person, with a correlation id, for there is nobody else who could be told.
ON_A_PAGE: dict[str, tuple[Change, str]] = {
    "a redirect URI with one letter more": ({"redirect_uri": f"{CALLBACK}s"}, "redirect_uri is not registered"),
    "a redirect URI with a slash at the end": ({"redirect_uri": f"{CALLBACK}/"}, "redirect_uri is not registered"),
    "a redirect URI by http": ({"redirect_uri": CALLBACK.replace("https", "http")}, "redirect_uri is not registered"),
    "a redirect URI in other letters": ({"redirect_uri": CALLBACK.replace("app", "App")}, "is not registered"),
    "no redirect URI": ({"redirect_uri": None}, "redirect_uri parameter is missing"),
    "a client_id with a letter missing": ({"client_id": "ac"}, "client_id is not registered"),
    "no client_id": ({"client_id": None}, "client_id parameter is missing"),
}
# Told to the app, whose log its developer reads.
TO_THE_APP: dict[str, tuple[Change, str, str]] = {
    "PKCE left out": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request", "PKCE is required"),
    "PKCE without a method": ({"code_challenge_method": None}, "invalid_request", "must be S256"),
    "PKCE by plain": ({"code_challenge_method": "plain"}, "invalid_request", "must be S256"),
    "a challenge in hexadecimal": ({"code_challenge": "ab" * 32}, "invalid_request", "base64url of a SHA-256"),
    "the implicit flow": ({"response_type": "id_token"}, "unsupported_response_type", "Only response_type code"),
    "no response type": ({"response_type": None}, "invalid_request", "response_type parameter is missing"),
    "response mode fragment": ({"response_mode": "fragment"}, "invalid_request", "response_mode must be query"),
    "a scope that nobody has": ({"scope": "everything"}, "invalid_scope", "names no scope"),
    "a prompt that nobody knows": ({"prompt": "relogin"}, "invalid_request", "prompt parameter has an unknown value"),
    "prompt none with login": ({"prompt": "none login"}, "invalid_request", "cannot be combined"),
    "claims that are no JSON": ({"claims": "email"}, "invalid_request", "claims parameter is not a JSON object"),
    "a request object": ({"request": "e30.e30."}, "request_not_supported", "Request objects are not supported"),
}


@pytest.mark.parametrize(("change", "told"), ON_A_PAGE.values(), ids=ON_A_PAGE.keys())
async def test_the_page_names_the_mistake(app: App, alice: Browser, change: Change, told: str) -> None:
    page = await alice.http.get(app.url(**change))
    assert page.status_code == 400
    assert "location" not in page.headers
    assert told in page.text
    assert page.headers["x-request-id"] in page.text
    assert answer(await alice.open(app.url()))["code"]


@pytest.mark.parametrize(("change", "error", "told"), TO_THE_APP.values(), ids=TO_THE_APP.keys())
async def test_the_app_is_told_the_mistake(app: App, alice: Browser, change: Change, error: str, told: str) -> None:
    back = answer(await alice.http.get(app.url(**change)))
    assert back["error"] == error
    assert told in back["error_description"]
    assert answer(await alice.open(app.url()))["code"]


# Told to the app at the token endpoint: (what is changed, status, error, words of the answer).
AT_THE_TOKEN_ENDPOINT: dict[str, tuple[Change, int, str, str]] = {
    "another redirect URI than before": ({"redirect_uri": f"{CALLBACK}s"}, 400, "invalid_grant", "redirect_uri"),
    "no verifier": ({"code_verifier": None}, 400, "invalid_grant", "code_verifier"),
    "another verifier": ({"code_verifier": "w" * 43}, 400, "invalid_grant", "Code challenge"),
    "a grant that nobody has": ({"grant_type": "password"}, 400, "unsupported_grant_type", "grant_type"),
    "no grant type": ({"grant_type": None}, 400, "invalid_request", "grant_type"),
}


@pytest.mark.parametrize(
    ("change", "status", "error", "told"), AT_THE_TOKEN_ENDPOINT.values(), ids=AT_THE_TOKEN_ENDPOINT.keys()
)
async def test_the_token_endpoint_names_the_mistake(
    app: App, alice: Browser, change: Change, status: int, error: str, told: str
) -> None:
    response = await app.redeem(await code_for(app, alice), **change)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert told in response.json()["error_description"]
    assert (await app.redeem(await code_for(app, alice))).status_code == 200


async def test_a_wrong_secret_is_told_as_such_to_the_log_alone(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    right, app.client_secret = app.client_secret, "x" * 43
    response = await app.redeem(code)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert "secret" not in response.json()["error_description"]
    (event,) = await world.events("client_authentication_failed", app.client_id)
    assert event["new_values"]["reason"] == "wrong_secret"
    app.client_secret = right
    assert (await app.redeem(code)).status_code == 200


async def test_another_method_than_the_registered_one_is_told_to_the_log(
    world: World, app: App, alice: Browser
) -> None:
    data = {
        "grant_type": "authorization_code", "code": await code_for(app, alice), "redirect_uri": CALLBACK,
        "code_verifier": app.verifier, "client_id": app.client_id, "client_secret": app.client_secret or "",
    }  # fmt: skip
    assert (await world.http.post("/oauth2/token", data=data)).json()["error"] == "invalid_client"
    (event,) = await world.events("client_authentication_failed", app.client_id)
    assert event["new_values"]["reason"] == "wrong_method"
    assert (await app.redeem(await code_for(app, alice))).status_code == 200


async def test_a_code_that_is_too_old_is_told_to_the_log(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    await world.tamper("update authn.authorization_codes set expires_at = now() - interval '1 second'")
    assert (await app.redeem(code)).json()["error"] == "invalid_grant"
    (event,) = await world.events("code_refused", app.client_id)
    assert event["new_values"]["reason"] == "expired"


def test_these_are_25_and_more() -> None:
    assert len(ON_A_PAGE) + len(TO_THE_APP) + len(AT_THE_TOKEN_ENDPOINT) + 3 >= 25
