"""Every mail: the subject says it all, one action, why it came, what to do if it was not you, no picture needed."""

import re
from email import message_from_bytes
from email.policy import default

import pytest
from playwright.async_api import Browser

from portal.mail.message import LINE_LENGTH, Mail, as_mime, flowed
from tests.support.every_mail import LONG, SHORT, every_mail, folders
from tests.support.html import HtmlPage

MAILS = every_mail(SHORT)
LONG_MAILS = every_mail(LONG)
EVERY = [
    pytest.param(mail, id=name) for name, mail in (MAILS | {f"{name}-long": LONG_MAILS[name] for name in MAILS}).items()
]
LINK = re.compile(r"https?://\S+")
# Mails that answer something the person did, or that have no other "you": what to do stands in them in other words.
OTHER_WORDS = {
    "invite": "Do you not know what this is about? Then do nothing",
    "login_denied": "You need not do anything",
    "refresh_reuse": "log out whatever you do not know",
}
SHEET = re.compile(r"<style>.*?</style>", re.DOTALL)


def words_of(mail: Mail) -> str:
    return " ".join(mail.text.split())


def test_the_list_has_every_mail_that_has_templates() -> None:
    assert {name.partition("@")[0] for name in MAILS} == folders()


@pytest.mark.parametrize("mail", EVERY)
def test_a_mail_says_why_it_came_and_from_whom(mail: Mail) -> None:
    assert re.search(
        rf"{re.escape(mail.sender_name)} sent this mail to \S+ because", words_of(mail).replace("\u200b", "")
    )
    assert mail.text.count("\n-- \n") == 1, "mail programs fold away what follows two dashes"


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_says_what_to_do_if_it_was_not_you(name: str) -> None:
    expected = OTHER_WORDS.get(name.partition("@")[0], "Was it not you")
    text = words_of(MAILS[name])
    assert expected in text
    assert expected in " ".join(HtmlPage(MAILS[name].html).text.split())


@pytest.mark.parametrize("mail", EVERY)
def test_both_parts_lead_to_the_same_places_by_one_button(mail: Mail) -> None:
    html = HtmlPage(mail.html)
    hrefs = [element.attributes["href"] for element in html.elements if element.tag == "a"]
    assert set(hrefs) == set(LINK.findall(mail.text))
    buttons = [element for element in html.elements if "button" in element.attributes.get("class", "").split()]
    assert len(buttons) == (1 if hrefs else 0)
    for line in mail.text.splitlines():
        assert not LINK.search(line) or LINK.fullmatch(line), "a link stands on a line of its own"


def test_the_subject_says_what_happened_and_the_first_words_say_it_already() -> None:
    subjects = {name: mail.subject for name, mail in MAILS.items()}
    assert subjects["security_changed"] == "An authenticator app was added to your account"
    assert subjects["password_changed"] == "Your password was changed at Portal"
    assert subjects["login_disabled"] == "Your account is switched off at Portal"
    for name, subject in subjects.items():
        assert len(subject) < 70, name
        assert subject[0].isupper(), name
        assert not subject.endswith((".", "!")), name
        # A phone shows about 40 characters. What is cut off then is the name of an app, never what happened.
        long = LONG_MAILS[name].subject
        assert long.endswith((LONG["app"], LONG["name"])) or long == subject, name


@pytest.mark.parametrize("mail", EVERY)
def test_a_mail_needs_no_picture_and_no_style_sheet(mail: Mail) -> None:
    bare = SHEET.sub("", mail.html)
    assert "<style" not in bare
    for element in HtmlPage(bare).elements:
        assert element.tag not in ("img", "link", "script", "svg", "iframe", "form"), element
        assert "url(" not in element.attributes.get("style", "")
        if element.tag == "a":
            style = element.attributes["style"]
            assert "color:" in style
            if element.attributes.get("class") == "button":
                assert {"background:#16201f", "color:#ffffff"} <= set(style.split(";"))


@pytest.mark.parametrize("mail", EVERY)
def test_the_text_that_travels_has_short_lines_and_can_be_joined_again(mail: Mail) -> None:
    read = message_from_bytes(as_mime(mail, "no-reply@portal.example").as_bytes(), policy=default)
    part = read.get_body(("plain",))  # type: ignore[attr-defined]
    assert part.get_param("format") == "flowed"
    lines = part.get_content().splitlines()
    for line in lines:
        assert len(line) <= LINE_LENGTH + 2 or LINK.fullmatch(line.strip()) or "@" in line, line
    assert joined(lines) == mail.text.splitlines()


def joined(lines: list[str]) -> list[str]:
    """What a program makes of the lines (RFC 3676 4.2 and 4.4)."""
    paragraphs, begun = [], ""
    for line in lines:
        bare = line.removeprefix(" ")
        if line.endswith(" ") and line != "-- ":
            begun += bare
        else:
            paragraphs.append(begun + bare)
            begun = ""
    return paragraphs


def test_a_line_that_could_begin_another_mail_is_stuffed() -> None:
    assert flowed("From here on\n> quoted\n") == " From here on\n > quoted\n"
    long = "word " * 14 + "From now on"
    assert joined(flowed(long).splitlines()) == [long]


@pytest.mark.parametrize("width", [360, 700])
async def test_a_mail_fits_on_a_phone_however_long_the_names_are(browser: Browser, width: int) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 700})
    wide = []
    for name, mail in (LONG_MAILS | {f"{name}, no style sheet": LONG_MAILS[name] for name in LONG_MAILS}).items():
        html = SHEET.sub("", mail.html) if "no style" in name else mail.html
        await page.set_content(html)
        taken = await page.evaluate("document.documentElement.scrollWidth")
        wide += [f"{name}: {taken}"] if taken > width else []
    await page.close()
    assert not wide, wide
