"""The template lint finds what it is there to find, and lets the ordinary pass."""

import pytest

from tests.lint_templates import problems


@pytest.mark.parametrize(
    "text",
    [
        "<script>go()</script>",
        "<style>p { color: red }</style>",
        '<p style="color: red">',
        '<button type="button" onclick="go()">',
        '<a href="javascript:go()">',
        "{{ name | safe }}",
        "{% autoescape false %}",
        '<script src="https://elsewhere.example/x.js"></script>',
        '<link rel="stylesheet" href="//elsewhere.example/x.css">',
        "<!-- everyone reads this -->",
    ],
)
def test_it_complains_with_the_line(text: str) -> None:
    assert [line for line, _complaint in problems(f"<p>fine</p>\n{text}\n", mail=False)] == [2]


@pytest.mark.parametrize(
    "text",
    [
        "{# a comment for us, with <script> in it #}",
        '<script type="module" src="{{ static_url(\'js/x.js\') }}"></script>',
        '<a href="https://example.com/help">help</a>',
        '<p class="styled" data-on="x">{{ name }}</p>',
    ],
)
def test_it_lets_the_ordinary_pass(text: str) -> None:
    assert problems(text, mail=False) == []


def test_mail_may_be_styled_in_place_for_mail_clients_know_nothing_else() -> None:
    assert problems('<p style="margin: 0">', mail=True) == []
    assert problems("<script>go()</script>", mail=True) != []
