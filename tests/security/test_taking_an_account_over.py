"""Taking somebody's account over by having been there first, or by skipping a step (adversarial E5, F1, I1 to I4).

Each with the honest request that works, and the event that names what was refused or taken away.
"""

import secrets

import pytest
from argon2 import PasswordHasher

from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.security.test_refusals import refusals_of
from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.second_step import set_up_app
from tests.support.server import PortalServer

THEIRS, NEW = "a password of the attacker", "six brown kettles"
THINGS = (
    "select (select count(*) from authn.sessions s where s.user_id = u.id and s.revoked_at is null)::int as sessions, "
    "(select count(*) from authn.api_keys k where k.user_id = u.id and k.revoked_at is null)::int as keys, "
    "(select count(*) from authn.mfa_secrets m where m.user_id = u.id)::int as factors, "
    "(select count(*) from authn.federated_identities i where i.user_id = u.id)::int as federated, "
    "(select count(*) from authn.identities i where i.user_id = u.id and i.value <> u.email)::int as others "
    "from authn.users u where u.email = $1"
)


def events_of(portal: PortalServer, email: str) -> set[str]:
    """The kinds of events about an address and its account."""
    rows = portal.rows(
        "select distinct event_type from authn.audit_events "
        "where resource_id in ($1, (select id::text from authn.users where email = $1))",
        email,
    )
    return {str(row["event_type"]) for row in rows}


def account_made_ahead(portal: PortalServer, email: str) -> str:
    """An account that somebody made for an address that is not theirs, with all that may hang on one; its id."""
    portal.rows("select authn.provision_user($1, null, null, false, '{}', 'default')", email)
    user_id = str(portal.rows("select id from authn.users where email = $1", email)[0]["id"])
    for function, *values in (
        ("create_session", secrets.token_hex(32)),
        ("create_api_key", secrets.token_hex(32)),
        ("add_mfa", "totp", "the attackers app"),
        ("link_federated_identity", "google", "https://accounts.google.com", secrets.token_hex(8)),
        ("add_identity", "phone", f"+4179{secrets.randbelow(10**7):07}"),
    ):
        places = ", ".join(f"${number}" for number in range(2, len(values) + 2))
        portal.rows(f"select authn.{function}($1::text::uuid, {places})", user_id, *values)
    return user_id


def test_i1_a_password_that_somebody_typed_ahead_never_opens_the_owners_account(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    attacker = somebody().ask_to_sign_up(email, THEIRS)
    waiting = attacker.page.form("/signup/verify").fields
    # The owner signs up, later, in their own browser, with a password of their own.
    zoe.sign_up(email, PASSWORD)
    assert zoe.path == "/account"
    zoe.log_out()
    attacker.post("/signup/verify", {**waiting, "code": "000000"})
    assert not attacker.is_logged_in()
    assert somebody().log_in(email, THEIRS).response.status_code == 422
    assert zoe.log_in(email, PASSWORD).path == "/account"
    assert {"signup_code_failed", "login_attempt_failed"} <= events_of(portal_server, email)


def test_i1_the_owner_who_confirms_an_attackers_sign_up_gets_it_without_the_password(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    attacker = somebody().ask_to_sign_up(email, THEIRS)
    link = newest_mail(portal_server, email).link
    zoe.open(link).submit(link).submit("/signup/password", new_password=PASSWORD)
    assert zoe.path == "/account"
    attacker.open("/account")
    assert attacker.path == "/login"
    assert somebody().log_in(email, THEIRS).response.status_code == 422
    assert "login_attempt_failed" in events_of(portal_server, email)
    assert somebody().log_in(email, PASSWORD).path == "/account"


def prove_the_mailbox(portal: PortalServer, owner: Person, email: str, way: str) -> None:
    if way == "recovery":
        owner.open("/recover").submit("/recover", email=email)
        owner.submit("/recover/verify", code=newest_mail(portal, email).code or "")
        owner.submit("/recover/password", new_password=NEW)
    else:
        owner.post("/login/code", {"email": email})
        owner.submit("/login/code/verify", code=newest_mail(portal, email).code or "")


def removed_access(portal: PortalServer, email: str) -> list[object]:
    """What the log says of the proofs of an account's address: whether things were taken off it by that."""
    rows = portal.rows(
        "select coalesce(new_values ->> 'access_removed', 'false') as removed from authn.audit_events "
        "where event_type = 'email_verified' and resource_id = (select id::text from authn.users where email = $1) "
        "order by id",
        email,
    )
    return [row["removed"] for row in rows]


@pytest.mark.parametrize("way", ["recovery", "mailed code"])
def test_i2_i3_whoever_was_in_before_the_owner_came_is_out(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, way: str
) -> None:
    """On the pages: M logs in to an account for V's address, sets up an app and a passkey, and stays logged in."""
    email = an_email()
    password_hash = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(THEIRS)
    portal_server.rows("select authn.provision_user($1, $2, null, false, '{}', 'default')", email, password_hash)
    mallory = somebody().log_in(email, THEIRS)
    passkey = add_passkey(mallory)
    set_up_app(mallory)
    assert mallory.is_logged_in()
    assert use_passkey(somebody(), passkey).is_logged_in(), "it works as long as nobody has proven the address"
    prove_the_mailbox(portal_server, zoe, email, way)
    assert zoe.path == "/account", "no second step that somebody else set up"
    assert not mallory.is_logged_in()
    assert not use_passkey(somebody(), passkey).is_logged_in()
    assert not somebody().log_in(email, THEIRS).is_logged_in()
    assert removed_access(portal_server, email) == ["true"]
    assert "login_attempt_failed" in events_of(portal_server, email)
    # The positive control: what the owner sets up now stays when the address is proven again.
    own = add_passkey(zoe)
    prove_the_mailbox(portal_server, somebody(), email, "mailed code")
    assert use_passkey(somebody(), own).is_logged_in()
    assert zoe.is_logged_in()


@pytest.mark.parametrize("way", ["recovery", "mailed code"])
def test_i2_i3_what_hung_on_the_account_before_its_owner_came_is_gone(
    portal_server: PortalServer, zoe: Person, way: str
) -> None:
    email, honest = an_email(), an_email("honest")
    account_made_ahead(portal_server, email)
    [before] = portal_server.rows(THINGS, email)
    assert set(before.values()) == {1}
    prove_the_mailbox(portal_server, zoe, email, way)
    assert zoe.path == "/account"
    assert portal_server.rows(THINGS, email) == [
        {"sessions": 1, "keys": 0, "factors": 0, "federated": 0, "others": 0}
    ], "the owner's own session, and nothing else"
    assert removed_access(portal_server, email) == ["true"]
    # The positive control: what an owner has put on a proven account stays.
    zoe.log_out().sign_up(honest)
    user_id = str(portal_server.rows("select id from authn.users where email = $1", honest)[0]["id"])
    portal_server.rows("select authn.create_api_key($1::text::uuid, $2)", user_id, secrets.token_hex(32))
    prove_the_mailbox(portal_server, zoe.log_out(), honest, "mailed code")
    assert portal_server.rows(THINGS, honest)[0]["keys"] == 1


def test_i4_e5_a_proof_that_was_begun_for_one_address_proves_no_other(portal_server: PortalServer, zoe: Person) -> None:
    """M starts a change of address and lets it lie; what was mailed for the one address must not confirm the other."""
    mine, victims = an_email("mallory"), an_email("victim")
    zoe.sign_up(mine)
    user_id = str(portal_server.rows("select id from authn.users where email = $1", mine)[0]["id"])

    def token() -> str:
        raw = secrets.token_hex(32)
        portal_server.rows("select authn.create_token($1::text::uuid, $2, 'email_verify')", user_id, raw)
        return raw

    lying_around = token()
    portal_server.rows("select authn.update_email($1::text::uuid, $2)", user_id, victims)
    assert portal_server.rows("select * from authn.verify_email($1)", lying_around) == []
    [state] = portal_server.rows("select email_verified_at from authn.users where id = $1::text::uuid", user_id)
    assert state["email_verified_at"] is None
    # The victim signs up meanwhile: the address is theirs, and the claim that was never proven is void.
    owner = Person(portal_server)
    owner.post("/login/code", {"email": victims})
    owner.submit("/login/code/verify", code=newest_mail(portal_server, victims).code or "")
    assert owner.path == "/account"
    assert not zoe.is_logged_in()
    assert removed_access(portal_server, victims)[-1] == "true"
    owner.close()
    # The positive control: a token that was made for the address proves it.
    again = an_email("mallory")
    portal_server.rows("select authn.update_email($1::text::uuid, $2)", user_id, again)
    assert len(portal_server.rows("select * from authn.verify_email($1)", token())) == 1
    assert "email_updated" in events_of(portal_server, again)


@pytest.mark.asvs("6.4.3")
def test_f1_no_step_of_a_recovery_can_be_skipped(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    email = an_email()
    somebody().sign_up(email).log_out()
    zoe.open("/recover").submit("/recover", email=email)
    flow = zoe.page.form("/recover/verify").fields["flow"]
    for path, fields in (
        ("/recover/verify", {"flow": flow, "code": "000000"}),
        ("/recover/password", {"new_password": NEW}),
        ("/recover/password", {"flow": flow, "new_password": NEW, "recovered": "1"}),
        ("/recover/password", {}),
        ("/recover/password", {"flow": flow}),
        ("/recover/password", {"flow": flow, "new_password": NEW, "way": "totp", "tryAnotherWay": "on"}),
        ("/recover/verify", {}),
        ("/recover/verify", {"flow": flow}),
        ("/recover/verify", {"flow": flow, "code": ""}),
        ("/recover/verify", {"flow": flow, "code": "", "new_password": NEW, "skip": "1"}),
        ("/recover", {"flow": flow, "email": email, "new_password": NEW}),
        ("/login/totp", {"flow": flow, "code": ""}),
        ("/login/recovery-code", {"flow": flow, "code": ""}),
        ("/login/code/verify", {"flow": flow, "code": newest_mail(portal_server, email).code or ""}),
        ("/login/code/continue", {"flow": flow}),
        ("/login/terms", {"flow": flow, "decision": "accept"}),
    ):
        zoe.post(path, fields)
        assert not zoe.is_logged_in(), path
    for page in ("/recover/password", "/login?way=totp", "/signup/password"):
        zoe.open(f"{page}{'&' if '?' in page else '?'}flow={flow}")
        assert "new_password" not in {name for form in zoe.page.forms for name in form.fields}, page
    assert somebody().log_in(email, NEW).response.status_code == 422
    zoe.open(f"/recover/verify?flow={flow}")
    assert "recovery_code_failed" in events_of(portal_server, email)
    kinds = {kind for kind, _times in refusals_of(portal_server, zoe.http.headers["x-forwarded-for"])}
    assert "unproven_recovery" in kinds
    # The positive control: with the proof the same flow sets the password.
    zoe.submit("/recover/verify", code=newest_mail(portal_server, email).code or "")
    zoe.submit("/recover/password", new_password=NEW)
    assert zoe.path == "/account"
    assert somebody().log_in(email, NEW).path == "/account"
    assert "account_recovered" in events_of(portal_server, email)
