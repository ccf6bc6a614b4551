"""Codes of apps and recovery codes work once: on two processes, at one moment, beside the clock (G3, G4)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.events import events_about, happened
from tests.support.person import PASSWORD, Person, Somebody, an_email
from tests.support.second_step import SET_UP, App, choose_way, get_codes, set_up_app
from tests.support.server import PortalServer

TOTP, RECOVERY = "/login/totp", "/login/recovery-code"
AT_ONCE = 30
LOGINS = 5  # half-made logins of one browser that the account knows: as many tries as it has


@pytest.fixture
def bo(zoe: Person) -> tuple[str, App, Person]:
    email = an_email("bo")
    app = set_up_app(zoe.sign_up(email))
    return email, app, zoe


def half_logins(person: Person, email: str, number: int) -> list[str]:
    """Prove the password that many times in one browser, each time for a login of its own; return their flows."""
    flows = []
    for _ in range(number):
        person.open("/login").submit("/login", email=email).submit("/login/password", password=PASSWORD)
        assert person.page.heading == "Second step"
        flows.append(person.response.url.params["flow"])
    return flows


def at_once(
    person: Person, processes: tuple[PortalServer, PortalServer], path: str, forms: list[dict[str, str]]
) -> int:
    """Send all the forms of this browser at one moment, every other one elsewhere; return how many logged in."""
    ready = threading.Barrier(len(forms))
    cookie = f"portal_browser={person.cookies['portal_browser']}"
    address = str(person.http.headers["x-forwarded-for"])

    def send(number: int) -> httpx.Response:
        headers = {"host": processes[0].host, "origin": processes[0].url, "x-forwarded-for": address, "cookie": cookie}
        with httpx.Client(base_url=processes[number % 2].address, headers=headers, timeout=60) as http:
            ready.wait(60)
            return http.post(path, data=forms[number])

    with ThreadPoolExecutor(len(forms)) as pool:
        answers = list(pool.map(send, range(len(forms))))
    assert {answer.status_code for answer in answers} <= {303, 410, 422, 429, 503}
    return len([answer for answer in answers if "portal_session=" in answer.headers.get("set-cookie", "")])


def count(portal: PortalServer, email: str, event: str) -> int:
    return [name for name, _values in events_about(portal, email)].count(event)


def later(portal: PortalServer, email: str) -> None:
    """Let minutes pass for the app's codes, and a quarter of an hour for the tries."""
    of_bo = f"from authn.users u where u.id = t.user_id and u.email = '{email}'"
    portal.sql(
        f"update authn.mfa_secrets t set last_step = t.last_step - 10 {of_bo}",
        f"update authn.second_step_attempts t set attempted_at = t.attempted_at - interval '1 hour' {of_bo}",
    )


@pytest.mark.adversarial("G3")
def test_g3_one_code_at_one_moment_on_two_processes_opens_one_login(
    portal_server: PortalServer, second_process: PortalServer, bo: tuple[str, App, Person]
) -> None:
    email, app, zoe = bo
    zoe.log_out()
    flows, code = half_logins(zoe, email, LOGINS), app.code()
    forms = [{"flow": flow, "code": code} for flow in flows]
    assert at_once(zoe, (portal_server, second_process), TOTP, forms) == 1
    assert count(portal_server, email, "mfa_used") == 1
    assert happened(portal_server, email, "second_step_failed", because="used_before")


@pytest.mark.adversarial("G3")
def test_g3_a_code_works_once_within_one_step_of_the_clock(
    portal_server: PortalServer, bo: tuple[str, App, Person], somebody: Somebody
) -> None:
    email, app, zoe = bo
    later(portal_server, email)
    used = app.code(1)
    zoe.log_out().log_in(email).submit(TOTP, code=used)
    assert zoe.is_logged_in(), "the positive control: one step ahead"
    zoe.log_out()
    # The same again, the step before it and the one before that: newer ones only. And nothing from further away.
    tries = {"the same": used, "now": app.code(0), "the step before": app.code(-1), "three ahead": app.code(3)}
    for name, code in tries.items():
        zoe.log_in(email).submit(TOTP, code=code)
        assert zoe.response.status_code == 422, name
        assert not zoe.is_logged_in(), name
    assert happened(portal_server, email, "second_step_failed", because="used_before")
    later(portal_server, email)
    for far in (-3, 3):
        assert zoe.log_in(email).submit(TOTP, code=app.code(far)).response.status_code == 422
    zoe.log_in(email).submit(TOTP, code=app.code(0))
    assert zoe.is_logged_in(), "the positive control: this very step"


@pytest.mark.adversarial("G3")
def test_g3_what_an_app_showed_before_another_took_its_place_opens_nothing(
    portal_server: PortalServer, second_process: PortalServer, bo: tuple[str, App, Person]
) -> None:
    email, old, zoe = bo
    [action] = [
        form.action
        for form in zoe.open("/account/security").page.forms
        if form.action.startswith(SET_UP) and form.action.endswith("/remove")
    ]
    zoe.submit(action)
    new = set_up_app(zoe)
    set_up_with = new.code(0)
    zoe.log_out()
    for name, code in {"the old app": old.code(), "the code that set the new one up": set_up_with}.items():
        assert zoe.log_in(email).submit(TOTP, code=code).response.status_code == 422, name
        assert not zoe.is_logged_in(), name
    assert happened(portal_server, email, "second_step_failed", mfa_type="totp")
    later(portal_server, email)
    code = new.code()
    forms = [{"flow": flow, "code": code} for flow in half_logins(zoe, email, LOGINS)]
    assert at_once(zoe, (portal_server, second_process), TOTP, forms) == 1, "the positive control, and it is one"


@pytest.mark.adversarial("G4")
@pytest.mark.parametrize("logins", [1, LOGINS], ids=["one_login", "several_logins"])
def test_g4_of_thirty_uses_of_one_recovery_code_one_logs_in(
    portal_server: PortalServer, second_process: PortalServer, bo: tuple[str, App, Person], logins: int
) -> None:
    email, _app, zoe = bo
    codes = get_codes(zoe)
    zoe.log_out()
    flows = half_logins(zoe, email, logins)
    forms = [{"flow": flows[number % logins], "code": codes[0]} for number in range(AT_ONCE)]
    assert at_once(zoe, (portal_server, second_process), RECOVERY, forms) == 1
    assert count(portal_server, email, "mfa_used") == 1
    # Used up for good, whatever its set still holds.
    later(portal_server, email)
    again(zoe, email, codes[0])
    assert zoe.response.status_code == 422
    assert happened(portal_server, email, "second_step_failed", mfa_type="recovery_codes")
    again(zoe, email, codes[1])
    assert zoe.is_logged_in(), "the positive control"


@pytest.mark.adversarial("G4")
def test_g4_a_new_set_leaves_nothing_of_the_old_one(
    portal_server: PortalServer, bo: tuple[str, App, Person], somebody: Somebody
) -> None:
    email, _app, zoe = bo
    old, new = get_codes(zoe), get_codes(zoe)
    other = somebody()
    for number, code in enumerate(old[:4]):
        again(other, email, code)
        assert other.response.status_code == 422, number
    assert not other.is_logged_in()
    assert happened(portal_server, email, "second_step_failed", mfa_type="recovery_codes")
    again(other, email, new[0])
    assert other.is_logged_in(), "the positive control"


def again(person: Person, email: str, code: str) -> None:
    choose_way(person.log_in(email), "recovery_codes").submit(RECOVERY, code=code)
