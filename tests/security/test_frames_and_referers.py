"""Pages that act are never framed (adversarial L5); those whose address is a secret tell nobody of it (L6).

The half second before "Allow" works is tried in a browser: tests/flows/test_clicks_that_were_meant_for_another_page.py.
"""

from collections.abc import Callable

import pytest

from tests.flows.the_way_back import an_app
from tests.methods.passkey.test_passkeys import add_passkey
from tests.support.events import refused
from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.second_step import set_up_app
from tests.support.server import PortalServer

FRAMED = {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
STATE = "a-state-that-is-nobodys-business"


def consent(portal: PortalServer, person: Person) -> str:
    app = an_app(portal, "framing")
    portal.sql(f"update authn.clients set first_party = false where client_id = '{app.client_id}'")
    person.sign_up(an_email())
    return person.open(app.request(STATE)).place


def confirmation_of_a_log_out(portal: PortalServer, person: Person) -> str:
    person.sign_up(an_email())
    return "/oauth2/logout"


def removal_of_a_passkey(portal: PortalServer, person: Person) -> str:
    add_passkey(person.sign_up(an_email()))
    return "/account/security"


def list_of_devices(portal: PortalServer, person: Person) -> str:
    email = an_email()
    person.sign_up(email)
    with Person(portal) as other:
        other.log_in(email)
    return "/account/devices"


def mailed_link(portal: PortalServer, person: Person) -> str:
    email = an_email()
    person.sign_up(email).log_out()
    person.post("/login/code", {"email": email})
    return newest_mail(portal, email).link


def recovery_link(portal: PortalServer, person: Person) -> str:
    email = an_email()
    person.sign_up(email).log_out()
    person.post("/recover", {"email": email})
    return newest_mail(portal, email).link


def sign_up_link(portal: PortalServer, person: Person) -> str:
    email = an_email()
    person.ask_to_sign_up(email)
    return newest_mail(portal, email).link


def link_of_a_lost_second_step(portal: PortalServer, person: Person) -> str:
    email = an_email()
    set_up_app(person.sign_up(email))
    person.log_out().log_in(email, PASSWORD).follow("I have none of these").submit("/login/lost")
    link = next(link for link in newest_mail(portal, email).links if "/lost/link/" in link)
    return link.removeprefix(portal.url)


ACTING: list[Callable[[PortalServer, Person], str]] = [
    consent,
    confirmation_of_a_log_out,
    removal_of_a_passkey,
    list_of_devices,
    mailed_link,
]
SECRET: list[Callable[[PortalServer, Person], str]] = [
    consent,
    mailed_link,
    recovery_link,
    sign_up_link,
    link_of_a_lost_second_step,
]


@pytest.mark.adversarial("L5")
@pytest.mark.parametrize("page", ACTING, ids=[page.__name__ for page in ACTING])
def test_l5_no_page_that_acts_lets_itself_be_framed(
    portal_server: PortalServer, zoe: Person, page: Callable[[PortalServer, Person], str]
) -> None:
    address = page(portal_server, zoe)
    shown = zoe.http.get(address)
    assert shown.status_code == 200
    assert [form for form in HtmlPage(shown.text).forms if not form.action.startswith("/logout")], "it acts"
    assert "framed" not in refused(zoe), "the positive control: the same page, not in a frame"
    for dest in ("iframe", "frame", "embed", "object"):
        framed = zoe.http.get(address, headers={**FRAMED, "sec-fetch-dest": dest})
        assert framed.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in framed.headers["content-security-policy"]
        assert framed.headers["cross-origin-opener-policy"] == "same-origin"
    assert "framed" in refused(zoe)


@pytest.mark.adversarial("L6")
@pytest.mark.parametrize("page", SECRET, ids=[page.__name__ for page in SECRET])
def test_l6_a_page_with_a_secret_address_loads_nothing_from_elsewhere_and_sends_no_referer(
    portal_server: PortalServer, zoe: Person, page: Callable[[PortalServer, Person], str]
) -> None:
    address = page(portal_server, zoe)
    shown = zoe.http.get(address)
    assert shown.headers["referrer-policy"] == "same-origin", "a browser then names the page to its own site alone"
    assert "no-store" in shown.headers["cache-control"]
    policy = dict(part.strip().partition(" ")[::2] for part in shown.headers["content-security-policy"].split(";"))
    assert policy["default-src"] in ("'none'", "'self'")
    assert {policy.get(kind, policy["default-src"]) for kind in ("img-src", "script-src", "style-src")} <= {
        "'none'",
        "'self'",
        "'self' data:",
    }
    loaded = [
        element.attributes.get("src") or element.attributes.get("href", "")
        for element in HtmlPage(shown.text).elements
        if element.tag in ("script", "link", "img", "iframe", "use", "video", "source")
    ]
    assert loaded, "the positive control: it does load its own"
    assert all(where.startswith(("/", "#")) and not where.startswith("//") for where in loaded)
    assert STATE not in shown.text
