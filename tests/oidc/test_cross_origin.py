"""Scripts of apps on other origins (CORS): the registered ones, where tokens are taken, never with cookies."""

import httpx
import pytest

from tests.oidc.people_and_apps import CALLBACK, App, Browser, World

SPA = "https://spa.example:8443"


@pytest.fixture(scope="module", autouse=True)
async def spa(world: World) -> App:
    """A single-page app; and a confidential one, whose server needs no CORS."""
    await world.app("Confidential", redirect_uris=[CALLBACK])
    return await world.app("SPA", public=True, redirect_uris=[f"{SPA}/callback?x=1"])


async def preflight(world: World, path: str, origin: str) -> httpx.Response:
    headers = {
        "origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization",
    }  # fmt: skip
    return await world.http.options(path, headers=headers)


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"])
async def test_a_registered_origin_may_ask_and_read(world: World, path: str) -> None:
    asked = await preflight(world, path, SPA)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == SPA
    assert "authorization" in asked.headers["access-control-allow-headers"]
    # An error too, or the script never learns why.
    response = await world.http.post(path, data={"x": "y"}, headers={"origin": SPA, "sec-fetch-site": "cross-site"})
    assert response.status_code in (400, 401)
    assert response.headers["access-control-allow-origin"] == SPA
    for answer in (asked, response):
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://spa.example", "http://spa.example:8443", "https://spa.example:84433", "https://app.example", "null",
        "https://evil.example", "https://spa.example:8443.evil.example", "*", "https://SPA.example:8443", "",
        "https://%.example", "x" * 5000,
    ],
)  # fmt: skip
async def test_no_other_origin_may(world: World, origin: str) -> None:
    for response in (
        await preflight(world, "/oauth2/token", origin),
        await world.http.post("/oauth2/token", data={"x": "y"}, headers={"origin": origin}),
    ):
        assert "access-control-allow-origin" not in response.headers
        assert response.status_code < 500
    assert (await preflight(world, "/oauth2/token", SPA)).headers["access-control-allow-origin"] == SPA


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/oauth2/jwks"])
async def test_public_documents_are_for_everybody(world: World, path: str) -> None:
    response = await world.http.get(path, headers={"origin": "https://anybody.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


async def test_pages_and_introspection_are_for_nobody(world: World, alice: Browser) -> None:
    for response in (
        await alice.http.get("/account", headers={"origin": SPA}),
        await alice.http.post("/oauth2/introspect", data={"token": "x"}, headers={"origin": SPA}),
    ):
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/oauth2/jwks"])
async def test_everybody_may_read_the_public_documents_also_with_headers_of_their_own(world: World, path: str) -> None:
    asked = await preflight(world, path, "https://nobody-knows.example")
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == asked.headers["access-control-allow-headers"] == "*"
    assert "access-control-allow-credentials" not in asked.headers
    read = await world.http.get(path, headers={"origin": "https://nobody-knows.example"})
    assert read.headers["access-control-allow-origin"] == "*"
