"""Passwords, codes, links and tokens: not in a page, a log line, an audit row or a stored mail (ASVS 14, 16.2.5)."""

import hashlib
import json

import pytest

from tests.support.person import Person, an_email, newest_mail
from tests.support.server import PortalServer

CHOSEN = "MARKER-chosen-password"
MISTYPED = "MARKER-mistyped-password"


@pytest.fixture(scope="module")
def secrets_used(portal_server: PortalServer) -> dict[str, str]:
    """A sign-up, a wrong code, a log-out, a wrong password, a login and a link: every secret that went through."""
    used = {"chosen": CHOSEN, "mistyped": MISTYPED}
    email = an_email()
    with Person(portal_server) as zoe:
        zoe.open("/signup").submit("/signup", email="no address", new_password=MISTYPED)
        assert MISTYPED not in zoe.response.text
        zoe.submit("/signup", email=email, new_password=CHOSEN)
        assert CHOSEN not in zoe.response.text
        mail = newest_mail(portal_server, email)
        wrong = "918273" if mail.code != "918273" else "918274"
        zoe.submit("/signup/verify", code=wrong)
        assert wrong not in zoe.response.text
        zoe.open(mail.link)
        zoe.open(zoe.portal.url + "/signup/verify?flow=" + flow_of(portal_server, email))
        zoe.submit("/signup/verify", code=mail.code or "")
        used |= {
            "link": mail.link.rpartition("/")[2],
            "first session": zoe.session_cookie or "",
            "browser": zoe.cookies["portal_browser"],
        }
        zoe.log_out().log_in(email, MISTYPED)
        assert MISTYPED not in zoe.response.text
        zoe.post("/login/password", {"email": email, "password": CHOSEN})
        used["second session"] = zoe.session_cookie or ""
        zoe.open(f"/login?return_to=/account&password={CHOSEN}&code={mail.code}")
        zoe.open(f"/nothing-here/{CHOSEN}?token={used['link']}", authorization=f"Bearer {used['link']}")
        zoe.post("/login/password", {"email": email, "password": CHOSEN}, origin="https://evil.example")
    assert all(len(secret) > 20 for secret in used.values())
    return used


def flow_of(portal: PortalServer, email: str) -> str:
    return str(portal.rows("select flow_id::text as id from authn.verifications where email = $1", email)[0]["id"])


@pytest.mark.asvs("16.2.5", "14.2.1")
def test_the_log_has_the_requests_and_none_of_the_secrets(
    portal_server: PortalServer, secrets_used: dict[str, str]
) -> None:
    log = portal_server.log()
    assert '"event":"login_failed"' in log, "the log is the right one"
    for name, secret in secrets_used.items():
        # The path of a page that does not exist is no field of ours; even so it is not logged.
        assert secret not in log, name
        assert hashlib.sha256(secret.encode()).hexdigest() not in log, f"the digest of {name}"


@pytest.mark.asvs("11.4.1", "13.3.1")
def test_the_database_has_digests_and_none_of_the_secrets(
    portal_server: PortalServer, secrets_used: dict[str, str]
) -> None:
    tables = portal_server.rows("select tablename::text as name from pg_tables where schemaname = 'authn'")
    everything = "\n".join(
        str(row["row"])
        for table in tables
        for row in portal_server.rows(f"select t::text as row from authn.{table['name']} t")
    )
    assert "signup_started" in everything, "the tables are the right ones"
    for name, secret in secrets_used.items():
        assert secret not in everything, name
    digest = hashlib.sha256(secrets_used["second session"].encode()).hexdigest()
    assert digest in everything, "the digest is what the session is found by"
    audit = "\n".join(str(row["row"]) for row in portal_server.rows("select t::text as row from authn.audit_events t"))
    assert digest not in audit
    assert "$argon2" not in audit


def test_a_code_is_in_the_mail_alone(portal_server: PortalServer) -> None:
    email = an_email()
    with Person(portal_server) as zoe:
        zoe.ask_to_sign_up(email)
        code = newest_mail(portal_server, email).code or ""
        assert code not in zoe.response.text
        [row] = portal_server.rows(
            "select v::text as proof, (select string_agg(o::text, ' ') from authn.outbox o) as mails "
            "from authn.verifications v where email = $1",
            email,
        )
    assert hashlib.sha256(code.encode()).hexdigest() not in str(row["proof"]), (
        "a bare digest of six digits is no secret"
    )
    assert email not in str(row["mails"]), "a waiting mail is sealed: its address too"


def test_no_password_is_in_an_address(portal_server: PortalServer) -> None:
    """Forms post; none sends what was typed as part of an address."""
    with Person(portal_server) as zoe:
        for path in ("/login", "/signup"):
            zoe.open(path)
            assert all(form.method == "post" for form in zoe.page.forms)
        email = an_email()
        zoe.sign_up(email, CHOSEN)
        assert not [address for address in zoe.way if "MARKER" in address or email in address]


@pytest.mark.asvs("16.2.1")
@pytest.mark.adversarial("U4")
def test_no_stranger_writes_the_log(portal_server: PortalServer) -> None:
    with Person(portal_server, agent='"}\\n{"event":"forged"') as zoe:
        zoe.open("/login").submit("/login", email='"},{"event":"forged"}')
        zoe.post("/login/password", {"email": an_email(), "password": 'x\n{"event":"forged"}'})
    events = [json.loads(line)["event"] for line in portal_server.log().splitlines() if line.startswith("{")]
    assert "request" in events
    assert "forged" not in events
