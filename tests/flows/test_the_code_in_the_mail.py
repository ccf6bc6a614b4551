"""Typing the code: mistyped, sent again, sent to a corrected address, too late."""

from tests.support.person import PASSWORD, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.server import PortalServer

A_MINUTE_PASSES = "update authn.verifications set created_at = created_at - interval '1 minute' where email = '{}'"


def wrong_code(right: str | None) -> str:
    return "000000" if right != "000000" else "111111"


def test_a_mistyped_code_is_told_and_the_right_one_still_works(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    code = zoe.ask_to_sign_up(email) and newest_mail(portal_server, email).code
    zoe.submit("/signup/verify", code=wrong_code(code))
    assert zoe.response.status_code == 422
    assert "That code does not match" in zoe.page.text
    zoe.submit("/signup/verify", code="12ab")
    assert zoe.response.status_code == 422
    assert "six digits" in zoe.page.text
    spaced = f" {(code or '')[:3]} {(code or '')[3:]} "
    zoe.submit("/signup/verify", code=spaced)
    assert zoe.path == "/account"


def test_a_new_mail_has_a_new_code_and_ends_the_old_one(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    first = newest_mail(portal_server, email)
    zoe.submit("/signup/resend")
    assert zoe.response.status_code == 429
    assert "wait a moment" in zoe.page.text
    assert 1 <= int(zoe.response.headers["retry-after"]) <= 30
    assert len(mails_to(portal_server, email)) == 1

    portal_server.sql(A_MINUTE_PASSES.format(email))
    zoe.submit("/signup/resend")
    assert zoe.response.status_code == 200
    assert "Only the newest code works" in zoe.page.text
    second = newest_mail(portal_server, email)
    assert second.link != first.link

    # One in a million times both codes are the same, and then the old one works, as it should.
    if second.code != first.code:
        assert zoe.submit("/signup/verify", code=first.code or "").response.status_code == 422
    assert zoe.open(first.link).page.heading == "This link no longer works"
    zoe.follow("Go on where you were").submit("/signup/verify", code=second.code or "")
    assert zoe.path == "/account"


def test_the_page_counts_down_to_the_next_mail(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    assert any(element.tag == "count-down" for element in zoe.page.elements)
    portal_server.sql(A_MINUTE_PASSES.format(email))
    zoe.open(zoe.place)
    assert not any(element.tag == "count-down" for element in zoe.page.elements)


def test_a_mistyped_address_is_corrected_without_starting_again(portal_server: PortalServer, zoe: Person) -> None:
    typo, email = an_email("typo"), an_email()
    zoe.ask_to_sign_up(typo)
    old = newest_mail(portal_server, typo)
    zoe.follow("Wrong address?")
    assert zoe.page.form("/signup/resend").fields["email"] == typo
    zoe.submit("/signup/resend", email="nonsense")
    assert zoe.response.status_code == 422
    assert "Enter an e-mail address" in zoe.page.text
    zoe.submit("/signup/resend", email=email)
    assert email in zoe.page.text
    assert zoe.open(old.link).page.heading == "This link no longer works"
    zoe.follow("Go on where you were").submit("/signup/verify", code=newest_mail(portal_server, email).code or "")
    assert zoe.path == "/account"
    # The password typed before the correction is the account's.
    zoe.submit("/logout")
    assert zoe.log_in(email).path == "/account"


def test_a_code_that_waited_eleven_minutes_asks_for_a_new_mail(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    portal_server.sql(
        "update authn.verifications set created_at = created_at - interval '11 minutes', "
        f"code_expires_at = code_expires_at - interval '11 minutes' where email = '{email}'"
    )
    zoe.submit("/signup/verify", code=newest_mail(portal_server, email).code or "")
    assert zoe.response.status_code == 422
    assert "no longer works" in zoe.page.text
    zoe.submit("/signup/resend").submit("/signup/verify", code=newest_mail(portal_server, email).code or "")
    assert zoe.path == "/account"


def test_a_code_works_once_and_pressing_again_leads_on(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    fields = {**zoe.page.form("/signup/verify").fields, "code": newest_mail(portal_server, email).code}
    zoe.post("/signup/verify", fields)
    first_session = zoe.session_cookie
    zoe.post("/signup/verify", fields)  # a double press, or the back button
    assert zoe.path == "/account"
    assert zoe.session_cookie == first_session


def test_a_password_that_others_use_is_refused_with_the_reason(zoe: Person, somebody: Somebody) -> None:
    zoe.open("/signup")
    for password, reason in (
        ("password123", "lists that attackers try first"),
        ("short", "at least 8 characters"),
        ("x" * 257, "at most 256 characters"),
        ("", "Enter a password"),
    ):
        zoe.submit("/signup", email=an_email(), new_password=password)
        assert zoe.response.status_code == 422
        assert reason in zoe.page.text
    zoe.submit("/signup", email="no address", new_password=PASSWORD)
    assert "Enter an e-mail address" in zoe.page.text
    assert zoe.page.form("/signup").fields["email"] == "no address"
