"""An invitation is for one address, once, until its last second or until it is taken back (adversarial E6, G8, G9).

Each with the honest use of one, and the event that names what was refused.
"""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Portal, Result, plain_environment
from tests.signup.test_who_may_sign_up import has_account, invite, sign_up_in_vain
from tests.support.person import IPHONE, PASSWORD, an_email, mails_to, newest_mail
from tests.support.server import an_address
from tests.support.tenant import MakeTenant, Tenant, Visitor

pytestmark = pytest.mark.adversarial("G8", "G9")

THE_LINK = "/invite/the-code"
ROLES = {"role": "admin", "roles": "admin", "is_admin": "1", "admin": "1", "metadata": '{"role":"admin"}', "sub": "1"}


@pytest.fixture
def closed_club(a_tenant: MakeTenant) -> Tenant:
    return a_tenant(signup="invite")


def use(tenant: Tenant, email: str, link: str = THE_LINK) -> bool:
    """Sign up by the invitation's link; whether that logs in."""
    zoe = tenant.visitor().open(link).submit(link).submit("/signup", new_password=PASSWORD)
    return zoe.submit("/signup/verify", code=newest_mail(tenant, email).code or "").is_logged_in()


def waiting_for_code(tenant: Tenant, password: str = PASSWORD) -> Visitor:
    """Somebody whom the link let in, on the page that asks for the code."""
    visitor = tenant.visitor().open(THE_LINK).submit(THE_LINK).submit("/signup", new_password=password)
    assert visitor.path == "/signup/verify"
    return visitor


def command(tenant: Tenant, *arguments: str) -> Result:
    """Run `portal` as the operator, about this tenant."""
    settings = {name: value for name, value in tenant.server.environment.items() if name != "PORT"}
    return Portal(plain_environment(**settings)).run(*arguments, "--namespace", tenant.name)


def set_expiry(tenant: Tenant, interval: str) -> None:
    query = "update authn.invites set expires_at = now() + $1::text::interval where namespace = $2 returning 1"
    assert tenant.rows(query, interval, tenant.name)


def refused_by_the_link(tenant: Tenant) -> int:
    """How many networks were told of an invitation that is none."""
    return len([event for event in tenant.events("request_refused") if event["new_values"]["kind"] == "invitation"])


def assert_dead(tenant: Tenant, link: str = THE_LINK) -> None:
    """Neither opening it nor pressing its button leads on, nor tells that there ever was one; each refusal is noted."""
    never_made = tenant.visitor().open("/invite/never-made")
    before = refused_by_the_link(tenant)
    for visitor in (tenant.visitor().open(link), tenant.visitor().post(link), tenant.visitor().post(link, ROLES)):
        assert visitor.response.status_code == 410
        assert visitor.page.heading == "This invitation no longer works"
        assert visitor.page.text == never_made.page.text
    assert refused_by_the_link(tenant) == before + 3


def refused_sign_ups(tenant: Tenant) -> list[tuple[object, Any]]:
    """Whose sign-ups were refused and why: when the mail was sent, or when the account was to be made."""
    begun = [(event["resource_id"], event["new_values"]["outcome"]) for event in tenant.events("signup_started")]
    ended = [(event["resource_id"], event["new_values"]["reason"]) for event in tenant.events("signup_refused")]
    return [(whose, why) for whose, why in begun if why != "signup"] + ended


def test_g9_an_invitation_is_good_once(closed_club: Tenant) -> None:
    email, other = an_email(), an_email("mallory")
    invite(closed_club, email, "the-code")
    assert use(closed_club, email)
    assert_dead(closed_club)
    sign_up_in_vain(closed_club, other)
    sign_up_in_vain(closed_club, email.replace("@", "+again@"))
    assert [why for _whose, why in refused_sign_ups(closed_club)] == ["signup_refused"] * 2


def test_g9_an_invitation_is_good_for_no_other_address(closed_club: Tenant) -> None:
    invited, mallory = an_email(), an_email("mallory")
    invite(closed_club, invited, "the-code")
    page = closed_club.visitor().open(THE_LINK).submit(THE_LINK)
    fields = {**page.page.form("/signup").fields, "email": mallory, "new_password": PASSWORD}
    page.post("/signup", fields)
    assert page.path == "/signup/verify", "as for everybody"
    assert newest_mail(closed_club, mallory).code is None
    page.submit("/signup/verify", code="123456")
    assert page.response.status_code == 422
    # Nor does an address that was let in let another one in behind it.
    page = waiting_for_code(closed_club)
    other = an_email("other")
    page.post("/signup/resend", {**page.page.form("/signup/verify").fields, "email": other})
    assert newest_mail(closed_club, other).code is None
    assert not any(has_account(closed_club, email) for email in (mallory, other))
    assert refused_sign_ups(closed_club) == [(mallory, "signup_refused"), (other, "signup_refused")]
    assert use(closed_club, invited)


def test_g9_two_who_use_one_invitation_at_once_make_one_account(closed_club: Tenant) -> None:
    """Both were let in by it, and both read the mailbox; one account is made, with the password of one of them."""
    email = an_email()
    invite(closed_club, email, "the-code")
    passwords = (PASSWORD, "a password of somebody else")
    people = [waiting_for_code(closed_club, password) for password in passwords]
    codes = [mail.code or "" for mail in reversed(mails_to(closed_club, email))]
    ready = threading.Barrier(2)

    def verify(number: int) -> bool:
        fields = {**people[number].page.form("/signup/verify").fields, "code": codes[number]}
        ready.wait(30)
        people[number].post("/signup/verify", fields)
        return people[number].is_logged_in()

    with ThreadPoolExecutor(2) as pool:
        let_in = list(pool.map(verify, range(2)))
    assert sorted(let_in) == [False, True]
    [made] = closed_club.rows("select count(*) as n from authn.users where email = $1", email)
    assert made["n"] == 1
    assert refused_sign_ups(closed_club) == [(email, "taken")]
    assert_dead(closed_club)
    assert closed_club.visitor().log_in(email, passwords[let_in.index(True)]).is_logged_in()
    assert not closed_club.visitor().log_in(email, passwords[let_in.index(False)]).is_logged_in()


def test_g9_somebody_who_is_logged_in_does_not_get_it(closed_club: Tenant) -> None:
    invited, mine = an_email(), an_email("mallory")
    my_id = closed_club.account(mine)
    invite(closed_club, invited, "the-code")
    mallory = closed_club.visitor().log_in(mine)
    assert mallory.is_logged_in()
    mallory.open(THE_LINK).submit(THE_LINK)
    assert not mallory.is_logged_in(), "the sign-up is nobody's yet"
    # Whatever mallory types now, nothing comes of it but the mail to the invited mailbox.
    fields = {**mallory.page.form("/signup").fields, "new_password": "a password of mallory", **ROLES}
    mallory.post("/signup", {**fields, "email": mine})
    assert newest_mail(closed_club, mine).subject.startswith("You already have")
    mallory.open(THE_LINK).submit(THE_LINK).submit("/signup", new_password="a password of mallory")
    for code in ("000000", "123456"):
        assert not mallory.submit("/signup/verify", code=code).is_logged_in()
    assert not has_account(closed_club, invited)
    assert refused_sign_ups(closed_club) == [(mine, "already_registered")]
    assert [event["resource_id"] for event in closed_club.events("signup_code_failed")] == [invited] * 2
    # The positive control: the invited one, by the mail that mallory asked for, with a password of their own.
    link = newest_mail(closed_club, invited).link
    zoe = closed_club.visitor().open(link).submit(link).submit("/signup/password", new_password=PASSWORD)
    assert zoe.is_logged_in()
    assert not closed_club.visitor().log_in(invited, "a password of mallory").is_logged_in()
    [account] = closed_club.rows("select id::text from authn.users where email = $1", invited)
    assert account["id"] != my_id


def test_g9_an_invitation_ends_with_its_last_second(closed_club: Tenant) -> None:
    email = an_email()
    invite(closed_club, email, "the-code")
    set_expiry(closed_club, "3 seconds")
    assert closed_club.visitor().open(THE_LINK).response.status_code == 200
    over = "select now() >= expires_at as over from authn.invites where namespace = $1"
    while not closed_club.rows(over, closed_club.name)[0]["over"]:
        time.sleep(0.01)
    assert_dead(closed_club)
    sign_up_in_vain(closed_club, email)
    set_expiry(closed_club, "1 minute")
    assert use(closed_club, email)
    assert refused_sign_ups(closed_club) == [(email, "signup_refused")]


def test_g9_a_sign_up_that_began_in_time_ends_with_the_invitation(closed_club: Tenant) -> None:
    email = an_email()
    invite(closed_club, email, "the-code")
    zoe = waiting_for_code(closed_club)
    mail = newest_mail(closed_club, email)
    set_expiry(closed_club, "0 seconds")
    zoe.submit("/signup/verify", code=mail.code or "")
    assert zoe.response.status_code == 403
    assert not has_account(closed_club, email)
    set_expiry(closed_club, "1 minute")
    assert use(closed_club, email)
    assert refused_sign_ups(closed_club) == [(email, "refused")]


def test_g9_an_invitation_that_was_taken_back_lets_nobody_in(closed_club: Tenant) -> None:
    email, other = an_email(), an_email()
    invite(closed_club, email, "the-code")
    invite(closed_club, other, "another-code")
    by_code, by_link = waiting_for_code(closed_club), waiting_for_code(closed_club)
    by_the_code, by_the_link = reversed(mails_to(closed_club, email))
    withdrawn = command(closed_club, "invitations", "withdraw", email.upper())
    assert (withdrawn.status, withdrawn.out) == (0, f"Withdrew the invitation of {email}.\n")
    assert_dead(closed_club)
    sign_up_in_vain(closed_club, email)
    by_code.submit("/signup/verify", code=by_the_code.code or "")
    by_link.open(by_the_link.link).submit(by_the_link.link)
    for visitor in (by_code, by_link):
        assert visitor.page.heading == "No new accounts here"
        assert not visitor.is_logged_in()
    assert not has_account(closed_club, email)
    assert refused_sign_ups(closed_club) == [(email, "signup_refused"), (email, "refused"), (email, "refused")]
    assert [event["new_values"] for event in closed_club.events("invite_withdrawn")] == [{"email": email}]
    # The positive controls: what was not taken back works, and so does a new invitation of the same address.
    assert use(closed_club, other, "/invite/another-code")
    invite(closed_club, email, "a-new-code")
    assert use(closed_club, email, "/invite/a-new-code")


def test_only_an_invitation_that_works_can_be_taken_back(closed_club: Tenant) -> None:
    used, late = an_email(), an_email()
    invite(closed_club, used, "the-code")
    assert use(closed_club, used)
    invite(closed_club, late, "another-code")
    set_expiry(closed_club, "0 seconds")
    for email in (used, late, an_email("nobody")):
        refused = command(closed_club, "invitations", "withdraw", email, "--json")
        assert refused.status == 1
        assert "There is no invitation" in refused.json["error"]
    assert "is no mail address" in command(closed_club, "invitations", "withdraw", f"{used},{late}").err
    assert closed_club.events("invite_withdrawn") == []


def test_g9_an_invitation_makes_nobody_more_than_a_person(closed_club: Tenant) -> None:
    """Fields that no form has, at every step of the way: the account is the one that a plain sign-up makes."""
    plain, greedy = an_email(), an_email()
    invite(closed_club, plain, "a-plain-code")
    assert use(closed_club, plain, "/invite/a-plain-code")
    invite(closed_club, greedy, "the-code")
    visitor = closed_club.visitor().open(THE_LINK).post(THE_LINK, ROLES)
    visitor.post("/signup", {**visitor.page.form("/signup").fields, "new_password": PASSWORD, **ROLES})
    code = newest_mail(closed_club, greedy).code
    visitor.post("/signup/verify", {**visitor.page.form("/signup/verify").fields, "code": code, **ROLES})
    assert visitor.is_logged_in()
    own = ("id", "email", "password_hash", "email_verified_at", "created_at", "updated_at")
    query = "select to_jsonb(u)::text as account from authn.users u where email = $1"
    accounts = [
        closed_club.rows(query.replace("to_jsonb(u)", f"(to_jsonb(u) - '{{{','.join(own)}}}'::text[])"), email)
        for email in (plain, greedy)
    ]
    assert accounts[0] == accounts[1]
    made = [event["new_values"] for event in closed_club.events("user_created")]
    assert [event and {**event, "email": ""} for event in made] == [made[0] and {**made[0], "email": ""}] * 2


@pytest.mark.adversarial("E6")
def test_e6_a_scanner_that_opens_an_invitation_uses_nothing_up(closed_club: Tenant) -> None:
    email = an_email()
    invite(closed_club, email, "the-code")
    everything = (
        "select (select count(*) from authn.login_flows f where f.namespace = $1) as flows, "
        "(select count(*) from authn.audit_events e where e.namespace = $1) as events, "
        "(select string_agg(i::text, ';' order by i.id) from authn.invites i where i.namespace = $1) as invites"
    )
    before = closed_club.rows(everything, closed_club.name)
    for agent in (IPHONE, "Mozilla/5.0 (compatible; SafeLinks scanner)", ""):
        headers = {"host": closed_club.host, "user-agent": agent, "x-forwarded-for": an_address()}
        for method in ("GET", "HEAD", "GET"):
            assert httpx.request(method, closed_club.address + THE_LINK, headers=headers).status_code == 200
    assert closed_club.rows(everything, closed_club.name) == before
    # One that presses buttons as well has no page of ours that sends it.
    pressed = httpx.post(closed_club.address + THE_LINK, headers={"host": closed_club.host})
    assert pressed.status_code == 403
    assert [event["new_values"]["kind"] for event in closed_club.events("request_refused")] == ["cross_site"]
    assert use(closed_club, email)


def test_g8_guessed_invitations_open_nothing(closed_club: Tenant) -> None:
    email = an_email()
    assert command(closed_club, "users", "invite", email).status == 0
    [link] = [httpx.URL(link).path for link in mails_to(closed_club, email)[0].links if "/invite/" in link]
    code = link.rpartition("/")[2]
    # A random token of 256 bits in base64: no number of guesses comes near, so there is no budget to use up.
    assert len(code) == 43
    near = (code[:-1], f"{code}A", code.swapcase(), f"{code}%00", f"%20{code}", code.replace(code[0], "-", 1) + "x")
    for guess in (*near, "%", "_", "' or true --", "a" * 43, "a" * 5000):
        answer = closed_club.visitor().open(f"/invite/{guess}").response
        assert answer.status_code in (404, 410, 414, 422), guess
    assert use(closed_club, email, link)


@pytest.mark.parametrize("networks", [1, 30])
def test_g8_guesses_are_counted_in_the_log_by_network(closed_club: Tenant, networks: int) -> None:
    email = an_email()
    invite(closed_club, email, "the-code")
    addresses = [f"100.{64 + networks}.{number}.{secrets.randbelow(250)}" for number in range(networks)]
    for number in range(30):
        headers = {"host": closed_club.host, "x-forwarded-for": addresses[number % networks]}
        guess = httpx.get(f"{closed_club.address}/invite/{secrets.token_urlsafe(32)}", headers=headers)
        assert guess.status_code == 410
    events = closed_club.events("request_refused")
    assert {event["new_values"]["kind"] for event in events} == {"invitation"}
    assert {event["resource_id"] for event in events} == {f"{address}/32" for address in addresses}
    if networks == 1:
        assert len(events) <= 4, "the first and the tenth of a minute"
    assert use(closed_club, email)
