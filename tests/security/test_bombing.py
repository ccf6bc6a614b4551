"""Nobody's mailbox is filled by strangers, and nobody sees from outside that a cap holds (adversarial G7).

Text messages have caps of their own by number, country and namespace: tests/methods/sms_code.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.person import PASSWORD, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.server import PortalServer, an_address

CODES_A_DAY, MAILS_A_DAY = 10, 20
STARTS_OF_A_NETWORK = 50  # in a quarter of an hour
SENDS = 60
DOORS = {"/signup": {"new_password": PASSWORD}, "/login/code": {}, "/recover": {}}

pytestmark = pytest.mark.adversarial("G7")


def refused_from(portal: PortalServer, address: str) -> list[tuple[object, object]]:
    rows = portal.rows(
        "select event_type, new_values ->> 'kind' as kind from authn.audit_events "
        "where event_type in ('request_refused', 'mail_suppressed') and resource_id = $1 order by id",
        f"{address}/32",
    )
    return [(row["event_type"], row["kind"]) for row in rows]


def seen_by(person: Person, email: str) -> tuple[int, str, str]:
    """What somebody who sends mails to a target sees, without what differs between any two mails."""
    shown = person.page.text.replace(email, "…")
    return person.response.status_code, person.path, re.sub(r"\d:\d\d|\b\d\d\b", "…", shown)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("registered", [True, False], ids=["registered", "unknown"])
def test_g7_one_mailbox_gets_ten_codes_and_twenty_mails_a_day(
    portal_server: PortalServer, somebody: Somebody, door: str, registered: bool
) -> None:
    email = an_email("target")
    if registered:
        portal_server.rows("select authn.provision_user($1, null, null, true, '{}', 'default')", email)
    has_codes = registered is (door != "/signup")
    senders = [somebody() for _ in range(MAILS_A_DAY + 3)]
    seen = {seen_by(sender.post(door, {"email": email, **DOORS[door]}), email) for sender in senders}
    assert len(seen) == 1, "the page is the same however many went before"
    mails = mails_to(portal_server, email)
    assert len(mails) == MAILS_A_DAY
    with_code = [mail.code is not None for mail in reversed(mails)]
    assert with_code == [has_codes] * CODES_A_DAY + [False] * (MAILS_A_DAY - CODES_A_DAY)
    told = [refused_from(portal_server, sender.http.headers["x-forwarded-for"]) for sender in senders]
    purpose = {"/signup": "signup_mail", "/login/code": "login_mail", "/recover": "recovery_mail"}[door]
    assert told == [[]] * MAILS_A_DAY + [[("mail_suppressed", purpose)]] * 3
    # The positive control: the neighbour's mailbox.
    neighbour = an_email("neighbour")
    somebody().post("/signup", {"email": neighbour, "new_password": PASSWORD})
    assert newest_mail(portal_server, neighbour).code


def test_g7_sixty_sends_through_every_door_are_twenty_mails(portal_server: PortalServer) -> None:
    """The doors share the cap; each request comes from a network of its own."""
    email = an_email("target")
    portal_server.rows("select authn.provision_user($1, null, null, true, '{}', 'default')", email)

    def send(number: int) -> int:
        door = list(DOORS)[number % len(DOORS)]
        headers = {"origin": portal_server.url, "x-forwarded-for": an_address()}
        fields = {"email": email, **DOORS[door]}
        return httpx.post(f"{portal_server.url}{door}", data=fields, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send, range(SENDS))) == {303}
    assert len(mails_to(portal_server, email)) == MAILS_A_DAY


def test_g7_one_network_cannot_make_the_portal_write_to_the_whole_world(portal_server: PortalServer) -> None:
    address = an_address()

    def sign_up(_number: int) -> int:
        sent = {"origin": portal_server.url, "x-forwarded-for": address}
        fields = {"email": an_email("bombed"), "new_password": PASSWORD}
        return httpx.post(f"{portal_server.url}/signup", data=fields, headers=sent, timeout=60).status_code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(sign_up, range(STARTS_OF_A_NETWORK + 2)))
    assert sorted(answers) == [303] * STARTS_OF_A_NETWORK + [429] * 2
    assert refused_from(portal_server, address) == [("request_refused", "throttled")]
    with Person(portal_server, address=address) as neighbour:
        for door, more in DOORS.items():
            neighbour.post(door, {"email": an_email("bombed"), **more})
            assert neighbour.response.status_code == 429, door
    # The positive control: another network.
    with Person(portal_server) as honest:
        assert honest.sign_up(an_email()).path == "/account"
