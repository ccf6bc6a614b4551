"""Passkeys by a software authenticator: honest ones work, and every bent field of a ceremony is refused (K1 to K5)."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.authenticator import BE, BS, UP, UV, Authenticator
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


BENT_ANSWERS = {
    "another origin": {"origin": "https://evil.example"},
    "an origin that begins alike": {"origin": "http://localhost.evil.example"},
    "another scheme": {"origin": "https://localhost"},
    "another RP ID": {"rp_id": "evil.example"},
    "the type of a registration": {"type": "webauthn.create"},
    "another challenge": {"challenge": "c29tZXRoaW5nIGVsc2UgZW50aXJlbHkgYW5kIGxvbmc"},
    "nobody present": {"flags": UV | BE | BS},
    "nobody verified": {"flags": UP | BE | BS},
    "another backup eligibility": {"flags": UP | UV},
    "backed up without being eligible": {"flags": UP | UV | BS},
    "a frame of another origin": {"cross_origin": True},
    "a foreign top origin": {"top_origin": "https://evil.example"},
    "no user handle": {"handle": None},
    "somebody else's user handle": {"handle": b"0123456789abcdef"},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "no signature": {"signature": b""},
    "an unknown credential": {"id": b"unknown credential id"},
    "a credential id beyond 1023 bytes": {"id": b"x" * 1024},
}


@pytest.mark.parametrize("bent", BENT_ANSWERS.values(), ids=BENT_ANSWERS.keys())
def test_k1_a_bent_answer_logs_nobody_in(
    chen: tuple[Person, Authenticator, str], somebody: Somebody, bent: dict[str, Any], portal_server: PortalServer
) -> None:
    _zoe, authenticator, _email = chen
    mallory = use_passkey(somebody(), authenticator, **bent)
    assert mallory.response.status_code == 422
    assert not mallory.is_logged_in()
    assert "passkey" in mallory.page.text
    # The positive control, in the same browser: nothing about it is broken but what was bent.
    assert use_passkey(mallory, authenticator).is_logged_in()


BENT_REGISTRATIONS = {
    "another origin": {"origin": "https://evil.example"},
    "another RP ID": {"rp_id": "evil.example"},
    "the type of a login": {"type": "webauthn.get"},
    "another challenge": {"challenge": "c29tZXRoaW5nIGVsc2UgZW50aXJlbHkgYW5kIGxvbmc"},
    "nobody present": {"flags": UV},
    "nobody verified": {"flags": UP},
    "a frame of another origin": {"cross_origin": True},
    "a foreign top origin": {"top_origin": "https://evil.example"},
    "an id that is not the attested one": {"id": b"another id than the attested"},
    "a credential id beyond 1023 bytes": {"credential_id": b"x" * 1024},
}


@pytest.mark.parametrize("bent", BENT_REGISTRATIONS.values(), ids=BENT_REGISTRATIONS.keys())
def test_k1_a_bent_registration_adds_nothing(zoe: Person, bent: dict[str, Any]) -> None:
    zoe.sign_up(an_email("chen"))
    authenticator = Authenticator(zoe.origin)
    begun = ask(zoe, "/account/passkeys/options")
    credential = authenticator.register(begun["publicKey"], **bent)
    zoe.post("/account/passkeys", {"ceremony": begun["ceremony"], "credential": credential})
    assert zoe.response.status_code == 422
    assert "could not be added" in zoe.page.text
    assert "None yet" in zoe.open("/account/security").page.text
    add_passkey(zoe)


def test_k1_an_algorithm_that_does_not_fit_the_key_is_refused(zoe: Person) -> None:
    zoe.sign_up(an_email("chen"))
    authenticator = Authenticator(zoe.origin)
    begun = ask(zoe, "/account/passkeys/options")
    credential = authenticator.register(begun["publicKey"], cose={**authenticator.cose_key, 3: -8})
    zoe.post("/account/passkeys", {"ceremony": begun["ceremony"], "credential": credential})
    assert zoe.response.status_code == 422


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


def test_k1_a_counter_that_does_not_rise_is_refused(zoe: Person, somebody: Somebody) -> None:
    zoe.sign_up(an_email("chen"))
    authenticator = add_passkey(zoe, counts=True, synced=False)
    assert use_passkey(somebody(), authenticator).is_logged_in()
    assert use_passkey(somebody(), authenticator).is_logged_in()
    copied = use_passkey(somebody(), authenticator, count=1)
    assert copied.response.status_code == 422
    assert not copied.is_logged_in()


def test_k2_a_challenge_works_once_for_its_own_browser_and_purpose(
    chen: tuple[Person, Authenticator, str], somebody: Somebody
) -> None:
    zoe, authenticator, _email = chen
    first, other = somebody(), somebody()
    begun = ask(first, "/login/passkey/options")
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    assert not other.post("/login/passkey", fields).is_logged_in(), "another browser's challenge"
    assert first.post("/login/passkey", fields).is_logged_in()
    first.log_out()
    assert not first.post("/login/passkey", fields).is_logged_in(), "a second time"
    register = ask(zoe, "/account/passkeys/options")
    zoe.log_out()
    fields = {"ceremony": register["ceremony"], "credential": authenticator.answer(register["publicKey"])}
    assert not zoe.post("/login/passkey", fields).is_logged_in(), "a registration's challenge"


def test_k2_a_wrong_answer_uses_its_challenge_up(chen: tuple[Person, Authenticator, str], somebody: Somebody) -> None:
    _zoe, authenticator, _email = chen
    person = somebody()
    begun = ask(person, "/login/passkey/options")
    person.post("/login/passkey", {"ceremony": begun["ceremony"], "credential": "{}"})
    credential = authenticator.answer(begun["publicKey"])
    assert not person.post("/login/passkey", {"ceremony": begun["ceremony"], "credential": credential}).is_logged_in()


def test_k2_of_many_answers_at_once_one_logs_in(chen: tuple[Person, Authenticator, str], somebody: Somebody) -> None:
    _zoe, authenticator, _email = chen
    person = somebody()
    begun = ask(person, "/login/passkey/options")
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    cookies = {cookie.name: cookie.value for cookie in person.http.cookies.jar}

    def send(_turn: int) -> int:
        headers = {"origin": person.origin, "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        import httpx

        sent = httpx.post(person.origin + "/login/passkey", data=fields, headers=headers, timeout=30)
        return sent.status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(40)))
    assert statuses.count(303) == 1
    assert statuses.count(422) == 39


def test_k2_a_challenge_lives_five_minutes(
    chen: tuple[Person, Authenticator, str], somebody: Somebody, portal_server: PortalServer
) -> None:
    _zoe, authenticator, _email = chen
    person = somebody()
    begun = ask(person, "/login/passkey/options")
    portal_server.sql("update authn.webauthn_ceremonies set expires_at = expires_at - interval '5 minutes'")
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    assert not person.post("/login/passkey", fields).is_logged_in()


def test_k3_a_credential_that_somebody_has_cannot_be_registered_again(
    chen: tuple[Person, Authenticator, str], somebody: Somebody
) -> None:
    _zoe, authenticator, email = chen
    mallory = somebody()
    mallory.sign_up(an_email("mallory"))
    begun = ask(mallory, "/account/passkeys/options")
    stolen = Authenticator(mallory.origin, credential_id=authenticator.credential_id)
    mallory.post(
        "/account/passkeys", {"ceremony": begun["ceremony"], "credential": stolen.register(begun["publicKey"])}
    )
    assert mallory.response.status_code == 409
    assert email in use_passkey(somebody(), authenticator).page.text


def test_k4_somebody_elses_passkey_is_not_found(chen: tuple[Person, Authenticator, str], somebody: Somebody) -> None:
    zoe, authenticator, _email = chen
    zoe.open("/account/security")
    actions = [form.action for form in zoe.page.forms if form.action.endswith(("/remove", "/rename"))]
    assert len(actions) == 2
    mallory = somebody()
    mallory.sign_up(an_email("mallory"))
    for action in actions:
        assert mallory.post(action, {"name": "mine"}).response.status_code == 404
    assert use_passkey(somebody(), authenticator).is_logged_in()


def test_k5_an_address_that_was_typed_does_not_choose_the_account(
    chen: tuple[Person, Authenticator, str], somebody: Somebody
) -> None:
    _zoe, authenticator, email = chen
    person = somebody().open("/login").submit("/login", email="alice@example.com")
    flow = person.page.form("/login/password").fields["flow"]
    use_passkey(person, authenticator, flow=flow)
    assert "alice@example.com" not in person.page.text
    assert email in person.page.text


def test_h3_options_are_the_same_for_every_address(chen: tuple[Person, Authenticator, str], somebody: Somebody) -> None:
    _zoe, _authenticator, email = chen
    shapes = []
    for address in (email, "alice@example.com", an_email("nobody")):
        person = somebody().open("/login").submit("/login", email=address)
        flow = person.page.form("/login/password").fields["flow"]
        options = ask(person, "/login/passkey/options", flow=flow)
        shapes.append((sorted(options["publicKey"]), options["publicKey"]["userVerification"]))
    assert shapes[0] == shapes[1] == shapes[2]
    assert "allowCredentials" not in shapes[0][0]


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
