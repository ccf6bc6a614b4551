"""Forty guesses at once at everything that is short enough to guess, on two processes (adversarial G1).

What is counted is what was compared: each comparison leaves an event and uses up one of five tries.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.server import PortalServer, an_address

AT_ONCE = 40
TRIES = 5

pytestmark = [pytest.mark.asvs("6.3.1"), pytest.mark.adversarial("G1")]


@dataclass(frozen=True)
class Secret:
    """Something to guess: how a browser is asked for it, where it is typed, and the event of a wrong one."""

    ask: Callable[[Person, str], object]
    verify: str
    event: str
    has_account: bool = True


CODES = {
    "sign-up code": Secret(
        lambda person, email: person.ask_to_sign_up(email), "/signup/verify", "signup_code_failed", has_account=False
    ),
    "login code": Secret(
        lambda person, email: person.post("/login/code", {"email": email}), "/login/code/verify", "login_code_failed"
    ),
    "recovery code": Secret(
        lambda person, email: person.post("/recover", {"email": email}), "/recover/verify", "recovery_code_failed"
    ),
}


def compared(portal: PortalServer, email: str, *events: str) -> int:
    query = "select count(*) as n from authn.audit_events where resource_id = $1 and event_type = any ($2)"
    return int(str(portal.rows(query, email, list(events))[0]["n"]))


def at_once(
    first: PortalServer, second: PortalServer, path: str, forms: list[dict[str, str]], headers: dict[str, str]
) -> list[httpx.Response]:
    """Send forms at the same moment to two processes of one portal, as one browser."""
    ready = threading.Barrier(len(forms))

    def one(number: int) -> httpx.Response:
        ready.wait(60)
        address = (first, second)[number % 2].address
        sent = {"host": first.host, "origin": first.url, **headers}
        return httpx.post(f"{address}{path}", data=forms[number], headers=sent, timeout=60)

    with ThreadPoolExecutor(len(forms)) as pool:
        return list(pool.map(one, range(len(forms))))


def is_let_in(answer: httpx.Response) -> bool:
    cookies = answer.headers.get("set-cookie", "")
    return "portal_session=" in cookies or answer.headers.get("location", "").startswith("/recover/password")


@pytest.mark.parametrize("kind", CODES)
def test_g1_of_forty_codes_at_once_five_are_compared(
    portal_server: PortalServer, second_process: PortalServer, zoe: Person, somebody: Somebody, kind: str
) -> None:
    secret, email = CODES[kind], an_email()
    if secret.has_account:
        somebody().sign_up(email)
    secret.ask(zoe, email)
    fields = zoe.page.form(secret.verify).fields
    right = newest_mail(portal_server, email).code or ""
    wrong = [code for code in (f"{number:06}" for number in range(AT_ONCE)) if code != right][: AT_ONCE - 1]
    forms = [{**fields, "code": code} for code in (*wrong, right)]
    headers = {"cookie": f"portal_browser={zoe.cookies['portal_browser']}"}
    answers = at_once(portal_server, second_process, secret.verify, forms, headers)
    let_in = [answer for answer in answers if is_let_in(answer)]
    # Behind a right recovery code the others of its browser are led on to the same page: that is one, too.
    assert compared(portal_server, email, secret.event) + bool(let_in) <= TRIES
    assert len([answer for answer in let_in if "portal_session=" in answer.headers.get("set-cookie", "")]) <= 1
    assert {answer.status_code for answer in answers if answer not in let_in} <= {303, 410, 422}
    if not let_in:  # the right one was rarely among the first five
        [tried] = portal_server.rows(
            "select attempts from authn.verifications where email = $1 order by created_at desc limit 1", email
        )
        assert tried["attempts"] == TRIES, "no count was lost"
        assert compared(portal_server, email, secret.event) == TRIES
        zoe.post(secret.verify, {**fields, "code": right})
        assert not is_let_in(zoe.response)
        assert compared(portal_server, email, secret.event) == TRIES, "not even looked at"
    # The positive control: whoever asks anew and types what the mail says is let in.
    honest, again = somebody(), an_email()
    if secret.has_account:
        somebody().sign_up(again)
    secret.ask(honest, again)
    honest.submit(secret.verify, code=newest_mail(portal_server, again).code or "")
    assert honest.path in ("/account", "/recover/password")


def test_g1_of_forty_passwords_at_once_five_are_compared(
    portal_server: PortalServer, second_process: PortalServer, zoe: Person
) -> None:
    email = an_email()
    zoe.sign_up(email).log_out()
    passwords = [f"guess number {number}" for number in range(AT_ONCE - 1)] + [PASSWORD]
    forms = [{"email": email, "password": password} for password in passwords]
    headers = {"x-forwarded-for": an_address()}
    answers = at_once(portal_server, second_process, "/login/password", forms, headers)
    let_in = [answer for answer in answers if is_let_in(answer)]
    wrong = [answer for answer in answers if answer.status_code == 422]
    assert len(wrong) <= TRIES  # one that is right uses nothing up
    assert {answer.status_code for answer in answers if answer not in let_in} == {422, 429}
    assert compared(portal_server, email, "login_attempt_failed", "lockout_triggered") == len(wrong)
    late = httpx.post(f"{portal_server.url}/login/password", data=forms[-1], headers={"origin": zoe.origin, **headers})
    # Where the right one was rarely among the five, it has left a try.
    assert late.status_code == (303 if len(wrong) < TRIES else 429), "also the right one"
    refused = portal_server.rows(
        "select 1 as n from authn.audit_events where event_type = 'request_refused' "
        "and resource_id = $1 and new_values ->> 'kind' = 'throttled'",
        f"{headers['x-forwarded-for']}/32",
    )
    assert refused
    # The positive control: the owner, at the browser that the account knows.
    assert zoe.log_in(email).path == "/account"
