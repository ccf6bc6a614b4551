"""Rules about every page, on the pages as they are served: no inline code, and every text can be translated."""

import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.web import templates
from tests.support.database import TestDatabase, drop_database, empty_database
from tests.support.html import HtmlPage
from tests.support.server import PortalServer
from tests.support.statements import counted_portal
from tests.support.walk import Seen, Walk, parsed

OPEN, CLOSE = "⟦", "⟧"
# What stands outside of translated texts: names, addresses, numbers and marks.
VALUE = re.compile(
    r"""first-[0-9a-f]{8}@example\.org | second-[0-9a-f]{8}@example\.org | Portal | Demo\ app | Firefox\ on\ Linux
      | [0-9a-f]{16} | (?:\d{1,3}\.){3}\d{1,3} | \d{2}\ \w{3}\ \d{4},\ \d{2}:\d{2}\ UTC | \d:\d\d | \d+
      | \b[A-Z]{1,2}\b | [·:,.…–-]""",
    re.VERBOSE,
)
TEXT_ATTRIBUTES = (
    *("alt", "title", "placeholder", "aria-label"),
    *("data-text", "data-early", "data-waiting", "data-cancelled", "data-failed", "data-known", "data-saved"),
)


@pytest.fixture(scope="module")
def pages(portal_server: PortalServer) -> list[Seen]:
    return Walk(portal_server).everywhere()


def test_the_walk_goes_everywhere(pages: list[Seen]) -> None:
    steps = {page.step for page in pages}
    assert {"GET /login", "GET /signup", "POST /signup/verify", "GET /account/devices", "POST /logout"} <= steps
    assert {403, 404, 405, 410, 413, 415, 422, 429} <= {page.status for page in pages}
    headings = {HtmlPage(page.html).heading for page in pages}
    assert len(headings) > 25, headings
    assert not [page for page in pages if page.status >= 500]


@pytest.mark.asvs("3.4.3")
def test_no_page_has_inline_code(pages: list[Seen]) -> None:
    for page, html in parsed(pages):
        assert not html.scripts, page.step
        for element in html.elements:
            assert element.tag != "style", page.step
            assert "style" not in element.attributes, f"{page.step}: {element}"
            assert element.tag != "script" or element.attributes.get("src", "").startswith("/static/"), page.step
            inline = [name for name in element.attributes if name.startswith(("on", "hx-on"))]
            assert not inline, f"{page.step}: {element}"
            for name in ("href", "src", "action"):
                address = element.attributes.get(name, "")
                assert not address.lower().startswith(("javascript:", "data:", "vbscript:")), f"{page.step}: {element}"


def test_nothing_on_a_page_is_loaded_from_another_site(pages: list[Seen]) -> None:
    for page, html in parsed(pages):
        for element in html.elements:
            if element.tag in ("script", "link", "img", "iframe", "source", "video", "audio"):
                address = element.attributes.get("src") or element.attributes.get("href", "")
                assert address.startswith("/"), f"{page.step}: {element}"
                assert not address.startswith("//"), f"{page.step}: {element}"


def test_every_field_says_what_belongs_into_it(pages: list[Seen]) -> None:
    """Password managers, phone keyboards and screen readers go by these."""
    for page, html in parsed(pages, keep=lambda seen: "/dev/" not in seen.step):
        labels = {element.attributes.get("for") for element in html.elements if element.tag == "label"}
        for element in html.elements:
            kind = element.attributes.get("type", "text")
            if element.tag != "input" or kind in ("hidden", "checkbox", "radio"):
                continue
            assert element.attributes.get("autocomplete"), f"{page.step}: {element}"
            hidden_twin = element.attributes.get("aria-hidden") == "true"
            assert hidden_twin or element.attributes.get("id") in labels, f"{page.step}: {element}"
            if kind == "password":
                assert "value" not in element.attributes, page.step


class Brackets(gettext.NullTranslations):
    """A language in which every translated text stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}" if message else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)


@pytest.fixture(scope="module")
def bracketed(
    postgres_server: TestDatabase, template_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Seen]]:
    """Every page in the language of brackets."""
    database = empty_database(postgres_server, template=template_database.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "translations", lambda _language: Brackets())
        data_dir = Path(tmp_path_factory.mktemp("brackets"))
        with counted_portal(database, data_dir, PORTAL_DEV="1") as portal:
            yield Walk(portal).everywhere()  # type: ignore[arg-type]
    drop_database(postgres_server, database)


def untranslated(texts: list[str]) -> list[str]:
    """What of a page's texts, in their order, stands in no brackets and is no value."""
    depth, outside = 0, ""
    for character in " | ".join(texts):
        depth += (character == OPEN) - (character == CLOSE)
        if depth == 0 and character != CLOSE:
            outside += character
    return [left for piece in outside.split("|") if (left := VALUE.sub("", piece).strip())]


def test_every_text_on_every_page_is_translated(bracketed: list[Seen]) -> None:
    found: set[str] = set()
    for page, html in parsed(bracketed, keep=lambda seen: "/dev/" not in seen.step):
        texts = [text for text in html.texts if text not in html.other_language]
        found |= {f"{page.step}: {text}" for text in untranslated(texts)}
        for element in html.elements:
            for name in TEXT_ATTRIBUTES:
                if text := element.attributes.get(name):
                    found |= {f"{page.step}, {name}: {left}" for left in untranslated([text])}
    assert not found, "\n".join(sorted(found))


def test_the_language_of_brackets_finds_a_bare_text() -> None:
    """The positive control."""
    assert untranslated([f"{OPEN}to continue to", f"Demo app{CLOSE}", "Portal", "A"]) == []
    assert untranslated([f"{OPEN}Log in{CLOSE}", "Log in"]) == ["Log in"]
