"""The way back to the app survives every detour: each journey with each thing that can come between two of its steps.

Every cell ends at the right app with the state of its own request, or on a page with one main button that begins the
same request again, and ends there with that.
"""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.flows.the_way_back import JOURNEYS, Journey, Relying, Traveller, an_app
from tests.support.person import PASSWORD, Person, Somebody, an_email
from tests.support.server import PortalServer


@pytest.fixture(scope="module")
def shop(portal_server: PortalServer) -> Relying:
    return an_app(portal_server, "shop")


@pytest.fixture(scope="module")
def wiki(portal_server: PortalServer) -> Relying:
    return an_app(portal_server, "wiki")


@pytest.fixture
def traveller(portal_server: PortalServer) -> Iterator[Traveller]:
    with Traveller(portal_server) as person:
        yield person


@pytest.fixture(params=JOURNEYS)
def journey(request: pytest.FixtureRequest, portal_server: PortalServer, somebody: Somebody) -> Journey:
    made = JOURNEYS[request.param](portal_server)
    made.prepare(somebody())
    return made


def go(person: Traveller, journey: Journey, app: Relying, until: int | None = None) -> str:
    """Begin at the app and take the first steps; return the state of the request."""
    state = secrets.token_urlsafe(8)
    person.open(app.request(state))
    for step in journey.steps()[:until]:
        step(person)
    return state


def end_well(person: Traveller, journey: Journey, app: Relying, state: str) -> None:
    """It is at the app, or one main button begins the same request again."""
    if person.came_back(app, state):
        return
    assert person.arrived is None, f"at another place: {person.arrived}"
    assert len(person.main_buttons()) == 1, f"{person.place}: {person.main_buttons()} on {person.page.text[:300]}"
    [way_on] = [address for words, address in person.page.links if words == person.main_buttons()[0].strip()]
    person.open(way_on)
    if not person.came_back(app, state):
        for step in journey.steps():
            step(person)
    assert person.came_back(app, state), f"{person.place}: {person.page.text[:400]}"


def on_with_it(person: Traveller, journey: Journey, done: int) -> None:
    """Take the steps that are left, as far as the pages let one."""
    for step in journey.steps()[done:]:
        if person.arrived or person.response.status_code in (403, 404, 410):
            return
        step(person)


def points(journey: Journey) -> range:
    """After how many steps something may come in between: each but the last."""
    return range(1, len(journey.steps()))


def test_without_a_detour(traveller: Traveller, journey: Journey, shop: Relying) -> None:
    state = go(traveller, journey, shop)
    assert traveller.came_back(shop, state)


def reload(person: Traveller) -> None:
    person.open(person.place)


def other_language(person: Traveller) -> None:
    person.http.headers["accept-language"] = "ar, de;q=0.5"
    person.open(person.place)


def restart(person: Traveller) -> None:
    person.portal.restart()


@pytest.mark.parametrize("detour", [reload, other_language], ids=["reload", "language_switch"])
def test_a_page_that_is_loaded_again(
    traveller: Traveller, journey: Journey, shop: Relying, detour: Callable[[Traveller], None]
) -> None:
    for done in points(journey):
        traveller.http.cookies.clear()
        state = go(traveller, journey, shop, until=done)
        detour(traveller)
        on_with_it(traveller, journey, done)
        end_well(traveller, journey, shop, state)
        if journey.__class__.__name__ == "BySignUp":
            return  # the account is there now


def test_a_restart_in_the_middle(traveller: Traveller, journey: Journey, shop: Relying) -> None:
    done = points(journey)[-1]
    state = go(traveller, journey, shop, until=done)
    restart(traveller)
    on_with_it(traveller, journey, done)
    end_well(traveller, journey, shop, state)


def test_the_back_button_in_the_middle(traveller: Traveller, journey: Journey, shop: Relying) -> None:
    """Back to the page before, whose form is sent once more; then on."""
    state = go(traveller, journey, shop, until=1)
    before = traveller.place
    steps = journey.steps()
    if len(steps) > 2:
        steps[1](traveller)
    traveller.open(before)
    assert traveller.response.status_code == 200
    # What was proven stays proven: the page of a login at its second step is the second step.
    on_with_it(traveller, journey, len(steps) - 1 if traveller.page.heading == "Second step" else 1)
    end_well(traveller, journey, shop, state)


def test_the_back_button_at_the_end(traveller: Traveller, journey: Journey, shop: Relying) -> None:
    """Every page of the way, opened again after it: on to the app, or one button that begins again."""
    state = secrets.token_urlsafe(8)
    traveller.open(shop.request(state))
    places = [traveller.place]
    for step in journey.steps():
        step(traveller)
        if traveller.arrived is None:
            places.append(traveller.place)
    assert traveller.came_back(shop, state)
    for place in places:
        traveller.open(place)
        assert traveller.came_back(shop, state) or len(traveller.main_buttons()) == 1, place


@pytest.mark.parametrize("same_app", [True, False], ids=["same_app", "other_app"])
def test_a_second_tab(
    traveller: Traveller, journey: Journey, shop: Relying, wiki: Relying, same_app: bool, somebody: Somebody
) -> None:
    done = points(journey)[-1]
    first_state = go(traveller, journey, shop, until=done)
    first_tab = traveller.response, traveller.page
    second_app = shop if same_app else wiki
    second_state = secrets.token_urlsafe(8)
    traveller.open(second_app.request(second_state))
    other = JOURNEYS["password"](traveller.portal)
    other.prepare(somebody())
    for step in other.steps():
        step(traveller)
    assert traveller.came_back(second_app, second_state)

    traveller.response, traveller.page = first_tab
    traveller.arrived = None
    on_with_it(traveller, journey, done)
    end_well(traveller, journey, shop, first_state)


def test_an_expiry_in_the_middle(
    traveller: Traveller, journey: Journey, shop: Relying, portal_server: PortalServer
) -> None:
    for done in points(journey):
        traveller.http.cookies.clear()
        state = go(traveller, journey, shop, until=done)
        portal_server.sql("update authn.login_flows set expires_at = now() where finished_at is null")
        on_with_it(traveller, journey, done)
        assert not traveller.came_back(shop, state), "it should have expired"
        assert traveller.response.status_code == 410, f"{traveller.place}: {traveller.page.text[:300]}"
        portal_server.sql("delete from authn.verifications")  # so that a new code may be asked for at once
        end_well(traveller, journey, shop, state)
        if journey.__class__.__name__ == "BySignUp":
            return


def test_not_you(traveller: Traveller, journey: Journey, shop: Relying, somebody: Somebody) -> None:
    """Somebody else goes on from the same page, and arrives with the same request as themselves."""
    other = an_email("other")
    somebody().sign_up(other)
    for done in points(journey):
        traveller.http.cookies.clear()
        state = go(traveller, journey, shop, until=done)
        [*away] = [address for words, address in traveller.page.links if words in ("Not you?", "Wrong address?")]
        if not away:
            continue  # nobody is named on this page
        traveller.open(str(traveller.response.url.join(away[0])))
        if traveller.path in ("/signup/verify", "/recover"):
            continue  # a wrong address is corrected there; its own tests do that
        traveller.submit("/login", email=other).submit("/login/password", password=PASSWORD)
        assert traveller.came_back(shop, state), f"{traveller.place}: {traveller.page.text[:300]}"
        assert other in traveller.http.get("/account").text


def test_a_link_that_another_browser_opens_begins_afresh_there(
    traveller: Traveller, shop: Relying, somebody: Somebody, portal_server: PortalServer
) -> None:
    journey = JOURNEYS["mailed_link"](portal_server)
    journey.prepare(somebody())
    state = go(traveller, journey, shop, until=2)
    place = traveller.place
    phone: Person = somebody()
    phone.open(place)
    assert phone.response.status_code == 403
    assert state not in phone.response.text
    assert journey.who not in phone.response.text
    [way_on] = [address for words, address in phone.page.links if words == "Start again at shop"]
    assert way_on.startswith(f"/apps/{shop.client_id}")
    journey.steps()[2](traveller)
    assert traveller.came_back(shop, state)
