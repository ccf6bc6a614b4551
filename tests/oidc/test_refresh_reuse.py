"""A refresh token that comes again: a retry gets the same successor, anything else ends the family (RFC 9700)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from portal.app import create_app
from portal.crypto.sealing import Sealer
from portal.crypto.tokens import token_digest
from portal.oidc.token import queries
from portal.oidc.token.refresh_successor import successors
from portal.settings import load_settings
from tests.oidc.people_and_apps import ISSUER, SECRET_KEY, App, Browser, CountingDatabase, World
from tests.oidc.test_codes import assert_refused
from tests.oidc.test_refresh_tokens import OFFLINE, family_of, refreshed, tokens_of


async def seconds_pass(world: World, app: App, seconds: float) -> None:
    """Let time go by for the tokens of an app."""
    await world.tamper(
        f"update authn.refresh_tokens t set used_at = used_at - interval '{seconds} seconds' "
        f"from authn.refresh_token_families f where f.id = t.family_id and f.client_id = '{app.client_id}'"
    )


async def assert_ended(world: World, app: App, *answers: dict[str, Any]) -> None:
    """Nothing that the family ever gave works any more."""
    for tokens in answers:
        assert_refused(await app.refresh(tokens["refresh_token"]))
        assert (await app.userinfo(tokens["access_token"])).status_code == 401
    assert (await family_of(world, app))["ended_reason"] == "reused"


@pytest.mark.adversarial("B6")
async def test_a_retry_within_the_window_gets_the_same_successor(world: World, renewing: App, alice: Browser) -> None:
    token = (await tokens_of(renewing, alice))["refresh_token"]
    first = await refreshed(renewing, token)
    await seconds_pass(world, renewing, 6)
    retry = await refreshed(renewing, token)
    assert retry["refresh_token"] == first["refresh_token"]
    # Each answer has an access token of its own, and both work: the first answer may be under way still.
    assert retry["access_token"] != first["access_token"]
    for tokens in (first, retry):
        assert (await renewing.userinfo(tokens["access_token"])).status_code == 200
    assert (await renewing.refresh(retry["refresh_token"])).status_code == 200
    reasons = [event["new_values"]["reason"] for event in await world.events("tokens_refreshed", renewing.client_id)]
    assert reasons == ["rotated", "repeated", "rotated"]


@pytest.mark.asvs("10.4.5")
@pytest.mark.adversarial("B6")
async def test_after_the_window_the_parent_ends_the_family(world: World, renewing: App, alice: Browser) -> None:
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    await seconds_pass(world, renewing, 10.5)
    assert_refused(await renewing.refresh(first["refresh_token"]))
    await assert_ended(world, renewing, first, second)
    (event,) = await world.events("refresh_token_reused", renewing.client_id)
    assert event["new_values"]["generation"] == 0
    assert event["new_values"]["user_id"]


@pytest.mark.adversarial("B6")
async def test_older_than_the_parent_ends_the_family_at_once(world: World, renewing: App, alice: Browser) -> None:
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    third = await refreshed(renewing, second["refresh_token"])
    # Within the same second, but its successor was used already: no retry of one request looks like that.
    assert_refused(await renewing.refresh(first["refresh_token"]))
    await assert_ended(world, renewing, first, second, third)


@pytest.mark.adversarial("B6")
async def test_a_retry_does_not_open_the_window_anew(world: World, renewing: App, alice: Browser) -> None:
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    for _ in range(2):
        await seconds_pass(world, renewing, 3)
        assert (await renewing.refresh(first["refresh_token"])).status_code == 200
    await seconds_pass(world, renewing, 4.5)
    assert_refused(await renewing.refresh(first["refresh_token"]))
    await assert_ended(world, renewing, second)


async def test_a_retry_may_ask_for_another_scope_but_not_for_more(renewing: App, alice: Browser) -> None:
    token = (await tokens_of(renewing, alice, scope="openid email"))["refresh_token"]
    first = await refreshed(renewing, token)
    narrow = await refreshed(renewing, token, scope="openid")
    assert narrow["refresh_token"] == first["refresh_token"]
    assert "email" not in (await renewing.userinfo(narrow["access_token"])).json()
    assert_refused(await renewing.refresh(token, scope="openid email profile"), "invalid_scope")


async def test_a_retry_after_log_out_is_refused(world: World, renewing: App) -> None:
    alice = await world.logged_in()
    token = (await tokens_of(renewing, alice))["refresh_token"]
    await refreshed(renewing, token)
    await alice.submit("/logout", {})
    assert_refused(await renewing.refresh(token))


async def test_one_family_ends_and_the_persons_others_go_on(world: World, app: App, renewing: App) -> None:
    alice = await world.logged_in()
    other = await tokens_of(app, alice, scope=OFFLINE)
    beside = await tokens_of(renewing, alice)
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    await refreshed(renewing, second["refresh_token"])
    assert_refused(await renewing.refresh(first["refresh_token"]))
    assert (await app.refresh(other["refresh_token"])).status_code == 200
    assert (await renewing.refresh(beside["refresh_token"])).status_code == 200
    assert (await renewing.userinfo(beside["access_token"])).status_code == 200


@pytest.mark.adversarial("B6")
async def test_the_person_is_told_once(world: World, alice: Browser) -> None:
    app = await world.app("Tea & Cake", grant_types=["authorization_code", "refresh_token"])
    first = await tokens_of(app, alice)
    second = await refreshed(app, first["refresh_token"])
    await refreshed(app, second["refresh_token"])
    before = len(await world.mails("alice@example.com"))
    responses = await asyncio.gather(*(app.refresh(first["refresh_token"]) for _ in range(10)))
    for response in responses:
        assert_refused(response)
    await assert_ended(world, app, first, second)
    (mail,) = (await world.mails("alice@example.com"))[before:]
    assert mail.subject == "To protect your account you were logged out of Tea & Cake"
    assert f"{ISSUER}/account/devices" in mail.text
    assert "Tea &amp; Cake" in mail.html
    for token in (first["refresh_token"], second["refresh_token"]):
        assert token not in mail.text + mail.html
    assert len(await world.events("refresh_token_reused", app.client_id)) == 1


async def test_a_mail_that_a_dying_process_did_not_write_is_written_later(
    world: World, renewing: App, alice: Browser
) -> None:
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    await refreshed(renewing, second["refresh_token"])
    before = len(await world.mails("alice@example.com"))
    # What the process commits first; here it dies, before it has written the mail.
    ended = await queries.rotate_refresh_token(
        world.database,
        "default",
        token_digest=token_digest(first["refresh_token"]),
        successor_digests=["x"],
        client_id=renewing.client_id,
        scopes=None,
        access_digest="y",
        actor={},
    )
    assert isinstance(ended, queries.ReusedToken)
    assert (await family_of(world, renewing))["ended_reason"] == "reused"
    assert len(await world.mails("alice@example.com")) == before
    for _ in range(2):
        assert_refused(await renewing.refresh(second["refresh_token"]))
        assert len(await world.mails("alice@example.com")) == before + 1


class Processes:
    """Other processes of the same portal: started again, or beside the first one, with other secret keys."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._databases: list[CountingDatabase] = []

    def start(self, *secret_keys: str) -> httpx.AsyncClient:
        """Start one with these keys, newest first."""
        settings = load_settings(
            {
                "PORTAL_URL": ISSUER,
                "PORTAL_DATABASE_URL": self._world.app_url,
                "PORTAL_SECRET_KEY": ",".join(secret_keys),
            }
        )
        self._databases.append(CountingDatabase(self._world.app_url))
        application = create_app(settings, self._databases[-1])
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=ISSUER)

    async def stop(self) -> None:
        """Stop them all."""
        for database in self._databases:
            await database.close()


@pytest.fixture
async def processes(world: World) -> AsyncIterator[Processes]:
    made = Processes(world)
    yield made
    await made.stop()


NEW_KEY = "another-secret-key-for-tests-that-is-long-enough"


@pytest.mark.adversarial("B6")
async def test_every_process_gives_the_same_successor(
    world: World, processes: Processes, renewing: App, alice: Browser
) -> None:
    token = (await tokens_of(renewing, alice))["refresh_token"]
    first = await refreshed(renewing, token)
    renewing.http = processes.start(SECRET_KEY)
    assert (await refreshed(renewing, token))["refresh_token"] == first["refresh_token"]
    await seconds_pass(world, renewing, 11)
    assert_refused(await renewing.refresh(token))
    await assert_ended(world, renewing, first)


async def test_while_the_secret_key_rotates_a_retry_still_gets_the_same_successor(
    processes: Processes, renewing: App, alice: Browser
) -> None:
    token = (await tokens_of(renewing, alice, scope="email"))["refresh_token"]
    first = await refreshed(renewing, token)
    here = renewing.http
    # The new key comes first behind the old one on every machine, then before it, then alone.
    for keys in ((SECRET_KEY, NEW_KEY), (NEW_KEY, SECRET_KEY)):
        renewing.http = processes.start(*keys)
        assert (await refreshed(renewing, token))["refresh_token"] == first["refresh_token"]
    second = await refreshed(renewing, first["refresh_token"])
    renewing.http = processes.start(SECRET_KEY, NEW_KEY)
    assert (await refreshed(renewing, first["refresh_token"]))["refresh_token"] == second["refresh_token"]
    renewing.http = here
    assert (await renewing.refresh(second["refresh_token"])).status_code == 200


async def test_a_successor_whose_key_was_taken_away_is_not_made_twice(
    world: World, processes: Processes, renewing: App, alice: Browser
) -> None:
    token = (await tokens_of(renewing, alice, scope="email"))["refresh_token"]
    first = await refreshed(renewing, token)
    here, renewing.http = renewing.http, processes.start(NEW_KEY)
    assert_refused(await renewing.refresh(token))
    refused = (await world.events("refresh_refused", renewing.client_id))[-1]
    assert refused["new_values"]["reason"] == "successor_unknown"
    # Refused, and no more: the app that got its answer goes on, here and there.
    second = await refreshed(renewing, first["refresh_token"])
    renewing.http = here
    assert (await renewing.refresh(second["refresh_token"])).status_code == 200


def test_the_successor_cannot_be_told_without_the_key() -> None:
    one, other = Sealer((b"a" * 32,)), Sealer((b"b" * 32, b"a" * 32))
    (under_one,) = successors(one, "parent")
    assert len(under_one) == 43
    assert successors(other, "parent")[1] == under_one
    assert len({*successors(other, "parent"), *successors(one, "parent.")}) == 3
