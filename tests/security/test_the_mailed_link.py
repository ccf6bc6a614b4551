"""Mail scanners open every link: looking changes nothing, the button acts once (adversarial E6, F8)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.security.test_refusals import refusals_of
from tests.support.html import HtmlPage
from tests.support.person import FIREFOX, IPHONE, PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.server import PortalServer, an_address

AT_ONCE = 40
SCANNERS = (FIREFOX, IPHONE, "Mozilla/5.0 (compatible; SafeLinks scanner)", "")

pytestmark = pytest.mark.adversarial("E6", "F8")


def everything(portal: PortalServer) -> dict[str, object]:
    """A digest of every row of every table, but for what the worker does meanwhile: mails, keys, events, cleanup."""
    tables = portal.rows(
        "select tablename::text as name from pg_tables where schemaname = 'authn' "
        r"and tablename not in ('outbox', 'signing_keys') and tablename not like 'audit\_events\__%'"
    )
    of_requests = {"audit_events": "where request_id is not null", "sessions": "where revoked_at is null"}
    return {
        name: portal.rows(
            "select count(*) as rows, md5(string_agg(t::text, ';' order by t::text)) as digest "
            f"from authn.{name} t {of_requests.get(name, '')}"
        )
        for name in sorted(str(table["name"]) for table in tables)
    }


@pytest.mark.parametrize("registered", [False, True], ids=["new_address", "registered_address"])
def test_e6_opening_the_link_changes_nothing_however_often_and_by_whomever(
    portal_server: PortalServer, zoe: Person, registered: bool
) -> None:
    email = an_email()
    if registered:
        zoe.sign_up(email).log_out()
    zoe.ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    before = everything(portal_server)
    for agent in SCANNERS:
        headers = {"user-agent": agent, "x-forwarded-for": an_address()}
        with httpx.Client(base_url=portal_server.url, headers=headers, timeout=30) as scanner:
            for method in ("GET", "HEAD", "GET", "OPTIONS", "HEAD"):
                answer = scanner.request(method, link)
                assert answer.status_code in ((200,) if method != "OPTIONS" else (200, 204, 405))
                assert method != "HEAD" or answer.content == b""
    zoe.http.get(link)
    zoe.http.head(link)
    assert everything(portal_server) == before
    # The positive control: the button does change something.
    zoe.open(link).submit(link)
    assert everything(portal_server) != before
    assert zoe.path == ("/login" if registered else "/account")


@pytest.mark.parametrize("kind", ["login", "nobody", "recovery", "unlock"])
def test_e6_every_kind_of_link_waits_for_its_button(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, kind: str
) -> None:
    email = an_email()
    if kind != "nobody":
        somebody().sign_up(email).log_out()
    if kind == "unlock":
        portal_server.sql(
            "insert into authn.login_attempts (namespace, email, success, ip_address) "
            f"select 'default', '{email}', false, '198.51.100.1'::inet + n from generate_series(1, 100) n"
        )
    door, fields = {
        "login": ("/login/code", {}),
        "nobody": ("/login/code", {}),
        "recovery": ("/recover", {}),
        "unlock": ("/login/password", {"password": PASSWORD}),
    }[kind]
    zoe.post(door, {"email": email, **fields})
    link = newest_mail(portal_server, email).link
    before = everything(portal_server)
    for agent in SCANNERS:
        headers = {"user-agent": agent, "x-forwarded-for": an_address()}
        for method in ("GET", "HEAD", "GET"):
            answer = httpx.request(method, portal_server.url + link, headers=headers, timeout=30)
            assert answer.status_code == 200
    zoe.http.get(link)
    assert everything(portal_server) == before
    # A scanner that presses buttons comes from no page of ours, and uses nothing up either.
    presser = somebody()
    assert presser.http.post(link).status_code == 403
    assert refusals_of(portal_server, presser.http.headers["x-forwarded-for"]) == [("cross_site", 1)]
    # The positive control: the button does change something.
    zoe.open(link).submit(link)
    assert everything(portal_server) != before
    leads_to = {"login": "/account", "nobody": "/signup", "recovery": "/recover/password", "unlock": "/login"}
    assert zoe.path == leads_to[kind]
    # And once: whoever presses it now is refused, and the log says so.
    late = somebody().post(link)
    assert late.response.status_code == 410
    assert not late.is_logged_in()
    assert refusals_of(portal_server, late.http.headers["x-forwarded-for"]) == [("dead_link", 1)]


def test_the_button_works_once(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    zoe.open(link).submit(link)
    assert zoe.path == "/account"
    session = zoe.session_cookie
    zoe.post(link)
    assert zoe.response.status_code == 410
    assert zoe.session_cookie == session
    with Person(portal_server) as thief:
        assert thief.post(link).response.status_code == 410
        assert not thief.is_logged_in()


@pytest.mark.asvs("2.3.4")
def test_of_forty_presses_at_once_in_one_browser_one_wins(
    portal_server: PortalServer, second_process: PortalServer, zoe: Person
) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    cookie = f"portal_browser={zoe.cookies['portal_browser']}"
    answers = at_once(portal_server, second_process, lambda http: http.post(link, headers={"cookie": cookie}))
    winners = [answer for answer in answers if "portal_session" in answer.headers.get("set-cookie", "")]
    assert len(winners) == 1
    assert winners[0].headers["location"] == "/account"
    assert {answer.status_code for answer in answers} <= {303, 410}
    assert sessions_of(portal_server, email) == 1


@pytest.mark.asvs("2.3.4")
def test_of_forty_browsers_at_once_one_gets_to_choose_the_password(
    portal_server: PortalServer, second_process: PortalServer, zoe: Person
) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    answers = at_once(portal_server, second_process, lambda http: http.post(link))
    winners = [answer for answer in answers if answer.headers.get("location", "").startswith("/signup/password")]
    assert len(winners) == 1
    assert [answer.status_code for answer in answers if answer not in winners] == [410] * (AT_ONCE - 1)
    assert sessions_of(portal_server, email) == 0
    assert len(portal_server.rows("select 1 from authn.users where email = $1", email)) == 1


@pytest.mark.asvs("2.3.4")
def test_of_forty_right_codes_at_once_one_makes_the_session(
    portal_server: PortalServer, second_process: PortalServer, zoe: Person
) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    fields = {**zoe.page.form("/signup/verify").fields, "code": newest_mail(portal_server, email).code}
    cookie = f"portal_browser={zoe.cookies['portal_browser']}"
    answers = at_once(
        portal_server,
        second_process,
        lambda http: http.post("/signup/verify", data=fields, headers={"cookie": cookie}),
    )
    assert len([answer for answer in answers if "portal_session" in answer.headers.get("set-cookie", "")]) == 1
    assert sessions_of(portal_server, email) == 1


def test_the_code_and_the_link_of_one_mail_end_each_other(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    fields = zoe.page.form("/signup/verify").fields
    mail = newest_mail(portal_server, email)
    with Person(portal_server) as phone:
        phone.open(mail.link).submit(mail.link)
        assert phone.page.heading == "Choose a password"
        zoe.post("/signup/verify", {**fields, "code": mail.code})
        assert not zoe.is_logged_in()
        phone.submit("/signup/password", new_password=PASSWORD)
        assert phone.is_logged_in()


def test_the_token_of_a_link_is_in_no_address_after_the_button(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    zoe.open(link)
    assert zoe.response.headers["referrer-policy"] == "same-origin"
    assert "no-store" in zoe.response.headers["cache-control"]
    zoe.submit(link)
    token = link.rpartition("/")[2]
    assert not [address for address in zoe.way[1:] if token in address]
    assert token not in zoe.response.text


def at_once(
    first: PortalServer, second: PortalServer, send: Callable[[httpx.Client], httpx.Response]
) -> list[httpx.Response]:
    """Send forty requests at the same moment to two processes of one portal."""
    ready = threading.Barrier(AT_ONCE)

    def one(number: int) -> httpx.Response:
        process = (first, second)[number % 2]
        headers = {"host": first.host, "origin": first.url, "x-forwarded-for": an_address()}
        with httpx.Client(base_url=process.address, headers=headers, timeout=60) as http:
            ready.wait(60)
            return send(http)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def sessions_of(portal: PortalServer, email: str) -> int:
    """How many sessions an account has or had."""
    rows = portal.rows(
        "select count(*) as n from authn.sessions s join authn.users u on u.id = s.user_id where u.email = $1", email
    )
    return int(str(rows[0]["n"]))


def test_the_page_of_the_link_loads_nothing_from_elsewhere(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    page = HtmlPage(zoe.open(newest_mail(portal_server, email).link).response.text)
    loaded = [
        element.attributes.get("src") or element.attributes.get("href", "")
        for element in page.elements
        if element.tag in ("script", "link", "img", "iframe", "use")
    ]
    assert loaded
    assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in loaded)
