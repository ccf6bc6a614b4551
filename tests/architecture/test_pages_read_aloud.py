"""Rules for those who hear the pages, on the pages as they are served, so without a script.

Title, heading, language, and where the focus goes when a form was refused: WCAG 2.2, 2.4.2, 2.4.6, 3.1.1, 3.3.1, 4.1.3.
https://www.w3.org/TR/WCAG22/
"""

import re

import pytest

from tests.support.html import Element, HtmlPage
from tests.support.server import PortalServer
from tests.support.walk import Seen, Walk, parsed

REFUSED = frozenset({409, 422, 429})
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@pytest.fixture(scope="module")
def pages(portal_server: PortalServer) -> list[tuple[Seen, HtmlPage]]:
    """Every whole page of the walk; the gallery shows errors on purpose."""
    seen = Walk(portal_server).everywhere()
    return parsed(seen, keep=lambda page: page.html.startswith("<!doctype") and "/dev/" not in page.step)


def title_of(page: Seen) -> str:
    [title] = TITLE.findall(page.html)
    return str(title)


def is_reason(element: Element) -> bool:
    """Whether it says why a form was refused, or is the field that does."""
    return element.attributes.get("role") == "alert" or element.attributes.get("aria-invalid") == "true"


def takes_focus(html: HtmlPage) -> Element | None:
    """The element that the browser focuses when the page is there: the first one that asks for it."""
    return next((element for element in html.elements if "autofocus" in element.attributes), None)


def test_every_page_has_one_heading_a_language_and_a_title_with_the_name_of_the_place(
    pages: list[tuple[Seen, HtmlPage]],
) -> None:
    for page, html in pages:
        assert sum(element.tag == "h1" for element in html.elements) == 1, page.step
        assert html.heading, page.step
        assert html.elements[0].attributes["lang"] == "en", page.step
        assert re.fullmatch(r"\S.* · Portal", title_of(page)), page.step


def test_a_refused_form_says_so_in_the_title_and_no_other_page_does(pages: list[tuple[Seen, HtmlPage]]) -> None:
    refused = [page for page, html in pages if any(is_reason(element) for element in html.elements)]
    assert len({page.step for page in refused}) > 5
    for page in refused:
        assert title_of(page).startswith("Error: "), (page.step, page.status)
    for page, _html in pages:
        if page not in refused and page.status not in REFUSED:
            assert not title_of(page).startswith("Error"), (page.step, page.status)


def test_the_focus_goes_to_the_reason(pages: list[tuple[Seen, HtmlPage]]) -> None:
    for page, html in pages:
        if not any(is_reason(element) for element in html.elements):
            continue
        focused = takes_focus(html)
        assert focused, page.step
        assert is_reason(focused), f"{page.step}: {focused}"
        if focused.attributes.get("role") == "alert":
            assert focused.attributes["tabindex"] == "-1", "or nothing can focus it"


def test_a_field_in_error_names_its_message(pages: list[tuple[Seen, HtmlPage]]) -> None:
    fields = 0
    for page, html in pages:
        messages = {element.attributes.get("id") for element in html.elements if "field__error" in _classes(element)}
        for element in html.elements:
            if element.attributes.get("aria-invalid") == "true":
                fields += 1
                assert messages & set(element.attributes["aria-describedby"].split()), f"{page.step}: {element}"
    assert fields > 5


def test_the_region_that_speaks_is_there_before_it_has_something_to_say(pages: list[tuple[Seen, HtmlPage]]) -> None:
    for page, html in pages:
        [region] = [element for element in html.elements if element.attributes.get("id") == "announcer"]
        assert region.attributes["role"] == "status", page.step
        assert "hidden" not in region.attributes, "what is hidden is not listened to"
        assert re.search(r'id="announcer" role="status"></p>\s*</body>', page.html), page.step


def _classes(element: Element) -> list[str]:
    return element.attributes.get("class", "").split()
