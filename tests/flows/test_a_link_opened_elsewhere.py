"""The link of a mail in another browser: it neither shows nor finishes the first one's request, and begins at the app.

Login by mail is let in from there by two digits (tests/methods/email_code/test_approving_elsewhere.py).
"""

from collections.abc import Callable, Iterator

import pytest

from tests.flows.the_way_back import JOURNEYS, NEW_PASSWORD, Traveller, an_app
from tests.support.person import PASSWORD, Somebody, newest_mail
from tests.support.server import PortalServer

STATE = "a-state-of-the-first-browser"
STARTED = "https://starter.example/begin"


@pytest.fixture
def first(portal_server: PortalServer) -> Iterator[Traveller]:
    with Traveller(portal_server) as person:
        yield person


@pytest.fixture
def other(portal_server: PortalServer) -> Iterator[Traveller]:
    with Traveller(portal_server) as person:
        yield person


def sign_up_there(other: Traveller, link: str) -> None:
    other.submit(link).submit("/signup/password", new_password=PASSWORD)


def recover_there(other: Traveller, link: str) -> None:
    other.submit(link).submit("/recover/password", new_password=NEW_PASSWORD)


@pytest.mark.parametrize("starts", [True, False], ids=["app_that_can_begin", "app_that_cannot"])
@pytest.mark.parametrize(
    ("name", "finish"), [("sign_up", sign_up_there), ("recovery", recover_there)], ids=["sign_up", "recovery"]
)
def test_it_begins_afresh_and_never_with_the_first_state(
    first: Traveller,
    other: Traveller,
    portal_server: PortalServer,
    somebody: Somebody,
    name: str,
    finish: Callable[[Traveller, str], None],
    starts: bool,
) -> None:
    app = an_app(portal_server, "starter")
    if starts:
        portal_server.sql(
            f"update authn.clients set initiate_login_uri = '{STARTED}' where client_id = '{app.client_id}'"
        )
    journey = JOURNEYS[name](portal_server)
    journey.prepare(somebody())
    first.open(app.request(STATE))
    for step in journey.steps()[: -1 if name == "sign_up" else -2]:
        step(first)
    link = newest_mail(portal_server, journey.who).link
    other.open(link)
    assert other.response.status_code == 200
    assert STATE not in other.response.text
    finish(other, link)
    # Where the app begins a login, else its home: the app makes a request of its own.
    assert other.arrived is not None
    assert other.arrived.partition("?")[0] == (STARTED if starts else "https://starter.example/")
    assert STATE not in other.arrived
    assert journey.who in other.http.get("/account").text, "it is logged in there"
