"""The owner unlocks from the mailbox: strangers who use up a day's tries do not keep the owner out (product.md A25)."""

from collections.abc import Iterator

import httpx
import pytest

from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.support.person import IPHONE, PASSWORD, Mail, Person, Somebody, an_email, mails_to
from tests.support.server import PortalServer, an_address

FAILURES_A_DAY = 100
MAILS_AN_HOUR = 3
SUBJECT = "Unlock your login"

pytestmark = [pytest.mark.asvs("6.3.1"), pytest.mark.adversarial("G6")]


@pytest.fixture
def owner(portal_server: PortalServer) -> Iterator[tuple[str, Person]]:
    """Somebody with an account, logged out, at a browser that the account knows; strangers have used up the day."""
    email = an_email()
    with Person(portal_server) as person:
        person.sign_up(email).log_out()
        use_up_the_day(portal_server, email)
        yield email, person


def use_up_the_day(portal: PortalServer, email: str) -> None:
    portal.sql(
        "insert into authn.login_attempts (namespace, email, success, ip_address, attempted_at) "
        f"select 'default', '{email}', false, '198.51.100.1'::inet + n, now() - interval '2 hours' "
        f"from generate_series(1, {FAILURES_A_DAY}) n"
    )


def unlock_mails(portal: PortalServer, email: str) -> list[Mail]:
    return [mail for mail in mails_to(portal, email) if mail.subject.startswith(SUBJECT)]


def try_to_log_in(person: Person, email: str, password: str = PASSWORD) -> httpx.Response:
    person.open("/login").submit("/login", email=email)
    fields = person.page.form("/login/password").fields
    return person.post("/login/password", {**fields, "password": password}).response


def test_g6_one_mail_lets_the_owner_in_from_a_new_browser(
    portal_server: PortalServer, owner: tuple[str, Person], somebody: Somebody
) -> None:
    email, known = owner
    new = somebody()
    answer = try_to_log_in(new, email)
    assert answer.status_code == 429
    assert "We have mailed you a link" in new.page.text
    assert not new.is_logged_in()
    [mail] = unlock_mails(portal_server, email)
    new.open(mail.link)
    assert new.page.heading == "Unlock your login"
    new.submit(mail.link)
    assert new.path == "/login"
    new.submit("/login/password", password=PASSWORD)
    assert new.path == "/account"
    # The positive control: the browser that the account knows never noticed.
    assert known.log_in(email).path == "/account"
    events = portal_server.rows(
        "select event_type from authn.audit_events where event_type like 'login_unlock%' "
        "and resource_id in ($1, (select id::text from authn.users where email = $1)) order by id",
        email,
    )
    assert [event["event_type"] for event in events] == ["login_unlock_requested", "login_unlocked"]


def test_g6_a_passkey_knows_no_lock(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    """Nothing is guessed at a passkey, so no stranger's guesses stand in its way, in whichever browser."""
    email = an_email()
    zoe.sign_up(email)
    passkey = add_passkey(zoe)
    use_up_the_day(portal_server, email)
    assert try_to_log_in(somebody(), email).status_code == 429
    assert use_passkey(somebody(), passkey).is_logged_in()
    events = portal_server.rows(
        "select new_values ->> 'kind' as kind from authn.audit_events "
        "where event_type = 'login_unlock_requested' and resource_id = $1",
        email,
    )
    assert len(events) == 1, "the stranger's try"


def test_the_page_leads_back_to_where_the_login_began(
    portal_server: PortalServer, owner: tuple[str, Person], somebody: Somebody
) -> None:
    email, _known = owner
    new = somebody()
    new.open("/account/devices")
    new.submit("/login", email=email).submit("/login/password", password=PASSWORD)
    [mail] = unlock_mails(portal_server, email)
    new.open(mail.link).submit(mail.link).submit("/login/password", password=PASSWORD)
    assert new.path == "/account/devices"


def test_opening_the_link_changes_nothing_and_it_works_once(
    portal_server: PortalServer, owner: tuple[str, Person], somebody: Somebody
) -> None:
    email, _known = owner
    new, scanner = somebody(), somebody(agent=IPHONE)
    try_to_log_in(new, email)
    [mail] = unlock_mails(portal_server, email)
    for method in ("GET", "HEAD", "GET"):
        assert scanner.http.request(method, mail.link).status_code == 200
    assert (
        portal_server.rows(
            "select 1 as n from authn.login_unlocks u join authn.users p on p.id = u.user_id and p.email = $1", email
        )
        == []
    )
    assert new.open(mail.link).submit(mail.link).path == "/login"
    assert scanner.post(mail.link).response.status_code == 410
    assert try_to_log_in(scanner, email).status_code == 429


def test_g6_the_owners_press_gives_the_stranger_who_asked_no_try(
    portal_server: PortalServer, owner: tuple[str, Person], somebody: Somebody
) -> None:
    email, _known = owner
    stranger, phone = somebody(), somebody(agent=IPHONE)
    assert try_to_log_in(stranger, email, "a wrong guess").status_code == 429
    [mail] = unlock_mails(portal_server, email)
    phone.open(mail.link)
    assert "This browser" not in phone.page.text
    phone.submit(mail.link)
    assert try_to_log_in(stranger, email, PASSWORD).status_code == 429
    assert not stranger.is_logged_in()
    assert phone.submit("/login/password", password=PASSWORD).path == "/account"


def test_an_unlocked_browser_has_ten_tries_for_an_hour(
    portal_server: PortalServer, owner: tuple[str, Person], somebody: Somebody
) -> None:
    email, _known = owner
    new = somebody()
    try_to_log_in(new, email)
    [mail] = unlock_mails(portal_server, email)
    new.open(mail.link).submit(mail.link)
    answers = [new.post("/login/password", {"email": email, "password": "wrong"}).response for _ in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    portal_server.sql(
        f"delete from authn.login_attempts where email = '{email}' and known_browser",
        "update authn.login_unlocks set expires_at = now() - interval '1 second' "
        f"where user_id = (select id from authn.users where email = '{email}')",
    )
    assert "We have mailed you a link" in new.post("/login/password", {"email": email, "password": PASSWORD}).page.text


@pytest.mark.adversarial("G7")
def test_g6_g7_three_mails_an_hour_and_the_same_page_after_them(
    portal_server: PortalServer, owner: tuple[str, Person], somebody: Somebody
) -> None:
    email, _known = owner
    strangers = [somebody() for _ in range(6)]
    pages = [
        try_to_log_in(stranger, email, "a wrong guess").text.count("We have mailed you a link")
        for stranger in strangers
    ]
    assert pages == [1] * 6
    mails = unlock_mails(portal_server, email)
    assert len(mails) == MAILS_AN_HOUR
    suppressed = portal_server.rows(
        "select new_values ->> 'kind' as kind from authn.audit_events where event_type = 'mail_suppressed' "
        "and resource_id = any ($1)",
        [f"{stranger.http.headers['x-forwarded-for']}/32" for stranger in strangers],
    )
    assert [event["kind"] for event in suppressed] == ["unlock_mail"] * 3
    # Whoever asked for them, the owner has one that works.
    late = somebody()
    assert try_to_log_in(late, email).status_code == 429
    assert (
        late.open(mails[-1].link).submit(mails[-1].link).submit("/login/password", password=PASSWORD).path == "/account"
    )


def test_g6_guesses_do_not_use_up_the_mails_with_codes(
    portal_server: PortalServer, owner: tuple[str, Person], somebody: Somebody
) -> None:
    email, _known = owner
    for _ in range(3):
        try_to_log_in(somebody(), email, "a wrong guess")
    portal_server.sql(
        "insert into authn.verifications (id, namespace, flow_id, email, purpose, outcome, code_digest, link_digest, "
        "code_expires_at, expires_at, created_at) "
        "select gen_random_uuid(), namespace, flow_id, email, 'unlock', 'unlock', 'x', gen_random_uuid()::text, "
        "now(), now(), now() - interval '2 hours' from authn.verifications, "
        f"generate_series(1, 30) where email = '{email}' and purpose = 'unlock'"
    )
    new = somebody()
    new.post("/login/code", {"email": email})
    assert mails_to(portal_server, email)[0].code is not None


def test_a_lock_of_fifteen_minutes_is_still_a_matter_of_waiting(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    """The positive control of the lock of a day: five failures in one network send no mail."""
    email = an_email()
    somebody().sign_up(email).log_out()
    address = an_address()
    for _ in range(6):
        headers = {"origin": portal_server.url, "x-forwarded-for": address}
        answer = httpx.post(
            f"{portal_server.url}/login/password", data={"email": email, "password": "x"}, headers=headers
        )
    assert answer.status_code == 429
    assert "Too many tries" in answer.text
    assert unlock_mails(portal_server, email) == []


@pytest.mark.adversarial("H2")
def test_h2_a_disabled_account_gets_a_mail_that_says_so_and_offers_no_sign_up(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    email = an_email()
    somebody().sign_up(email).log_out()
    portal_server.sql(f"update authn.users set disabled_at = now() where email = '{email}'")
    stranger = somebody()
    for form in ("/login/code", "/recover"):
        stranger.post(form, {"email": email})
        assert stranger.response.status_code == 200
        mail = mails_to(portal_server, email)[0]
        assert "switched off" in mail.subject, form
        assert mail.code is None
        assert mail.links == []
        portal_server.sql(
            f"update authn.verifications set created_at = now() - interval '1 hour' where email = '{email}'"
        )
    use_up_the_day(portal_server, email)
    assert try_to_log_in(somebody(), email).status_code == 429
    assert "switched off" in mails_to(portal_server, email)[0].subject
