"""Bent, borrowed and repeated passkey ceremonies (K1 to K5): at login, as second step, to confirm, to register.

Web Authentication Level 3, sections 7.1 and 7.2: https://www.w3.org/TR/webauthn-3/#sctn-rp-operations
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.methods.passkey.test_passkeys import FORM, add_passkey, ask, use_passkey
from tests.support.authenticator import BE, BS, UP, UV, Authenticator
from tests.support.events import happened, passkeys_refused, refused
from tests.support.person import PASSWORD, Person, an_email
from tests.support.second_step import SET_UP
from tests.support.server import PortalServer
from tests.support.tenant import MakeTenant

Somebody = Callable[[], Person]
Chen = tuple[Person, Authenticator, str]
LOGIN, OPTIONS = "/login/passkey", "/login/passkey/options"
ADD, ADD_OPTIONS = "/account/passkeys", "/account/passkeys/options"


@pytest.fixture
def chen(zoe: Person) -> Chen:
    email = an_email("chen")
    zoe.sign_up(email)
    return zoe, add_passkey(zoe, name="My phone"), email


BENT_ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "another origin": ({"origin": "https://evil.example"}, "InvalidAuthenticationResponse"),
    "an origin that begins alike": ({"origin": "http://localhost.evil.example"}, "InvalidAuthenticationResponse"),
    "another scheme": ({"origin": "https://localhost"}, "InvalidAuthenticationResponse"),
    "another RP ID": ({"rp_id": "evil.example"}, "InvalidAuthenticationResponse"),
    "the type of a registration": ({"type": "webauthn.create"}, "InvalidAuthenticationResponse"),
    "another challenge": (
        {"challenge": "c29tZXRoaW5nIGVsc2UgZW50aXJlbHkgYW5kIGxvbmc"},
        "InvalidAuthenticationResponse",
    ),
    "nobody present": ({"flags": UV | BE | BS}, "InvalidAuthenticationResponse"),
    "nobody verified": ({"flags": UP | BE | BS}, "InvalidAuthenticationResponse"),
    "another backup eligibility": ({"flags": UP | UV}, "backup eligibility changed"),
    "backed up without being eligible": ({"flags": UP | UV | BS}, "InvalidBackupFlags"),
    "a frame of another origin": ({"cross_origin": True}, "framed by another origin"),
    "a foreign top origin": ({"top_origin": "https://evil.example"}, "framed by another origin"),
    "no user handle": ({"handle": None}, "user handle missing"),
    "somebody else's user handle": ({"handle": b"0123456789abcdef"}, "user handle of somebody else"),
    "another key": ({"key": ec.generate_private_key(ec.SECP256R1())}, "InvalidAuthenticationResponse"),
    "no signature": ({"signature": b""}, "InvalidAuthenticationResponse"),
    "an unknown credential": ({"id": b"unknown credential id"}, "unknown credential"),
    "a credential id beyond 1023 bytes": ({"id": b"x" * 1024}, "ceremony"),
}
# A touch is enough beside a password, and a page that knows the person needs no handle.
NOT_ASKED = ("nobody verified", "no user handle")
AS_SECOND_STEP = {name: bent for name, bent in BENT_ANSWERS.items() if name not in NOT_ASKED}
TO_CONFIRM = {name: bent for name, bent in BENT_ANSWERS.items() if name != "no user handle"}


def assert_refused(person: Person, reason: str) -> None:
    assert person.response.status_code == 422
    assert passkeys_refused(person)[-1] == reason


@pytest.mark.parametrize("bent", BENT_ANSWERS)
def test_k1_a_bent_answer_logs_nobody_in(chen: Chen, somebody: Somebody, bent: str) -> None:
    (how, reason), authenticator = BENT_ANSWERS[bent], chen[1]
    mallory = use_passkey(somebody(), authenticator, **how)
    assert_refused(mallory, reason)
    assert not mallory.is_logged_in()
    assert "passkey" in mallory.page.text
    # The positive control, in the same browser: nothing about it is broken but what was bent.
    assert use_passkey(mallory, authenticator).is_logged_in()


@pytest.mark.parametrize("bent", AS_SECOND_STEP)
def test_k1_a_bent_answer_is_no_second_step(chen: Chen, somebody: Somebody, bent: str) -> None:
    (how, reason), (zoe, authenticator, email) = AS_SECOND_STEP[bent], chen
    zoe.open("/account/security").submit("/account/passkeys/second-step")
    mallory = somebody().log_in(email, PASSWORD)
    flow = mallory.response.url.params["flow"]
    assert_refused(use_passkey(mallory, authenticator, flow=flow, **how), reason)
    assert not mallory.is_logged_in()
    assert use_passkey(mallory, authenticator, flow=flow).is_logged_in(), "the positive control"


@pytest.mark.parametrize("bent", TO_CONFIRM)
def test_k1_a_bent_answer_confirms_nobody(chen: Chen, portal_server: PortalServer, bent: str) -> None:
    (how, reason), (zoe, authenticator, email) = TO_CONFIRM[bent], chen
    portal_server.sql(
        "update authn.sessions s set auth_time = now() - interval '11 minutes' from authn.users u "
        f"where u.id = s.user_id and u.email = '{email}'"
    )
    flow = zoe.open(SET_UP).response.url.params["flow"]
    assert_refused(use_passkey(zoe, authenticator, flow=flow, **how), reason)
    assert zoe.open(SET_UP).page.heading == "Confirm it is you"
    flow = zoe.response.url.params["flow"]
    assert use_passkey(zoe, authenticator, flow=flow).path == SET_UP, "the positive control"


BENT_REGISTRATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "another origin": ({"origin": "https://evil.example"}, "InvalidRegistrationResponse"),
    "another RP ID": ({"rp_id": "evil.example"}, "InvalidRegistrationResponse"),
    "the type of a login": ({"type": "webauthn.get"}, "InvalidRegistrationResponse"),
    "another challenge": (
        {"challenge": "c29tZXRoaW5nIGVsc2UgZW50aXJlbHkgYW5kIGxvbmc"},
        "InvalidRegistrationResponse",
    ),
    "nobody present": ({"flags": UV}, "InvalidRegistrationResponse"),
    "nobody verified": ({"flags": UP}, "InvalidRegistrationResponse"),
    "a frame of another origin": ({"cross_origin": True}, "framed by another origin"),
    "a foreign top origin": ({"top_origin": "https://evil.example"}, "framed by another origin"),
    "an id that is not the attested one": (
        {"id": b"another id than the attested"},
        "credential id differs from the attested one",
    ),
    "a credential id beyond 1023 bytes": ({"credential_id": b"x" * 1024}, "credential id too long"),
}


def register(person: Person, authenticator: Authenticator, **bent: Any) -> Person:
    begun = ask(person, ADD_OPTIONS)
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.register(begun["publicKey"], **bent)}
    return person.post(ADD, fields)


@pytest.mark.parametrize("bent", BENT_REGISTRATIONS)
def test_k1_a_bent_registration_adds_nothing(zoe: Person, bent: str) -> None:
    how, reason = BENT_REGISTRATIONS[bent]
    zoe.sign_up(an_email("chen"))
    assert_refused(register(zoe, Authenticator(zoe.origin), **how), reason)
    assert "could not be added" in zoe.page.text
    assert "None yet" in zoe.open("/account/security").page.text
    add_passkey(zoe)


def test_k1_an_algorithm_that_does_not_fit_the_key_is_refused(zoe: Person) -> None:
    zoe.sign_up(an_email("chen"))
    authenticator = Authenticator(zoe.origin)
    register(zoe, authenticator, cose={**authenticator.cose_key, 3: -8})
    assert_refused(zoe, "key type and algorithm do not fit")
    add_passkey(zoe)


def test_k1_a_counter_that_does_not_rise_is_refused(
    zoe: Person, somebody: Somebody, portal_server: PortalServer
) -> None:
    email = an_email("chen")
    zoe.sign_up(email)
    authenticator = add_passkey(zoe, counts=True, synced=False)
    assert use_passkey(somebody(), authenticator).is_logged_in()
    assert use_passkey(somebody(), authenticator).is_logged_in()
    copied = use_passkey(somebody(), authenticator, count=1)
    assert copied.response.status_code == 422
    assert not copied.is_logged_in()
    assert happened(portal_server, email, "passkey_refused")
    assert use_passkey(somebody(), authenticator).is_logged_in(), "the key itself still works"


def test_k2_a_challenge_works_once_for_its_own_browser_and_purpose(chen: Chen, somebody: Somebody) -> None:
    zoe, authenticator, _email = chen
    first, other = somebody(), somebody()
    begun = ask(first, OPTIONS)
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    assert not other.post(LOGIN, fields).is_logged_in(), "another browser's challenge"
    assert passkeys_refused(other) == ["ceremony"]
    assert first.post(LOGIN, fields).is_logged_in(), "the positive control"
    first.log_out()
    assert not first.post(LOGIN, fields).is_logged_in(), "a second time"
    assert passkeys_refused(first) == ["ceremony"]
    to_register = ask(zoe, ADD_OPTIONS)
    zoe.log_out()
    fields = {"ceremony": to_register["ceremony"], "credential": authenticator.answer(to_register["publicKey"])}
    assert not zoe.post(LOGIN, fields).is_logged_in(), "a registration's challenge"
    assert passkeys_refused(zoe) == ["ceremony"]


def test_k2_a_login_challenge_registers_nothing_and_a_registration_ends_with_the_session(
    chen: Chen, somebody: Somebody
) -> None:
    zoe, _authenticator, email = chen
    of_login, to_register = ask(zoe, OPTIONS), ask(zoe, ADD_OPTIONS)
    made = Authenticator(zoe.origin)
    options = {**to_register["publicKey"], "challenge": of_login["publicKey"]["challenge"]}
    zoe.post(ADD, {"ceremony": of_login["ceremony"], "credential": made.register(options)})
    assert_refused(zoe, "ceremony")
    fields = {"ceremony": to_register["ceremony"], "credential": made.register(to_register["publicKey"])}
    zoe.log_out()
    assert zoe.post(ADD, fields).path == "/login", "after logging out"
    assert "no_session" in refused(zoe)
    # Of another person in the same browser, who would get the first one's key.
    zoe.sign_up(an_email("mallory"))
    assert_refused(zoe.post(ADD, fields), "ceremony")
    assert not use_passkey(somebody(), made).is_logged_in()
    zoe.log_out().log_in(email, PASSWORD)
    add_passkey(zoe)


def test_k2_a_challenge_of_one_login_is_none_in_another(chen: Chen, somebody: Somebody) -> None:
    """Of another flow of the same browser, of another step, of a person who is known there."""
    zoe, authenticator, email = chen
    zoe.open("/account/security").submit("/account/passkeys/second-step")
    person = somebody().log_in(email, PASSWORD)
    flow = person.response.url.params["flow"]
    begun = ask(person, OPTIONS, flow=flow)
    answer = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    assert not person.post(LOGIN, answer).is_logged_in(), "a second step's, as a login without a name"
    of_nobody = ask(person, OPTIONS)
    answer = {"ceremony": of_nobody["ceremony"], "credential": authenticator.answer(of_nobody["publicKey"])}
    assert not person.post(LOGIN, {**answer, "flow": flow}).is_logged_in(), "a login's, as a second step"
    person.open("/login").submit("/login", email=email)
    other_flow = person.response.url.params["flow"]
    begun = ask(person, OPTIONS, flow=other_flow)
    answer = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    assert not person.post(LOGIN, answer).is_logged_in(), "of a flow, without it"
    assert passkeys_refused(person) == ["ceremony"] * 3
    assert use_passkey(person, authenticator, flow=flow).is_logged_in(), "the positive control"


def test_k2_a_challenge_of_one_tenant_is_none_in_another(a_tenant: MakeTenant) -> None:
    here, there, email = a_tenant(), a_tenant(), an_email("chen")
    here.account(email)
    passkey = add_passkey(here.visitor().log_in(email, PASSWORD))
    begun = ask(there.visitor(), OPTIONS)
    person = here.visitor()
    ask(person, OPTIONS)
    person.post(LOGIN, {"ceremony": begun["ceremony"], "credential": passkey.answer(begun["publicKey"])})
    assert_refused(person, "ceremony")
    assert use_passkey(person, passkey).is_logged_in(), "the positive control"


def test_k2_a_wrong_answer_uses_its_challenge_up(chen: Chen, somebody: Somebody) -> None:
    authenticator, person = chen[1], somebody()
    begun = ask(person, OPTIONS)
    person.post(LOGIN, {"ceremony": begun["ceremony"], "credential": "{}"})
    credential = authenticator.answer(begun["publicKey"])
    assert not person.post(LOGIN, {"ceremony": begun["ceremony"], "credential": credential}).is_logged_in()
    assert passkeys_refused(person) == ["ceremony", "ceremony"]
    assert use_passkey(person, authenticator).is_logged_in(), "the positive control"


def test_k2_of_many_answers_at_once_one_logs_in(chen: Chen, somebody: Somebody) -> None:
    authenticator, person = chen[1], somebody()
    begun = ask(person, OPTIONS)
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies.jar)
    headers = {**FORM, "origin": person.origin, "cookie": cookie, "x-forwarded-for": an_address_of(person)}

    def send(_turn: int) -> int:
        return httpx.post(person.origin + LOGIN, data=fields, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(40)))
    assert statuses.count(303) == 1
    assert statuses.count(422) == 39
    # Ten of a minute are written down, which may end in between: nobody floods the log.
    assert set(passkeys_refused(person)) == {"ceremony"}
    assert 10 <= len(passkeys_refused(person)) <= 20


def an_address_of(person: Person) -> str:
    return str(person.http.headers["x-forwarded-for"])


def test_k2_a_challenge_lives_five_minutes(chen: Chen, somebody: Somebody, portal_server: PortalServer) -> None:
    authenticator, person = chen[1], somebody()
    begun = ask(person, OPTIONS)
    portal_server.sql(
        "update authn.webauthn_ceremonies set expires_at = expires_at - interval '5 minutes' "
        f"where id = '{begun['ceremony']}'"
    )
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.answer(begun["publicKey"])}
    assert not person.post(LOGIN, fields).is_logged_in()
    assert passkeys_refused(person) == ["ceremony"]
    assert use_passkey(person, authenticator).is_logged_in(), "the positive control"


def test_k3_a_credential_that_somebody_has_cannot_be_registered_again(
    chen: Chen, somebody: Somebody, portal_server: PortalServer
) -> None:
    _zoe, authenticator, email = chen
    mallory, her_own = somebody(), an_email("mallory")
    mallory.sign_up(her_own)
    register(mallory, Authenticator(mallory.origin, credential_id=authenticator.credential_id))
    assert mallory.response.status_code == 409
    assert happened(portal_server, her_own, "passkey_refused", reason="credential_taken")
    assert "None yet" in mallory.open("/account/security").page.text
    # The positive controls: the owner's still works, and she gets one of her own.
    assert email in use_passkey(somebody(), authenticator).page.text
    add_passkey(mallory)


def test_k4_somebody_elses_passkey_is_not_found(chen: Chen, somebody: Somebody, portal_server: PortalServer) -> None:
    zoe, authenticator, email = chen
    zoe.open("/account/security")
    actions = [form.action for form in zoe.page.forms if form.action.endswith(("/remove", "/rename"))]
    assert len(actions) == 2
    mallory = somebody()
    mallory.sign_up(an_email("mallory"))
    for action in actions:
        for fields in ({"name": "mine"}, {"name": "mine", "user_id": email, "user": email}):
            assert mallory.post(action, fields).response.status_code == 404
    assert "not_theirs" in refused(mallory)
    assert "My phone" not in mallory.open(f"/account/security?user={email}&user_id={email}").page.text
    assert not happened(portal_server, email, "mfa_renamed")
    assert use_passkey(somebody(), authenticator).is_logged_in()
    # The positive control: its owner does both.
    zoe.submit(next(action for action in actions if action.endswith("/rename")), name="Her phone")
    assert "Her phone" in zoe.page.text
    zoe.submit(next(action for action in actions if action.endswith("/remove")))
    assert not use_passkey(somebody(), authenticator).is_logged_in()


def test_k5_an_address_that_was_typed_does_not_choose_the_account(
    chen: Chen, somebody: Somebody, portal_server: PortalServer
) -> None:
    zoe, authenticator, email = chen
    victim, owner = an_email("victim"), somebody()
    owner.sign_up(victim)
    add_passkey(owner)
    person = somebody().open("/login").submit("/login", email=victim)
    flow = person.page.form("/login/password").fields["flow"]
    use_passkey(person, authenticator, flow=flow)
    assert victim not in person.page.text
    assert email in person.page.text, "whose key it is, as autofill would have it"
    # With the victim's handle in the answer, with the victim's credential named, or where the victim is asked: nobody.
    handle = Authenticator(zoe.origin)
    handle.register(ask(owner, ADD_OPTIONS)["publicKey"])
    mallory = somebody().open("/login").submit("/login", email=victim)
    flow = mallory.page.form("/login/password").fields["flow"]
    assert_refused(use_passkey(mallory, authenticator, flow=flow, handle=handle.handle), "user handle of somebody else")
    owner.open("/account/security").submit("/account/passkeys/second-step")
    mallory = somebody().log_in(victim, PASSWORD)
    flow = mallory.response.url.params["flow"]
    assert_refused(use_passkey(mallory, authenticator, flow=flow), "passkey of somebody else")
    assert not mallory.is_logged_in()
    assert happened(portal_server, email, "passkey_refused", reason="passkey of somebody else")
