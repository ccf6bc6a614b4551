"""However an app's refreshes, its retries and a thief's mingle, and whatever answers are lost: one branch, or none.

Played by Hypothesis against the portal over HTTP, with a model of what each of them may hold.
"""

import asyncio
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.oidc.people_and_apps import App, Browser, World
from tests.oidc.test_codes import assert_refused
from tests.oidc.test_refresh_reuse import seconds_pass
from tests.oidc.test_refresh_tokens import tokens_of

WINDOW = 10  # seconds
# A machine under load lets real time pass between steps: waits keep away from the end of the window by this much.
SLACK = 4  # seconds


@dataclass(frozen=True)
class Refresh:
    """The app refreshes, `at_once` times side by side; the answers arrive, or the process dies with them unsent."""

    at_once: int
    answered: bool


@dataclass(frozen=True)
class Wait:
    """Seconds pass."""

    seconds: int


@dataclass(frozen=True)
class Steal:
    """Somebody presents the `age`th token before the latest, while the app refreshes `at_once` times."""

    age: int
    at_once: int


Step = Refresh | Wait | Steal
STEPS = st.lists(
    st.one_of(
        st.builds(Refresh, at_once=st.sampled_from([1, 1, 2, 5, 50]), answered=st.booleans()),
        st.builds(Wait, seconds=st.sampled_from([2, 4, WINDOW + 2])),
        st.builds(Steal, age=st.integers(2, 4), at_once=st.sampled_from([0, 1, 4])),
    ),
    min_size=1,
    max_size=7,
)


@dataclass
class Family:
    """What the server gave, in order; which of it the app knows; and whether all of it has ended."""

    app: App
    given: list[str]
    access: list[str]
    held: int = 0  # the app's latest token: the last one given, or its parent where the answers were lost
    since_rotation: int = 0  # seconds, as far as the steps say
    ended: bool = False

    @property
    def must_work(self) -> bool:
        """Whether an honest app must get its tokens now."""
        return not self.ended and (self.held == len(self.given) - 1 or self.since_rotation <= WINDOW)


async def take(world: World, family: Family, step: Step) -> None:
    if isinstance(step, Wait):
        # Either clearly inside the window or clearly past it.
        seconds = step.seconds if family.since_rotation + step.seconds <= WINDOW - SLACK else WINDOW + 2
        await seconds_pass(world, family.app, seconds)
        family.since_rotation += seconds
    elif isinstance(step, Refresh):
        await refresh(family, step)
    elif step.age < len(family.given):
        await steal(family, step)


async def refresh(family: Family, step: Refresh) -> None:
    must_work, presented = family.must_work, family.given[family.held]
    responses = await asyncio.gather(*(family.app.refresh(presented) for _ in range(step.at_once)))
    if not must_work:
        for response in responses:
            assert_refused(response)
        family.ended = True
        return
    for response in responses:
        assert response.status_code == 200, response.text
    learn(family, responses)
    if step.answered:
        family.held = len(family.given) - 1


async def steal(family: Family, step: Steal) -> None:
    stolen, latest = family.given[-1 - step.age], family.given[family.held]
    theft, *honest = await asyncio.gather(
        family.app.refresh(stolen), *(family.app.refresh(latest) for _ in range(step.at_once))
    )
    assert_refused(theft)
    learn(family, [response for response in honest if response.status_code == 200])
    family.ended = True


def learn(family: Family, responses: list[httpx.Response]) -> None:
    """Note what was given; side by side or again, one token has one successor."""
    successors = {response.json()["refresh_token"] for response in responses}
    assert len(successors) <= 1
    for successor in successors - {family.given[-1]}:
        family.given.append(successor)
        family.since_rotation = 0
    family.access += [response.json()["access_token"] for response in responses]


async def assert_at_most_one_branch(world: World, family: Family) -> None:
    active = [token for token in family.given if (await family.app.introspect(token)).json()["active"]]
    assert active == ([] if family.ended else [family.given[-1]])
    (row,) = await world.rows(
        "select count(*) filter (where t.used_at is null) as live, f.ended_at is not null as ended "
        "from authn.refresh_token_families f join authn.refresh_tokens t on t.family_id = f.id "
        "where f.client_id = $1 group by f.ended_at",
        family.app.client_id,
    )
    assert (row["live"], row["ended"]) == (1, family.ended)
    assert (await family.app.userinfo(family.access[-1])).status_code == (401 if family.ended else 403)


@pytest.mark.adversarial("B6")
@example([Refresh(50, answered=False), Refresh(50, answered=True), Refresh(50, answered=True)])
@example([Refresh(1, answered=False), Wait(WINDOW + 2), Refresh(50, answered=True)])
@example([Refresh(1, answered=True)] * 3 + [Steal(age=2, at_once=4), Refresh(1, answered=True)])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
async def test_there_are_never_two_live_branches_and_no_honest_retry_is_cut_off(
    world: World, login_of_alice: Browser, steps: list[Step]
) -> None:
    app = await world.app("Branches", grant_types=["authorization_code", "refresh_token"])
    # Without openid: an ID token is the slow part of an answer, and tells nothing about branches.
    tokens = await tokens_of(app, login_of_alice, scope="email")
    family = Family(app, [tokens["refresh_token"]], [tokens["access_token"]])
    for step in steps:
        await take(world, family, step)
        await assert_at_most_one_branch(world, family)
