"""Pairwise names: an app's own name for each person, the same everywhere it learns it (OpenID Connect Core 8.1)."""

from portal.oidc.clients import InvalidRegistration, create_client
from tests.oidc.people_and_apps import App, Browser, World, answer, unverified_claims
from tests.oidc.test_codes import code_for


async def subject(app: App, browser: Browser) -> tuple[str, dict[str, str]]:
    tokens: dict[str, str] = (await app.redeem(await code_for(app, browser))).json()
    return unverified_claims(tokens["id_token"])["sub"], tokens


async def test_an_app_meets_one_name_everywhere_and_another_sector_another(world: World, alice: Browser) -> None:
    callback = "https://other.example/callback"
    plain, first, second = (
        await world.app("Plain"),
        await world.app("First", subject_type="pairwise", grant_types=["authorization_code", "refresh_token"]),
        await world.app("Second", subject_type="pairwise"),
    )
    elsewhere = await world.app("Elsewhere", subject_type="pairwise", redirect_uris=[callback])
    user_id, _ = await subject(plain, alice)
    name, tokens = await subject(first, alice)
    assert name != user_id
    assert user_id not in str([unverified_claims(tokens["id_token"])])
    assert (await first.userinfo(tokens["access_token"])).json()["sub"] == name
    assert (await first.introspect(tokens["access_token"])).json()["sub"] == name
    fresh = (await first.refresh(tokens["refresh_token"])).json()
    assert unverified_claims(fresh["id_token"])["sub"] == name
    # Apps on one host are one sector; on another host the name is another.
    assert (await subject(second, alice))[0] == name
    location = (await alice.open(elsewhere.url(redirect_uri=callback))).headers["location"]
    code = location.partition("code=")[2].partition("&")[0]
    other = (await elsewhere.redeem(code, redirect_uri=callback)).json()
    assert unverified_claims(other["id_token"])["sub"] not in (name, user_id)
    # Its ID token is a hint about this person, and about nobody else.
    hinted = first.url(prompt="none", id_token_hint=tokens["id_token"])
    assert "code" in answer(await alice.http.get(hinted))
    bo = await world.logged_in("bo@example.com")
    assert answer(await bo.http.get(hinted))["error"] == "login_required"
    assert (await subject(first, bo))[0] != name


async def test_two_hosts_are_no_sector(world: World) -> None:
    made = await create_client(
        world.database,
        "default",
        name="Two",
        redirect_uris=["https://a.example/cb", "https://b.example/cb"],
        subject_type="pairwise",
    )
    assert isinstance(made, InvalidRegistration)
    assert "one host" in made.problems[0]


async def test_what_names_are_made_with_is_written_to_no_log(world: World) -> None:
    app = await world.app("Quiet", subject_type="pairwise")
    (event,) = await world.events("client_created", app.client_id)
    assert not {"pairwise_key", "secret_hash"} & set(event["new_values"])
    (row,) = await world.rows("select salt from authn.pairwise_salts where namespace = 'default'")
    assert len(row["salt"]) >= 43
