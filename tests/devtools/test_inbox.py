"""The development inbox, its JSON form and the seeds."""

import time

import httpx
import pytest

from portal.devtools.seeds import ACCOUNTS
from tests.support.person import Person, an_email, mails_to
from tests.support.server import SEEDED_PASSWORD, PortalServer


def get(server: PortalServer, path: str, **parameters: str) -> httpx.Response:
    return httpx.get(f"{server.address}{path}", params=parameters, headers={"host": server.host}, timeout=20)


def test_a_mail_is_in_the_inbox_when_its_request_is_answered(portal_server: PortalServer) -> None:
    email = an_email()
    with Person(portal_server) as person:
        person.ask_to_sign_up(email)
    answered = time.monotonic()
    [mail] = get(portal_server, "/dev/inbox.json", to=email).json()
    assert time.monotonic() - answered < 5
    assert set(mail) == {"to", "subject", "text", "html", "links", "code", "sent_at"}
    assert mail["to"] == email
    assert mail["code"].isdigit()
    assert len(mail["code"]) == 6
    assert mail["code"] in mail["text"]
    assert mail["links"][0].startswith(f"{portal_server.url}/link/")
    assert mail["links"][0] in mail["html"]


def test_the_newest_mail_comes_first_and_other_peoples_not_at_all(portal_server: PortalServer) -> None:
    email, other = an_email(), an_email()
    for address in (email, other, email):
        with Person(portal_server) as person:
            person.ask_to_sign_up(address)
    mails = mails_to(portal_server, email.upper())
    assert [mail.to for mail in mails] == [email, email]
    assert mails[0].sent_at > mails[1].sent_at
    assert mails[0].code != mails[1].code
    everyone = {mail["to"] for mail in get(portal_server, "/dev/inbox.json").json()}
    assert {email, other} <= everyone


def test_nobody_has_no_mail(portal_server: PortalServer) -> None:
    assert get(portal_server, "/dev/inbox.json", to="nobody@example.org").json() == []


def test_the_pages_show_list_text_and_html(portal_server: PortalServer) -> None:
    email = an_email()
    with Person(portal_server) as person:
        person.ask_to_sign_up(email)
        [mail] = mails_to(portal_server, email)
        person.open(f"/dev/inbox?to={email}").follow("Read")
        assert person.response.status_code == 200
        assert mail.subject in person.response.text
        assert str(mail.code) in person.page.text
        assert "frame-src 'self'" in person.response.headers["content-security-policy"]
        frame = person.http.get(f"{person.path}/html")
        assert str(mail.code) in frame.text


@pytest.mark.adversarial("Q1")
def test_the_html_of_a_mail_can_do_nothing(portal_server: PortalServer) -> None:
    email = an_email()
    with Person(portal_server) as person:
        person.ask_to_sign_up(email)
        frame = person.http.get(person.open(f"/dev/inbox?to={email}").follow("Read").path + "/html")
    policy = frame.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "script-src" not in policy


def test_an_unknown_mail_is_not_found(portal_server: PortalServer) -> None:
    assert get(portal_server, "/dev/inbox/999999999").status_code == 404


def test_the_seeded_accounts_log_in_and_starting_again_makes_no_second_ones(
    own_portal_server: PortalServer,
) -> None:
    own_portal_server.restart()
    accounts = own_portal_server.rows("select email from authn.users order by email")
    assert [account["email"] for account in accounts] == sorted(email for email, _name in ACCOUNTS)
    assert len(own_portal_server.rows("select 1 from authn.clients where client_id = 'demo-app'")) == 1
    with Person(own_portal_server) as alice:
        assert alice.log_in("alice@example.com", SEEDED_PASSWORD).is_logged_in()


def test_outside_development_there_is_no_inbox_no_gallery_and_no_account(https_portal_server: PortalServer) -> None:
    for path in ("/dev/inbox", "/dev/inbox.json", "/dev/inbox/1", "/dev/inbox/1/html", "/dev/components"):
        assert get(https_portal_server, path).status_code == 404
    assert https_portal_server.rows("select 1 from authn.users union select 1 from authn.clients") == []
