"""The token endpoint: which app calls, in which form, and how it says no (RFC 6749 sections 2.3 and 5.2)."""

import asyncio
import base64

import httpx
import pytest

from portal.oidc.clients import rotate_client_secret
from tests.oidc.people_and_apps import CALLBACK, App, Browser, World, answer
from tests.oidc.test_codes import assert_refused, code_for


def fields(app: App, code: str, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": app.verifier,
        **changes,
    }


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_a_wrong_secret_is_refused_with_a_challenge(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    right, app.client_secret = app.client_secret, "wrong" * 9
    response = await app.redeem(code)
    assert_refused(response, "invalid_client", 401)
    assert response.headers["www-authenticate"] == 'Basic realm="apps"', "RFC 7617 section 2 asks for a realm"
    (failed,) = await world.events("client_authentication_failed", app.client_id)
    assert failed["new_values"] == {"reason": "wrong_secret"}
    app.client_secret = right
    # Who cannot prove to be the app does not use up its code either.
    assert (await app.redeem(code)).status_code == 200


async def test_an_app_authenticates_the_way_it_registered_and_no_other(world: World, alice: Browser) -> None:
    by_header = await world.app("Header")
    by_body = await world.app("Body", token_endpoint_auth_method="client_secret_post")
    public = await world.app("Public", public=True)
    post = world.http.post
    for app, body, header in (
        (by_header, {"client_id": by_header.client_id, "client_secret": by_header.client_secret}, None),
        (by_header, {"client_id": by_header.client_id}, None),
        (by_body, {}, basic(by_body.client_id, by_body.client_secret)),
        (by_body, {"client_id": by_body.client_id}, None),
        (public, {"client_id": public.client_id, "client_secret": "x" * 43}, None),
        (public, {}, basic(public.client_id, "")),
    ):
        data = fields(app, await code_for(app, alice), **body)
        headers = {"authorization": header} if header else {}
        assert_refused(await post("/oauth2/token", data=data, headers=headers), "invalid_client", 401)


async def test_two_ways_at_once_are_refused(app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    assert_refused(await app.redeem(code, client_id=app.client_id, client_secret=app.client_secret), "invalid_request")
    assert_refused(await app.redeem(code, client_id="another"), "invalid_request")
    assert (await app.redeem(code, client_id=app.client_id)).status_code == 200


@pytest.mark.adversarial("J8")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic eA",
        "Basic eA==",
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b":secret").decode(),
        "Basic " + base64.b64encode(b"a\0b:c").decode(),
        "Basic " + "A" * 20_000,
        "Bearer x",
        "Digest username=x",
        "\t",
    ],
)
async def test_a_malformed_authorization_header_is_refused(world: World, app: App, header: str) -> None:
    response = await world.http.post(
        "/oauth2/token", data=fields(app, "x"), headers={"authorization": header.encode("latin-1")}
    )
    assert_refused(response, "invalid_client", 401)
    assert await world.events("client_authentication_failed")


async def test_a_header_in_any_case_is_read(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    header = basic(app.client_id, app.client_secret).replace("Basic", "bAsIc")
    response = await world.http.post("/oauth2/token", data=fields(app, code), headers={"AUTHORIZATION": header})
    assert response.status_code == 200


async def test_unknown_and_missing_clients_look_alike(world: World, app: App) -> None:
    unknown = await world.http.post("/oauth2/token", data=fields(app, "x"), headers={"authorization": basic("no", "x")})
    wrong = await world.http.post(
        "/oauth2/token", data=fields(app, "x"), headers={"authorization": basic(app.client_id, "x")}
    )
    assert unknown.content == wrong.content
    assert_refused(await world.http.post("/oauth2/token", data=fields(app, "x")), "invalid_client", 401)


@pytest.mark.adversarial("A2")
async def test_only_a_form_with_each_parameter_once_is_read(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    post, auth = world.http.post, httpx.BasicAuth(app.client_id, app.client_secret)
    assert_refused(await post("/oauth2/token", json=fields(app, code), auth=auth), "invalid_request")
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = str(httpx.QueryParams(fields(app, code)))
    twice = f"{body}&code={code}"
    assert_refused(await post("/oauth2/token", content=twice, headers=form, auth=auth), "invalid_request")
    in_query = await post(f"/oauth2/token?{body}", data={"grant_type": "authorization_code"}, auth=auth)
    assert_refused(in_query, "invalid_request")
    assert_refused(await post("/oauth2/token", content=b"\xff=%ff", headers=form, auth=auth), "invalid_request")
    assert_refused(await post("/oauth2/token", content=b"code=%00", headers=form, auth=auth), "invalid_request")
    assert (await post("/oauth2/token", content=body, headers=form, auth=auth)).status_code == 200


@pytest.mark.asvs("10.4.4")
async def test_other_grants_are_not_there(app: App) -> None:
    assert_refused(await app.redeem("x", grant_type=None), "invalid_request")
    for grant in ("password", "client_credentials", "refresh", "ödd", 'x"y', "implicit"):
        assert_refused(await app.redeem("x", grant_type=grant), "unsupported_grant_type")


async def test_get_is_no_way_to_get_tokens(world: World) -> None:
    assert (await world.http.get("/oauth2/token")).status_code == 405


async def test_a_new_secret_replaces_the_old_one_within_a_second(world: World, alice: Browser) -> None:
    app = await world.app("Rotates")
    assert (await app.redeem(await code_for(app, alice))).status_code == 200
    new = await rotate_client_secret(world.database, "default", app.client_id)
    old, app.client_secret = app.client_secret, new
    await asyncio.sleep(1.1)
    code = await code_for(app, alice)
    assert (await app.redeem(code)).status_code == 200
    app.client_secret = old
    assert_refused(await app.redeem(await code_for(app, alice)), "invalid_client", 401)


async def test_the_token_endpoint_knows_no_cookie(world: World, app: App, alice: Browser) -> None:
    code = answer(await alice.open(app.url()))["code"]
    response = await alice.http.post("/oauth2/token", data=fields(app, code), auth=(app.client_id, app.client_secret))
    assert response.status_code == 200
    assert "set-cookie" not in response.headers
