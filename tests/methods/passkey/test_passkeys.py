"""Passkeys by a software authenticator: how they are added, used, removed and asked for."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.authenticator import BE, BS, UP, Authenticator
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.server import PortalServer

Somebody = Callable[[], Person]
FORM = {"content-type": "application/x-www-form-urlencoded"}


def ask(person: Person, address: str, **fields: str) -> dict[str, Any]:
    """What a page's script does to begin a ceremony."""
    answer = person.http.post(address, data=fields, headers={**FORM, "origin": person.origin})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def add_passkey(person: Person, *, name: str = "", **how: Any) -> Authenticator:
    authenticator = Authenticator(person.origin, **how)
    begun = ask(person, "/account/passkeys/options")
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.register(begun["publicKey"]), "name": name}
    person.post("/account/passkeys", fields)
    assert person.path == "/account/security", person.page.text
    return authenticator


def use_passkey(person: Person, authenticator: Authenticator, *, flow: str = "", **bent: Any) -> Person:
    named = {"flow": flow} if flow else {}
    begun = ask(person, "/login/passkey/options", **named)
    credential = authenticator.answer(begun["publicKey"], **bent)
    return person.post("/login/passkey", {**named, "ceremony": begun["ceremony"], "credential": credential})


@pytest.fixture
def chen(zoe: Person) -> tuple[Person, Authenticator, str]:
    email = an_email("chen")
    zoe.sign_up(email)
    return zoe, add_passkey(zoe, name="My phone"), email


def test_a_passkey_logs_in_without_a_name(
    chen: tuple[Person, Authenticator, str], somebody: Somebody, portal_server: PortalServer
) -> None:
    zoe, authenticator, email = chen
    page = zoe.open("/account/security").page.text
    assert "My phone" in page
    assert "Bitwarden" in page
    assert "Synced" in page
    assert "passkey was added" in newest_mail(portal_server, email).text
    other = use_passkey(somebody(), authenticator)
    assert other.path == "/account"
    assert email in other.page.text


def test_u2_an_answer_nested_without_end_is_refused(somebody: Somebody) -> None:
    mallory = somebody()
    begun = ask(mallory, "/login/passkey/options")
    mallory.post("/login/passkey", {"ceremony": begun["ceremony"], "credential": "[" * 4000})
    assert mallory.response.status_code == 422


def test_u2_a_key_that_is_no_map_is_refused(zoe: Person) -> None:
    zoe.sign_up(an_email("chen"))
    authenticator = Authenticator(zoe.origin)
    begun = ask(zoe, "/account/passkeys/options")
    credential = authenticator.register(begun["publicKey"], cose=[])
    zoe.post("/account/passkeys", {"ceremony": begun["ceremony"], "credential": credential})
    assert zoe.response.status_code == 422


def test_u2_transports_that_are_no_list_are_left_out(zoe: Person) -> None:
    zoe.sign_up(an_email("chen"))
    authenticator = Authenticator(zoe.origin)
    begun = ask(zoe, "/account/passkeys/options")
    credential = json.loads(authenticator.register(begun["publicKey"]))
    credential["response"]["transports"] = 5
    zoe.post("/account/passkeys", {"ceremony": begun["ceremony"], "credential": json.dumps(credential)})
    assert zoe.path == "/account/security"


@pytest.mark.adversarial("H1", "H3")
def test_h3_options_and_refusals_are_the_same_for_every_address(
    chen: tuple[Person, Authenticator, str], portal_server: PortalServer, somebody: Somebody
) -> None:
    _zoe, authenticator, email = chen
    without, switched_off = an_email("cleo"), an_email("cora")  # the page shows the first letter
    for address in (without, switched_off):
        somebody().sign_up(address)
    portal_server.sql(f"update authn.users set disabled_at = now() where email = '{switched_off}'")
    seen, refused = [], []
    for address in (email, without, switched_off, an_email("clara"), email):
        person = somebody().open("/login").submit("/login", email=address)
        flow = person.page.form("/login/password").fields["flow"]
        begun = [ask(person, "/login/passkey/options", flow=flow) for _ in range(2)]
        seen += [{name: value for name, value in each["publicKey"].items() if name != "challenge"} for each in begun]
        use_passkey(person, Authenticator(person.origin), flow=flow)
        refused.append((person.response.status_code, person.page.text.replace(address, "…")))
        events = portal_server.rows(
            "select new_values ->> 'reason' as reason from authn.audit_events "
            "where event_type = 'passkey_refused' and ip_address = $1::text::inet",
            person.http.headers["x-forwarded-for"],
        )
        assert len(events) == 1, "whose it was not"
    assert all(options == seen[0] for options in seen), "today and tomorrow"
    assert "allowCredentials" not in seen[0], "nothing to tell accounts apart by"
    assert len(set(refused)) == 1
    # The positive control.
    assert use_passkey(somebody(), authenticator).is_logged_in()


def test_the_last_way_in_cannot_be_removed(
    chen: tuple[Person, Authenticator, str], portal_server: PortalServer, somebody: Somebody
) -> None:
    zoe, authenticator, email = chen
    where = f"where email = '{email}'"
    portal_server.sql(f"update authn.users set password_hash = null, email_verified_at = null {where}")
    portal_server.sql(f"update authn.identities set verified_at = null where value = '{email}'")
    zoe.open("/account/security")
    [action] = [form.action for form in zoe.page.forms if form.action.endswith("/remove")]
    zoe.post(action)
    assert zoe.response.status_code == 409
    assert "only way to log in" in zoe.page.text
    assert use_passkey(somebody(), authenticator).is_logged_in()


def test_of_the_last_two_removed_at_once_one_stays(zoe: Person, portal_server: PortalServer) -> None:
    email = an_email("chen")
    zoe.sign_up(email)
    add_passkey(zoe)
    add_passkey(zoe)
    portal_server.sql(f"update authn.users set password_hash = null, email_verified_at = null where email = '{email}'")
    portal_server.sql(f"update authn.identities set verified_at = null where value = '{email}'")
    zoe.open("/account/security")
    actions = [form.action for form in zoe.page.forms if form.action.endswith("/remove")]
    assert len(actions) == 2
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in zoe.http.cookies.jar)

    def remove(action: str) -> int:
        import httpx

        return httpx.post(zoe.origin + action, headers={**FORM, "origin": zoe.origin, "cookie": cookie}).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(remove, actions))
    assert statuses == [303, 409]


def test_a_passkey_as_second_step_after_a_password(chen: tuple[Person, Authenticator, str], somebody: Somebody) -> None:
    zoe, authenticator, email = chen
    assert somebody().log_in(email, PASSWORD).is_logged_in(), "off until its owner turns it on"
    zoe.open("/account/security").submit("/account/passkeys/second-step")
    other = somebody().log_in(email, PASSWORD)
    assert not other.is_logged_in()
    assert "Second step" in other.page.text
    flow = other.page.form("/login/passkey").fields["flow"]
    mallory = somebody()
    mallory.sign_up(an_email("mallory"))
    stranger = add_passkey(mallory)
    assert not use_passkey(other, stranger, flow=flow).is_logged_in()
    use_passkey(other, authenticator, flow=flow, flags=UP | BE | BS)
    assert other.is_logged_in(), "a touch is enough beside a password"


def test_a_passkey_alone_satisfies_whoever_asks_for_two_steps(
    chen: tuple[Person, Authenticator, str], somebody: Somebody
) -> None:
    zoe, authenticator, _email = chen
    zoe.open("/account/security").submit("/account/passkeys/second-step")
    assert use_passkey(somebody(), authenticator).is_logged_in()


def test_the_offer_comes_only_when_the_script_found_that_the_device_can(somebody: Somebody) -> None:
    email = an_email("chen")
    first = somebody()
    first.sign_up(email)
    assert somebody().log_in(email, PASSWORD).path == "/account"
    able = somebody().post("/login/password", {"email": email, "password": PASSWORD, "passkeys": "1"})
    assert able.path == "/account/passkeys/offer"
    able.post("/account/passkeys/offer", {"answer": "later", "return_to": "/account/devices"})
    assert able.path == "/account/devices"
    again = somebody().post("/login/password", {"email": email, "password": PASSWORD, "passkeys": "1"})
    assert again.path == "/account"


def test_the_offer_leads_to_no_other_site(zoe: Person) -> None:
    zoe.sign_up(an_email("chen"))
    zoe.post("/account/passkeys/offer", {"answer": "never", "return_to": "https://evil.example/"})
    assert zoe.path == "/account"


def test_password_managers_find_the_pages(zoe: Person) -> None:
    found = json.loads(zoe.http.get("/.well-known/passkey-endpoints").text)
    assert found == {"enroll": f"{zoe.origin}/account/passkeys/add", "manage": f"{zoe.origin}/account/security"}


def test_a_disabled_accounts_passkey_opens_nothing_and_is_not_forgotten(
    chen: tuple[Person, Authenticator, str], somebody: Somebody, portal_server: PortalServer
) -> None:
    _zoe, authenticator, email = chen
    portal_server.sql(f"update authn.users set disabled_at = now() where email = '{email}'")
    refused = use_passkey(somebody(), authenticator)
    assert refused.response.status_code == 422
    assert not refused.is_logged_in()
    assert "data-unknown" not in refused.response.text, "the browser would drop a passkey that may work again"
    unknown = use_passkey(somebody(), authenticator, id=b"unknown credential id")
    assert "data-unknown" in unknown.response.text
