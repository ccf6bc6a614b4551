"""Each method as an account's only one: it logs in, it proves it again, and nobody can take it away."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

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
from tests.support.events import happened
from tests.support.person import Person, an_email
from tests.support.second_step import SET_UP, get_codes, set_up_app
from tests.support.server import PortalServer

Somebody = Callable[..., Person]
NO_PASSWORD = ("UPDATE authn.users SET password_hash = null WHERE email = '{who}'",)
NO_MAILBOX = (
    "UPDATE authn.users SET email_verified_at = null WHERE email = '{who}'",
    "UPDATE authn.identities SET verified_at = null WHERE value = '{who}'",
)


@dataclass(frozen=True)
class Only:
    """A method, and what has to go from an account so that nothing else is left."""

    journey: type[Journey]
    gone: tuple[str, ...] = ()
    amr: list[str] = field(default_factory=list)


METHODS = {
    "password": Only(ByPassword, NO_MAILBOX, ["pwd"]),
    "mailed_code": Only(ByMailedCode, NO_PASSWORD, ["email"]),
    "mailed_link": Only(ByMailedLink, NO_PASSWORD, ["email"]),
    "text_message": Only(ByTextMessage, (), ["sms"]),
    "passkey": Only(ByPasskey, (*NO_PASSWORD, *NO_MAILBOX), ["swk", "user", "mfa"]),
}


@pytest.fixture(params=METHODS)
def only(request: pytest.FixtureRequest, portal_server: PortalServer, somebody: Somebody) -> tuple[Only, Journey]:
    """A method, and the account that has nothing else."""
    chosen = METHODS[request.param]
    journey = chosen.journey(portal_server)
    journey.prepare(somebody())
    portal_server.sql(*(statement.format(who=journey.who) for statement in chosen.gone))
    return chosen, journey


def log_in(journey: Journey) -> Traveller:
    person = Traveller(journey.portal)
    person.open("/login")
    go_through(journey, person)
    return person


def go_through(journey: Journey, person: Traveller) -> None:
    for step in journey.steps():
        step(person)


def ways_in(portal: PortalServer, journey: Journey) -> list[str]:
    [row] = portal.rows("select authn.list_ways_in($1, 'default') as ways", user_id(portal, journey.who))
    return list(row["ways"])  # type: ignore[call-overload]


def user_id(portal: PortalServer, who: str) -> Any:
    [row] = portal.rows(
        "select u.id from authn.users u where u.email = $1 union "
        "select i.user_id from authn.identities i where i.value = $1",
        who,
    )
    return row["id"]


def test_it_logs_in_and_the_session_says_how(only: tuple[Only, Journey], portal_server: PortalServer) -> None:
    chosen, journey = only
    assert len(ways_in(portal_server, journey)) == 1
    with log_in(journey) as person:
        assert person.path == "/account"
    [session] = portal_server.rows(
        "select amr from authn.sessions where user_id = $1 order by created_at desc limit 1",
        user_id(portal_server, journey.who),
    )
    assert session["amr"] == chosen.amr


def test_it_proves_it_again_and_leads_back(only: tuple[Only, Journey], portal_server: PortalServer) -> None:
    _chosen, journey = only
    with log_in(journey) as person:
        portal_server.sql(
            "UPDATE authn.sessions SET auth_time = now() - interval '11 minutes' "
            f"WHERE user_id = '{user_id(portal_server, journey.who)}'"
        )
        person.open(SET_UP)
        assert person.path == "/login"
        steps = journey.steps()
        # Who it is stands there already, where the person has an address.
        for step in steps if "@" not in journey.who else steps[1:]:
            step(person)
        assert person.path == SET_UP
        assert person.page.heading == "Authenticator app"


def test_nothing_on_the_security_page_takes_it_away(only: tuple[Only, Journey], portal_server: PortalServer) -> None:
    _chosen, journey = only
    with log_in(journey) as person:
        person.open("/account/security")
        removals = [form.action for form in person.page.forms if form.action.endswith("/remove")]
        assert bool(removals) == isinstance(journey, ByPasskey)
        for action in removals:
            person.submit(action)
            assert person.response.status_code == 409
            assert "only way to log in" in person.page.text
            assert happened(portal_server, journey.who, "mfa_removal_refused")
            person.open("/account/security")
        before = ways_in(portal_server, journey)
    assert ways_in(portal_server, journey) == before
    with log_in(journey) as again:
        assert again.path == "/account"


def test_a_second_step_is_no_way_in_and_its_removal_leaves_the_only_one(
    only: tuple[Only, Journey], portal_server: PortalServer
) -> None:
    _chosen, journey = only
    with log_in(journey) as person:
        set_up_app(person)
        get_codes(person)
        person.open("/account/security")
        apps = [form.action for form in person.page.forms if form.action.startswith(SET_UP)]
        others = [
            form.action
            for form in person.page.forms
            if form.action.endswith("/remove") and not form.action.startswith(SET_UP)
        ]
        for action in others:
            person.open("/account/security").submit(action)
            assert person.response.status_code == 409, "an app and recovery codes begin no login"
        person.open("/account/security").submit(next(action for action in apps if action.endswith("/remove")))
        assert person.path == "/account/security"
    with log_in(journey) as again:
        assert again.path == "/account"


def test_of_two_removals_at_once_of_the_last_two_one_is_refused(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    for _round in range(3):
        email, owner = an_email("chen"), somebody()
        owner.sign_up(email)
        keys = [add_passkey(owner), add_passkey(owner)]
        portal_server.sql(*(statement.format(who=email) for statement in (*NO_PASSWORD, *NO_MAILBOX)))
        # One session each, as the first removal ends every other one.
        people = [use_passkey(somebody(), key) for key in keys]
        actions = [
            form.action for form in owner.open("/account/security").page.forms if form.action.endswith("/remove")
        ]
        assert len(actions) == 2

        def remove(person: Person, action: str) -> int:
            answer = person.http.post(action, headers={"origin": person.origin}, data={"x": ""})
            return answer.status_code

        with ThreadPoolExecutor(6) as at_once:
            answers = [
                pending.result()
                for pending in [
                    at_once.submit(remove, person, action) for person in (owner, *people) for action in actions
                ]
            ]
        assert answers.count(303) >= 1
        [left] = portal_server.rows(
            "select count(*) as n from authn.mfa_secrets where user_id = $1", user_id(portal_server, email)
        )
        assert left["n"] == 1
        assert sum(use_passkey(somebody(), key).is_logged_in() for key in keys) == 1, "and it logs in"
        assert any(
            event["n"]
            for event in portal_server.rows(
                "select count(*) as n from authn.audit_events where event_type = 'mfa_removal_refused' and "
                "new_values ->> 'user_id' = $1",
                str(user_id(portal_server, email)),
            )
        )
