"""Every first factor alone and with every second one, from the demo app and back, at plain forms.

The ID token says how: `amr` (RFC 8176), `acr` and `auth_time`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.flows.test_an_app_logs_people_in import claim
from tests.flows.the_way_back import (
    ByMailedCode,
    ByMailedLink,
    ByPasskey,
    ByPassword,
    ByTextMessage,
    Journey,
    Traveller,
)
from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.support.authenticator import Authenticator
from tests.support.person import Person
from tests.support.phone import a_phone, code_for, set_up_phone
from tests.support.second_step import App, choose_way, get_codes, set_up_app
from tests.support.server import PortalServer

Somebody = Callable[..., Person]

FIRSTS: dict[str, tuple[type[Journey], tuple[str, ...]]] = {
    "password": (ByPassword, ("pwd",)),
    "mailed_code": (ByMailedCode, ("email",)),
    "mailed_link": (ByMailedLink, ("email",)),
    "text_message": (ByTextMessage, ("sms",)),
    "passkey": (ByPasskey, ("swk", "user")),
}
SECONDS = {
    "none": (),
    "totp": ("otp",),
    "recovery_codes": ("otp",),
    "text_message": ("sms",),
    "passkey": ("swk", "user"),
}


@dataclass
class Owner:
    """What the person of the journey has for a second step."""

    app: App
    codes: list[str]
    passkey: Authenticator | None
    phone: str = ""


def enrol(journey: Journey, owner: Person, second: str) -> Owner | None:
    """Enrol the second factor in the owner's browser, after one login there."""
    if second == "none":
        return None
    if not owner.is_logged_in():
        log_in(journey, owner.open("/login"))
    if second == "passkey":
        passkey = add_passkey(owner)
        owner.post("/account/passkeys/second-step", {"ask": "yes"})
        return Owner(App("A" * 32), [], passkey)
    if second == "text_message":
        phone = a_phone()
        set_up_phone(owner, phone)
        return Owner(App("A" * 32), [], None, phone)
    app = set_up_app(owner)
    return Owner(app, get_codes(owner), None)


def log_in(journey: Journey, person: Any) -> None:
    for step in journey.steps():
        step(person)


def take_second_step(person: Person, second: str, has: Owner) -> None:
    assert person.page.heading == "Second step", person.page.text
    assert "to continue to Demo app" in person.page.text
    assert not person.is_logged_in(), "one factor is no login"
    if second == "totp":
        person.submit("/login/totp", code=has.app.code())
    elif second == "text_message":
        person.submit("/login/text-message/send")
        person.submit("/login/text-message", code=code_for(person.portal, has.phone))
    elif second == "recovery_codes":
        choose_way(person, second).submit("/login/recovery-code", code=has.codes[0])
    else:
        assert has.passkey
        use_passkey(person, has.passkey, flow=person.response.url.params["flow"])


# A passkey that verified its user is two factors already, and one text message after another is one: nothing is added.
PAIRS = [
    (first, second)
    for first in FIRSTS
    for second in SECONDS
    if second == "none" or (first != "passkey" and first != second)
]


@pytest.mark.adversarial("F3")
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{first}-{second}" for first, second in PAIRS])
def test_a_pair_leads_from_the_app_and_back_and_the_token_says_how(
    portal_server: PortalServer, demo_app: str, somebody: Somebody, first: str, second: str
) -> None:
    make, amr = FIRSTS[first]
    journey, owner = make(portal_server), somebody()
    journey.prepare(owner)
    has = enrol(journey, owner, second)
    if first in ("mailed_code", "mailed_link", "text_message") and has:
        pass_the_wait_for_another_code(portal_server)

    began = int(time.time())
    with Traveller(portal_server) as person:
        person.open(demo_app).follow("Log in")
        log_in(journey, person)
        if has:
            take_second_step(person, second, has)
        if "know who you are" in person.page.heading:
            person.submit("/oauth2/consent", {"decision": "allow"})
        assert person.page.heading == "You are logged in", person.page.text
        strong = second != "none" or first == "passkey"
        told = claim(person, "amr").replace(",", " ").split()
        assert set(told) == {*amr, *SECONDS[second], *(("mfa",) if strong else ())}
        assert claim(person, "acr") == ("aal2" if strong else "aal1")
        told_time = datetime.strptime(claim(person, "auth_time"), "%d %B %Y, %H:%M:%S %Z").replace(tzinfo=UTC)
        assert began <= told_time.timestamp() <= time.time()


def pass_the_wait_for_another_code(portal: PortalServer) -> None:
    """The owner's own login a moment ago sent a code; the next one may be asked for."""
    portal.sql("UPDATE authn.verifications SET created_at = created_at - interval '2 minutes'")


@pytest.mark.parametrize("second", ["totp", "recovery_codes"])
def test_whoever_logs_in_with_a_passkey_is_asked_for_no_second_step(
    portal_server: PortalServer, demo_app: str, somebody: Somebody, second: str
) -> None:
    journey, owner = ByPasskey(portal_server), somebody()
    journey.prepare(owner)
    enrol(journey, owner, second)
    with Traveller(portal_server) as person:
        person.open(demo_app).follow("Log in")
        log_in(journey, person)
        person.submit("/oauth2/consent", {"decision": "allow"})
        assert claim(person, "acr") == "aal2"
        assert "otp" not in claim(person, "amr")
