"""Anything in any field: refused with 4xx or taken exactly as it is, never 500 (adversarial U2, U3, R5).

Fields are taken from the pages themselves, so that a new one is tried without anybody thinking of it.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, Person, an_email
from tests.support.server import SEEDED_PASSWORD, PortalServer, an_address

# As they stand in the body, after `name=`.
ODD: dict[str, str] = {
    "nul": "%00",
    "nul_inside": "a%00b",
    "invalid_utf8": "%ff%fe",
    "overlong_utf8": "%c0%af",
    "lone_surrogate": "%ed%a0%80",
    "half_an_escape": "%",
    "bad_escape": "%zz",
    "right_to_left_mark": "%e2%80%8f%e2%80%ae",
    "byte_order_mark": "%ef%bb%bf",
    "line_breaks": "a%0d%0aBcc:%20m@evil.example",
    "unit_separators": "%1f%7f%c2%85",
    "5000_characters": "x" * 5000,
    "4000_wide_characters": "%f0%9f%98%80" * 4000,
    "quote": "'%20or%20''='",
    "markup": "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "template": "%7B%7B7*7%7D%7D%7B%25%20x%20%25%7D",
    "format": "%25s%25n{0}{x}",
    "huge_number": "9" * 400,
    "json": "%5B%22a%22%5D",
    "emoji": "%F0%9F%94%91",
    "empty": "",
    "blanks": "+++",
}

pytestmark = [pytest.mark.asvs("1.1.1", "2.2.1"), pytest.mark.adversarial("U2", "U3", "R5")]


@dataclass(frozen=True)
class Place:
    """A form of a page, with what it would send."""

    action: str
    fields: dict[str, str]


@pytest.fixture(scope="module")
def person(portal_server: PortalServer) -> Iterator[Person]:
    with Person(portal_server) as someone:
        yield someone


@pytest.fixture(scope="module")
def places(portal_server: PortalServer, person: Person) -> list[Place]:
    """Every form of the entrance pages and the account, filled as a person would."""
    found: dict[str, Place] = {}

    def look() -> None:
        for form in person.page.forms:
            if form.action not in found:
                found[form.action] = Place(form.action, {**form.fields, **_ticks(person.page)})

    for path in ("/login", "/signup"):
        person.open(path)
        look()
    person.submit("/signup", email=an_email(), new_password=PASSWORD)
    look()
    person.follow("Wrong address?")
    look()
    person.open("/login").submit("/login", email="alice@example.com")
    look()
    with Person(portal_server) as other:  # so that there is a session to end
        other.log_in("alice@example.com", SEEDED_PASSWORD)
    person.submit("/login/password", password=SEEDED_PASSWORD)
    person.open("/account/devices")
    look()
    return list(found.values())


def _ticks(page: HtmlPage) -> dict[str, str]:
    boxes = (element.attributes for element in page.elements if element.attributes.get("type") == "checkbox")
    return {box["name"]: "1" for box in boxes}


def test_every_form_is_tried(places: list[Place]) -> None:
    actions = {place.action for place in places}
    assert {"/login", "/login/password", "/signup", "/signup/verify", "/signup/resend"} <= actions
    assert {"/account/devices/end", "/account/devices/end-others", "/logout"} <= actions


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_values_in_every_field_of_every_form(
    portal_server: PortalServer, person: Person, places: list[Place], odd: str
) -> None:
    for place in places:
        if place.action == "/logout":
            continue
        for name in [*place.fields, "unknown"]:
            others = "&".join(f"{key}={value}" for key, value in place.fields.items() if key != name)
            answer = send(portal_server, person, place.action, f"{name}={odd}&{others}")
            assert answer.status_code < 500, f"{place.action} {name}"
            assert "<script>alert(1)" not in answer.text
            assert "49" not in answer.text or "{{" not in odd, "a template ran"
            assert odd != "x" * 5000 or answer.status_code == 413, f"{place.action} {name}"
            assert not odd.startswith("%00") or answer.status_code == 422, f"{place.action} {name}"


@pytest.mark.parametrize(
    "path", ["/login", "/signup", "/signup/verify", "/signup/status", "/link/{odd}", "/{odd}", "/logout"]
)
def test_odd_values_in_every_address(portal_server: PortalServer, person: Person, path: str) -> None:
    for name, whole in ODD.items():
        odd = whole[:2000]
        if "{odd}" in path:
            target = path.replace("{odd}", odd)
        else:
            target = f"{path}?flow={odd}&return_to={odd}&change={odd}&{odd}={odd}"
        answer = raw_get(portal_server, target)
        assert answer < 500, f"{target[:80]} {name}"


def test_odd_values_in_every_header(portal_server: PortalServer) -> None:
    values = [
        b"\xff\xfe",
        b"x" * 8000,
        b"\xe2\x80\xae",
        b"'; drop table x; --",
        b"",
        b"%00",
        b"a=b; a=b; a=b",
        b"\xed\xa0\x80",
    ]
    names = (
        "user-agent",
        "accept-language",
        "cookie",
        "accept",
        "x-forwarded-for",
        "hx-request",
        "referer",
        "accept-encoding",
    )
    for name in names:
        for value in values:
            headers = [(b"host", portal_server.host.encode()), (name.encode(), value)]
            answer = httpx.get(f"{portal_server.address}/account", headers=headers, timeout=30)
            assert answer.status_code < 500, f"{name}: {value[:20]!r}"
    for name in ("origin", "sec-fetch-site", "content-type"):
        for value in values:
            headers = [(b"host", portal_server.host.encode()), (name.encode(), value)]
            answer = httpx.post(f"{portal_server.address}/login", headers=headers, content=b"email=x", timeout=30)
            assert 400 <= answer.status_code < 500, f"{name}: {value[:20]!r}"


@pytest.mark.parametrize("field", ["email", "password", "flow"])
def test_a_field_sent_twice_is_refused(portal_server: PortalServer, person: Person, field: str) -> None:
    body = f"email=alice%40example.com&password={SEEDED_PASSWORD}"
    with Person(portal_server) as fresh:
        answer = send(portal_server, fresh, "/login/password", f"{body}&{field}=x&{field}=y")
        assert answer.status_code == 422
        assert fresh.session_cookie is None
        assert send(portal_server, fresh, "/login/password", body).status_code == 303


def test_a_hundred_fields_are_refused_and_a_deep_body_too(portal_server: PortalServer, person: Person) -> None:
    many = "&".join(f"field{number}=1" for number in range(100))
    assert send(portal_server, person, "/login", many).status_code == 413
    assert send(portal_server, person, "/login", "&" * 60_000).status_code == 413
    assert send(portal_server, person, "/login", "email=" + "x" * 200_000).status_code == 413
    assert send(portal_server, person, "/login", "=" * 5_000).status_code in (413, 422)


@pytest.mark.asvs("6.2.9")
def test_a_password_of_any_characters_is_taken_exactly(portal_server: PortalServer) -> None:
    for password in (
        "  blanks at both ends  ",
        "pässwörd mit ümläuten",
        "密码学是一门艺术",
        "🔑🔒🗝️🔐 four locks",
        "right\u202eto left\u200f",
        "<b>&amp;'\"\\ %00 {{x}}",
        "tab\tand\nnewline in it",
        "x" * 64 + " y" * 96,
    ):
        email = an_email()
        with Person(portal_server) as zoe:
            zoe.sign_up(email, password)
            assert zoe.path == "/account", password
            assert zoe.log_out().log_in(email, password).path == "/account", password
        with Person(portal_server) as other:
            assert other.log_in(email, password.strip() + "?").response.status_code == 422


def test_the_same_password_composed_differently_is_the_same(portal_server: PortalServer) -> None:
    email = an_email()
    with Person(portal_server) as zoe:
        zoe.sign_up(email, "cafe\u0301 au lait noir")
        assert zoe.log_out().log_in(email, "caf\u00e9 au lait noir").path == "/account"


def send(portal: PortalServer, person: Person, path: str, body: str) -> httpx.Response:
    """Post a body as it stands, following nothing."""
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "origin": portal.url,
        "x-forwarded-for": an_address(),  # a budget of its own: this is about what is read, not about how often
    }
    return person.http.post(path, content=body.encode("latin-1"), headers=headers)


def raw_get(portal: PortalServer, target: str) -> int:
    """Ask for a target that httpx would not send unchanged; return the status."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=20) as connection:
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nHost: {portal.host}\r\nConnection: close\r\n\r\n".encode("latin-1")
        )
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return int(answer.split(b" ", 2)[1])
