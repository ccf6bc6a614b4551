"""Composing, sealing and writing mails: portal/mail/message.py and templates/email/."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any

import jinja2
import pytest

from portal.crypto.sealing import CannotOpen, Sealer
from portal.mail.message import Mail, as_mime, compose, flowed, open_mail, seal_mail
from portal.web.templates import Templates

TEMPLATES = Templates()
LINK = "http://localhost:8000/link/Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"


def signup_code(recipient: str = "alice@example.com", **values: Any) -> Mail:
    shown = {"code": "482913", "link": LINK, "app_name": "Acme", "minutes": 10, "hours": 24} | values
    display_name = shown.pop("display_name", "Example Portal")
    return compose(TEMPLATES, "signup_code", recipient, "en", display_name=display_name, **shown)


def already_registered(**values: Any) -> Mail:
    shown: dict[str, Any] = {"link": LINK, "app_name": "Acme", "hours": 24} | values
    return compose(TEMPLATES, "already_registered", "alice@example.com", "en", display_name="Example Portal", **shown)


def parsed(mail: Mail, mail_from: str = "no-reply@portal.example") -> EmailMessage:
    read = message_from_bytes(as_mime(mail, mail_from).as_bytes(), policy=default)
    assert isinstance(read, EmailMessage)
    return read


def test_the_signup_mail_carries_code_and_link_and_says_why_it_came() -> None:
    mail = signup_code()
    assert mail.subject == "Confirm your address for Acme"
    for part in (mail.text, mail.html):
        assert "482913" in part
        assert LINK in part
        assert "10 minutes" in part
        assert "24 hours" in part
        assert "Was it not you?" in part
        assert "alice@example.com" in part
        assert "Example Portal" in part


def test_the_signup_mail_without_a_code_offers_the_link_alone() -> None:
    mail = signup_code(code=None)
    assert LINK in mail.text
    assert "code" not in mail.text.replace("without the code or the link", "").lower()
    assert LINK in mail.html


def test_the_signup_mail_without_an_app_names_the_portal() -> None:
    assert signup_code(app_name=None).subject == "Confirm your address for Example Portal"
    assert "None" not in signup_code(app_name=None).text


def test_the_mail_to_a_registered_address_carries_a_link_and_no_code() -> None:
    mail = already_registered()
    assert mail.subject == "You already have an account for Acme"
    assert LINK in mail.text
    assert LINK in mail.html
    assert "code" not in mail.text.lower()
    assert "Was it not you?" in mail.text


def test_one_minute_is_written_in_the_singular() -> None:
    assert "1 minute." in signup_code(minutes=1).text


def test_a_missing_value_is_an_error_and_not_a_gap_in_the_mail() -> None:
    with pytest.raises(jinja2.UndefinedError):
        compose(TEMPLATES, "signup_code", "alice@example.com", "en", display_name="Portal", code="482913")


@pytest.mark.adversarial("E4", "Q1")
def test_e4_names_are_text_in_both_parts() -> None:
    mail = signup_code(app_name="<b>A & B</b>", display_name='<img src=x onerror="x">')
    assert "<b>A & B</b>" in mail.text  # a text part is not escaped
    assert "<b>" not in mail.html
    assert "<img" not in mail.html
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in mail.html


@pytest.mark.adversarial("E4")
@pytest.mark.parametrize("name", ["https://evil.example/win", "Win at www.evil.example", "evil.example", "x://y"])
def test_e4_mail_programs_make_no_link_of_a_name_or_an_address(name: str) -> None:
    recipient = "victim+www.evil.example/win@example.com"
    mail = signup_code(app_name=name, display_name=name, recipient=recipient)
    body = mail.html.partition("<body")[2]  # the title, which no program shows, is the subject
    for part in (mail.text, body):
        assert not re.search(r"evil\.example|www\.e|x://y", part)
        assert name in part.replace("\u200b", ""), "nothing is missing to the eye"
        assert recipient in part.replace("\u200b", "")
        assert LINK in part
    assert mail.to == recipient
    # The positive control: an ordinary name and an ordinary address stay as they are.
    assert "\u200b" not in (plain := signup_code(app_name="Acme & Sons", recipient="a.b@example.com")).text + plain.html


@pytest.mark.asvs("1.3.11")
@pytest.mark.adversarial("E1")
@pytest.mark.parametrize(
    "break_",
    ["\r\n", "\n", "\r", "\u2028", "\u2029", "\x0b", "\x0c", "\x00", "\x85", "\u202e"],
    ids=lambda text: f"U+{ord(text[0]):04X}",
)
def test_e1_a_line_break_in_a_name_starts_no_header(break_: str) -> None:
    hostile = f"Acme{break_}Bcc: victim@example.com"
    read = parsed(signup_code(app_name=hostile, display_name=hostile))
    assert read["Bcc"] is None
    assert read["Subject"] == "Confirm your address for Acme Bcc: victim@example.com"
    assert read["From"].addresses[0].display_name == "Acme Bcc: victim@example.com"
    assert [address.addr_spec for address in read["To"].addresses] == ["alice@example.com"]


@pytest.mark.adversarial("E1")
def test_e1_a_mail_to_two_people_cannot_be_composed() -> None:
    for hostile in ("a@evil.example,v@victim.example", "v@victim.example\r\nBcc: m@evil.example"):
        with pytest.raises(ValueError, match="not exactly one"):
            signup_code(recipient=hostile)


def test_a_name_of_a_thousand_characters_is_cut() -> None:
    mail = signup_code(app_name="x" * 1000)
    assert len(mail.subject) <= 150
    assert mail.subject.endswith("…")


def test_the_written_mail_has_two_readable_parts_and_is_marked_as_automatic() -> None:
    mail = signup_code()
    read = parsed(mail, "Portal <no-reply@portal.example>")
    assert read.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    text, html = (part.get_content() for part in read.iter_parts())
    assert text.splitlines() == flowed(mail.text).splitlines()
    assert html.splitlines() == mail.html.splitlines()
    assert read["Auto-Submitted"] == "auto-generated"
    assert str(read["From"]) == "Example Portal <no-reply@portal.example>"
    assert read["To"].addresses[0].addr_spec == "alice@example.com"
    assert read["Message-ID"] == f"<{mail.reference}@portal.example>"
    assert read["Date"].datetime.tzinfo is not None
    assert read["Content-Language"] == "en"


def test_every_line_is_short_enough_for_any_mail_server() -> None:
    written = as_mime(signup_code(link=LINK + "x" * 2000), "no-reply@portal.example").as_bytes(policy=SMTP)
    assert max(len(line) for line in written.split(b"\r\n")) <= 998  # RFC 5322 2.1.1


def test_two_mails_differ_in_their_reference() -> None:
    assert signup_code().reference != signup_code().reference


def test_the_subject_carries_no_secret() -> None:
    for mail in (signup_code(), already_registered()):
        assert "482913" not in mail.subject
        assert LINK not in mail.subject


@pytest.mark.asvs("16.2.5")
def test_a_sealed_mail_shows_nothing_and_opens_again() -> None:
    mail, sealer = signup_code(recipient="jörg@example.com"), Sealer((b"k" * 40,))
    sealed = seal_mail(sealer, mail)
    assert "482913" not in sealed
    assert open_mail(sealer, sealed) == mail
    with pytest.raises(CannotOpen):
        open_mail(Sealer((b"other" * 8,)), sealed)
