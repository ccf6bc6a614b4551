"""Sessions: new at each login, dead at log-out, nobody else's to go on with (adversarial C3, C4, C6, F7, L2)."""

import httpx
import pytest

from tests.support.person import PASSWORD, Somebody, an_email, newest_mail
from tests.support.server import SEEDED_PASSWORD, PortalServer, an_address


@pytest.mark.asvs("7.2.4")
@pytest.mark.adversarial("C4")
def test_the_token_is_new_at_each_login_and_the_old_one_is_dead(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    zoe = somebody()
    fields = {"email": "alice@example.com", "password": SEEDED_PASSWORD}
    zoe.post("/login/password", fields)
    first = zoe.session_cookie
    zoe.post("/login/password", fields)
    second = zoe.session_cookie
    assert first
    assert second
    assert first != second
    assert logged_in_with(portal_server, second)
    assert not logged_in_with(portal_server, first)


@pytest.mark.adversarial("C3")
def test_a_token_that_somebody_planted_is_never_given_a_login(portal_server: PortalServer, somebody: Somebody) -> None:
    for planted in ("A" * 43, "x", ""):
        victim = somebody()
        victim.http.cookies.set("portal_session", planted, domain="localhost.local")
        victim.log_in("alice@example.com", SEEDED_PASSWORD)
        assert victim.is_logged_in()
        assert victim.session_cookie != planted
        assert not logged_in_with(portal_server, planted)


@pytest.mark.asvs("7.4.1")
@pytest.mark.adversarial("L2")
def test_after_logging_out_the_token_is_dead_on_the_server_too(
    portal_server: PortalServer, second_process: PortalServer, somebody: Somebody
) -> None:
    zoe = somebody()
    zoe.log_in("alice@example.com", SEEDED_PASSWORD)
    token = zoe.session_cookie or ""
    assert logged_in_with(portal_server, token)
    assert logged_in_with(second_process, token, host=portal_server.host)
    zoe.log_out()
    assert zoe.session_cookie is None
    assert not logged_in_with(portal_server, token)
    assert not logged_in_with(second_process, token, host=portal_server.host)


@pytest.mark.asvs("7.4.2")
def test_disabling_an_account_ends_its_sessions(portal_server: PortalServer, somebody: Somebody) -> None:
    email = an_email()
    zoe = somebody().sign_up(email)
    assert zoe.is_logged_in()
    portal_server.sql(f"update authn.users set disabled_at = now() where email = '{email}'")
    assert not zoe.is_logged_in()


@pytest.mark.asvs("7.3.1")
def test_a_session_ends_when_nobody_used_it_for_long(portal_server: PortalServer, somebody: Somebody) -> None:
    email = an_email()
    zoe = somebody().sign_up(email)
    of_zoe = f"where user_id = (select id from authn.users where email = '{email}')"
    portal_server.sql(f"update authn.sessions set expires_at = now() + interval '1 minute' {of_zoe}")
    assert zoe.is_logged_in()
    portal_server.sql(f"update authn.sessions set expires_at = now() - interval '1 second' {of_zoe}")
    assert not zoe.is_logged_in()


@pytest.mark.asvs("7.3.2")
def test_using_a_session_does_not_move_its_end_past_the_absolute_one(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    email = an_email()
    zoe = somebody().sign_up(email)
    portal_server.sql(
        "update authn.sessions set last_active_at = now() - interval '5 minutes', "
        "expires_at = now() + interval '5 minutes', absolute_expires_at = now() + interval '10 minutes' "
        f"where user_id = (select id from authn.users where email = '{email}')"
    )
    assert zoe.is_logged_in()
    [session] = portal_server.rows(
        "select expires_at > now() + interval '6 minutes' as moved, expires_at <= absolute_expires_at as bounded "
        "from authn.sessions where user_id = (select id from authn.users where email = $1)",
        email,
    )
    assert session == {"moved": True, "bounded": True}


@pytest.mark.adversarial("B9", "J7")
def test_nothing_but_the_whole_token_opens_a_session(portal_server: PortalServer, somebody: Somebody) -> None:
    zoe = somebody()
    zoe.log_in("alice@example.com", SEEDED_PASSWORD)
    token = zoe.session_cookie or ""
    browser = zoe.cookies["portal_browser"]
    [row] = portal_server.rows(
        "select id::text, token_hash from authn.sessions where revoked_at is null order by created_at desc limit 1"
    )
    others = [token[:-1], token + "A", token.swapcase(), token[::-1], token.upper(), browser, f'"{token}"', token * 100]
    for other in [*others, str(row["id"]), str(row["token_hash"]), "%00", "' or 1=1 --"]:
        assert not logged_in_with(portal_server, other), other[:50]
    assert logged_in_with(portal_server, token)


@pytest.mark.adversarial("C3", "C6")
def test_a_victim_cannot_be_made_to_go_on_with_an_attackers_sign_up(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    """Else the victim would type a password or a code into a flow that ends in the attacker's browser."""
    email = an_email("victim")
    attacker, victim = somebody(), somebody()
    victim.open("/login")
    attacker.ask_to_sign_up(email, "the attacker's password")
    flow = attacker.page.form("/signup/verify").fields["flow"]
    code = newest_mail(portal_server, email).code or ""
    for path, fields in (
        ("/signup/verify", {"code": code}),
        ("/signup/resend", {}),
        ("/signup", {"email": email, "new_password": PASSWORD}),
        ("/signup/password", {"new_password": PASSWORD}),
        ("/login", {"email": email}),
        ("/login/password", {"email": "alice@example.com", "password": SEEDED_PASSWORD}),
    ):
        victim.post(path, {"flow": flow, **fields})
        assert victim.response.status_code == 403, path
        assert victim.session_cookie is None
        assert email not in victim.response.text
    for path in ("/login", "/signup", "/signup/verify", "/signup/password"):
        assert victim.open(f"{path}?flow={flow}").response.status_code == 403
    assert victim.http.get(f"/signup/status?flow={flow}").json() == {"state": "waiting"}
    # The attacker's own browser would need the mail; with it, it could.
    assert attacker.submit("/signup/verify", code=code).is_logged_in()


@pytest.mark.adversarial("C3", "F7")
def test_an_attacker_cannot_go_on_with_a_victims_login(portal_server: PortalServer, somebody: Somebody) -> None:
    email = an_email()
    victim, attacker = somebody(), somebody()
    victim.open("/account/devices").follow("Create an account")
    victim.submit("/signup", email=email, new_password=PASSWORD)
    flow = victim.page.form("/signup/verify").fields["flow"]
    attacker.post("/signup/verify", {"flow": flow, "code": newest_mail(portal_server, email).code or ""})
    assert attacker.response.status_code == 403
    assert not attacker.is_logged_in()
    assert email not in attacker.response.text
    link = newest_mail(portal_server, email).link
    victim.open(link).submit(link)
    assert victim.path == "/account/devices"
    assert not attacker.open(f"/signup/verify?flow={flow}").is_logged_in()


@pytest.mark.adversarial("F7")
def test_a_step_of_one_login_does_not_count_in_another(portal_server: PortalServer, somebody: Somebody) -> None:
    """Two flows of one browser: the code of one mail is none for the other address."""
    zoe = somebody()
    mine, victims = an_email("mine"), an_email("victims")
    my_flow = zoe.ask_to_sign_up(mine).page.form("/signup/verify").fields["flow"]
    victims_flow = zoe.ask_to_sign_up(victims).page.form("/signup/verify").fields["flow"]
    my_code = newest_mail(portal_server, mine).code or ""
    if my_code != newest_mail(portal_server, victims).code:
        zoe.post("/signup/verify", {"flow": victims_flow, "code": my_code})
        assert not zoe.is_logged_in()
    zoe.post("/signup/verify", {"flow": my_flow, "code": my_code})
    assert mine in zoe.page.text


def test_the_password_page_of_a_sign_up_needs_the_mailed_proof(portal_server: PortalServer, somebody: Somebody) -> None:
    """Going straight to "choose a password" (adversarial F1)."""
    zoe = somebody()
    email = an_email()
    flow = zoe.ask_to_sign_up(email).page.form("/signup/verify").fields["flow"]
    assert zoe.open(f"/signup/password?flow={flow}").response.status_code in (403, 404, 410)
    zoe.post("/signup/password", {"flow": flow, "new_password": PASSWORD})
    assert zoe.response.status_code in (403, 404, 410)
    assert not zoe.is_logged_in()
    assert not portal_server.rows("select 1 from authn.users where email = $1", email)


def logged_in_with(portal: PortalServer, token: str, *, host: str | None = None) -> bool:
    """Whether a browser with this session cookie, and nothing else, sees the account."""
    headers = {"cookie": f"portal_session={token}", "host": host or portal.host, "x-forwarded-for": an_address()}
    return httpx.get(f"{portal.address}/account", headers=headers, timeout=30).status_code == 200
