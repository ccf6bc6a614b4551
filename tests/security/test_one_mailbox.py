"""One text is one mailbox, one mailbox one account, and a name is text (adversarial E1, E3, E4).

Each with the honest request that works, and the event that names what was refused.
"""

import re
from urllib.parse import quote

import httpx
import pytest

from tests.security.test_refusals import refusals_of
from tests.support.person import PASSWORD, Mail, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.server import PortalServer
from tests.support.tenant import MakeTenant

FORM = {"content-type": "application/x-www-form-urlencoded"}
ME, VICTIM = "mallory@evil.example", "v@victim.example"
# What the doors take beside the address. The last one sends no mail; it lets in.
DOORS = {
    "/signup": {"new_password": PASSWORD},
    "/login": {},
    "/login/code": {},
    "/recover": {},
    "/login/password": {"password": PASSWORD},
}
TWO_IN_ONE = {
    "list": f"{ME},{VICTIM}",
    "list_with_blank": f"{ME}, {VICTIM}",
    "semicolon": f"{ME};{VICTIM}",
    "blank": f"{ME} {VICTIM}",
    "tab": f"{ME}\t{VICTIM}",
    "bcc": f"{VICTIM}\r\nBcc: {ME}",
    "line_feed_bcc": f"{VICTIM}\nBcc:{ME}",
    "line_separator": f"{VICTIM}\u2028Bcc: {ME}",
    "quoted_local_part": f'"{VICTIM}"@evil.example',
    "quoted_name": f'"x" {VICTIM}',
    "two_ats": f"{VICTIM}@evil.example",
    "wide_at": "v＠victim.example@evil.example",
    "angle": f"<{VICTIM}>{ME}",
    "angle_behind_a_name": f"Victim <{VICTIM}>",
    "zero_width_space": "v\u200b@victim.example",
    "right_to_left": "v\u202e@victim.example",
    "json_array_in_the_field": f'["{ME}","{VICTIM}"]',
}
TWO_FIELDS = {
    "twice": f"email={quote(ME)}&email={quote(VICTIM)}",
    "same_twice": f"email={quote(VICTIM)}&email={quote(VICTIM)}",
    "escaped_name": f"email={quote(ME)}&%65mail={quote(VICTIM)}",
}
OTHER_FORMATS = {
    "application/json": f'{{"email": ["{ME}", "{VICTIM}"]}}',
    "text/plain": f"email={ME},{VICTIM}",
    "multipart/form-data; boundary=x": f'--x\r\ncontent-disposition: form-data; name="email"\r\n\r\n{ME}\r\n--x--\r\n',
}
EVERY_BODY = [
    *(pytest.param(f"email={quote(text, safe='')}", {}, "odd_address", id=name) for name, text in TWO_IN_ONE.items()),
    *(pytest.param(body, {}, "odd_form", id=name) for name, body in TWO_FIELDS.items()),
    *(
        pytest.param(body, {"content-type": kind}, "no_form", id=kind.partition(";")[0])
        for kind, body in OTHER_FORMATS.items()
    ),
]


def send(person: Person, door: str, body: str, headers: dict[str, str]) -> httpx.Response:
    return person.http.post(door, content=body, headers={**FORM, "origin": person.origin, **headers})


def form(email: str, **more: str) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in {"email": email, **more}.items())


def proofs_begun(portal: PortalServer) -> int:
    return int(str(portal.rows("select count(*) as n from authn.verifications")[0]["n"]))


@pytest.mark.adversarial("E1")
@pytest.mark.parametrize(("body", "headers", "kind"), EVERY_BODY)
def test_e1_what_names_two_mailboxes_gets_no_mail(
    portal_server: PortalServer, somebody: Somebody, body: str, headers: dict[str, str], kind: str
) -> None:
    for door, more in DOORS.items():
        person = somebody()
        before = proofs_begun(portal_server)
        rest = "".join(f"&{name}={quote(value)}" for name, value in more.items())
        answer = send(person, door, body + rest if "content-type" not in headers else body, headers)
        assert answer.status_code == (415 if kind == "no_form" else 422), door
        assert proofs_begun(portal_server) == before, door
        assert refusals_of(portal_server, person.http.headers["x-forwarded-for"]) == [(kind, 1)], door
    # The positive control: one address, one mail, to it alone; and no event of a refusal.
    person, email = somebody(), an_email()
    assert send(person, "/signup", form(email, new_password=PASSWORD), {}).status_code == 303
    assert [mail.to for mail in mails_to(portal_server, email)] == [email]
    assert refusals_of(portal_server, person.http.headers["x-forwarded-for"]) == []
    assert mails_to(portal_server, VICTIM) == mails_to(portal_server, ME) == []


@pytest.mark.adversarial("E1")
def test_e1_an_address_in_the_query_is_nobodys(portal_server: PortalServer, somebody: Somebody) -> None:
    email, other = an_email(), an_email("mallory")
    for door, more in (("/signup", {"new_password": PASSWORD}), ("/login/code", {}), ("/recover", {})):
        before = len(mails_to(portal_server, email))
        assert send(somebody(), f"{door}?email={quote(other)}", form(email, **more), {}).status_code == 303
        assert len(mails_to(portal_server, email)) == before + 1, door
    assert mails_to(portal_server, other) == []


@pytest.mark.adversarial("E1")
def test_e1_a_corrected_address_is_one_address(portal_server: PortalServer, zoe: Person) -> None:
    mistyped, right = an_email("mistyped"), an_email()
    zoe.ask_to_sign_up(mistyped)
    fields = zoe.page.form("/signup/verify").fields
    zoe.post("/signup/resend", {**fields, "email": f"{right},{VICTIM}"})
    assert zoe.response.status_code == 422
    assert mails_to(portal_server, right) == mails_to(portal_server, VICTIM) == []
    assert refusals_of(portal_server, zoe.http.headers["x-forwarded-for"]) == [("odd_address", 1)]
    zoe.post("/signup/resend", {**fields, "email": right})
    assert [mail.to for mail in mails_to(portal_server, right)] == [right]


def spellings_of(local: str) -> dict[str, str]:
    """Everything that people and programs write for one mailbox."""
    wide = "".join(chr(ord(letter) + 0xFEE0) if "a" <= letter <= "z" else letter for letter in local)
    return {
        "as_mail_servers_write_it": f"{local}@xn--bcher-kva.example",
        "the_same_in_capitals": f"{local}@XN--BCHER-KVA.EXAMPLE",
        "as_people_write_it": f"{local}@bücher.example",
        "capitals": f"{local.upper()}@BÜCHER.EXAMPLE",
        "blanks_around_it": f" {local}@bücher.example \n",
        "a_dot_behind_it": f"{local}@bücher.example.",
        "a_dot_behind_the_ascii_one": f"{local}@xn--bcher-kva.example.",
        "composed_of_two": f"{local}@bu\u0308cher.example",
        "wide_letters_before_the_at": f"{wide}@bücher.example",
        "wide_letters_behind_it": f"{local}@ｂüｃher.ｅxample",
        "wide_at": f"{local}＠bücher.example",
        "wide_dot": f"{local}@bücher．example",
        "ideographic_dot": f"{local}@bücher。example",
    }


@pytest.mark.adversarial("E3")
def test_e3_one_mailbox_is_one_account_however_it_is_spelled(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    local = an_email("v").partition("@")[0]
    canonical = f"{local}@xn--bcher-kva.example"
    zoe.ask_to_sign_up(f"{local}@bücher.example")
    zoe.submit("/signup/verify", code=newest_mail(portal_server, canonical).code or "")
    assert zoe.path == "/account"
    for name, spelling in spellings_of(local).items():
        again = somebody().ask_to_sign_up(spelling)
        mail = newest_mail(portal_server, canonical)
        assert mail.subject.startswith("You already have an account"), name
        assert mail.code is None, name
        assert not again.is_logged_in()
        # The positive control: with the password every spelling is the same person.
        assert somebody().log_in(spelling).path == "/account", name
    accounts = portal_server.rows("select email from authn.users where email ilike $1", f"%{local}%")
    assert accounts == [{"email": canonical}]
    refused = portal_server.rows(
        "select distinct new_values ->> 'outcome' as outcome, count(*) as times from authn.audit_events "
        "where event_type = 'signup_started' and resource_id = $1 group by 1 order by 1",
        canonical,
    )
    assert refused == [
        {"outcome": "already_registered", "times": len(spellings_of(local))},
        {"outcome": "signup", "times": 1},
    ]


@pytest.mark.adversarial("E3")
def test_e3_other_mailboxes_stay_other_accounts(portal_server: PortalServer, somebody: Somebody) -> None:
    local = an_email("v").partition("@")[0]
    people = {
        "plain": f"{local}@example.org",
        "tag": f"{local}+tag@example.org",
        "dot": f"{local[:3]}.{local[3:]}@example.org",
        "domain": f"{local}@sub.example.org",
        "umlaut": f"{local}@bücher-{local}.example",
        "no_umlaut": f"{local}@bucher-{local}.example",
        "sharp_s": f"{local}@straße-{local}.example",
        "two_s": f"{local}@strasse-{local}.example",
        "cyrillic_a": f"{local}@exаmple.org",
    }
    for name, email in people.items():
        person = somebody().ask_to_sign_up(email)
        [proof] = portal_server.rows(
            "select email from authn.verifications where flow_id = $1::text::uuid", person.place.rpartition("=")[2]
        )
        person.submit("/signup/verify", code=newest_mail(portal_server, str(proof["email"])).code or "")
        assert person.path == "/account", name
    found = portal_server.rows("select count(*) as n from authn.users where email ilike $1", f"%{local[4:]}%")
    assert found == [{"n": len(people)}]


@pytest.mark.adversarial("E3")
def test_e3_a_refused_domain_is_refused_in_every_spelling(a_tenant: MakeTenant) -> None:
    """A list of domains that another spelling gets round is none: what is compared is what mail is sent to."""
    tenant = a_tenant(signup_refused_domains=["throwaway.example", "xn--mll-hoa.example"])
    for domain in (
        "throwaway.example", "THROWAWAY.example.", "ｔhrowaway.example", "throwaway．example", "mx.throwaway。example",
        "müll.example", "xn--mll-hoa.example", "MÜLL.example", "mu\u0308ll.example",
    ):  # fmt: skip
        zoe = tenant.visitor().open("/signup").submit("/signup", email=f"a@{domain}", new_password=PASSWORD)
        assert [event["new_values"]["kind"] for event in tenant.events("request_refused")][-1] == "domain_refused"
        assert "Addresses of this domain cannot sign up here" in zoe.page.text, domain
    begun = tenant.rows("select count(*) as n from authn.verifications where namespace = $1", tenant.name)
    assert begun == [{"n": 0}]
    # The positive control: its neighbours may.
    for domain in ("nothrowaway.example", "mull.example", "mühl.example"):
        assert tenant.visitor().ask_to_sign_up(f"a@{domain}").path == "/signup/verify", domain


LINKS = re.compile(r"(?:https?://|www\.)[^\s<>\"\u200b]+", re.IGNORECASE)
HOSTILE_NAME = '<a href="https://evil.example/win">Win</a> https://evil.example/win'


def assert_only_our_links(portal: PortalServer, mail: Mail) -> None:
    """A mail program that makes links of everything like one finds none but ours."""
    assert "Win</a>" not in mail.text + mail.html, mail.subject
    assert "evil.example/win" not in mail.text + mail.html, mail.subject
    for part in (mail.text, mail.html):
        for link in LINKS.findall(part):
            assert link.startswith((portal.url, "http://www.w3.org/")), (mail.subject, link)
    assert all(link.startswith(portal.url) for link in mail.links), mail.subject


@pytest.mark.adversarial("E4")
def test_e4_no_mail_to_others_carries_what_a_stranger_wrote(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    """The victim reads mail for `victim+anything@`; a stranger chooses the anything, and the name at the sign-up."""
    email = an_email("victim").replace("@", "+www.evil.example/win@")
    stranger = {"name": HOSTILE_NAME, "email": email}
    subjects = []

    def newest() -> Mail:
        mail = newest_mail(portal_server, email)
        assert_only_our_links(portal_server, mail)
        assert mail.subject not in subjects
        subjects.append(mail.subject)
        return mail

    somebody().post("/login/code", stranger)
    newest()  # there is no account with this address
    zoe.post("/signup", {**stranger, "new_password": PASSWORD})
    # The positive control: the mail does its work for all that.
    zoe.submit("/signup/verify", code=newest().code or "")
    assert zoe.path == "/account"
    for door, more in (("/signup", {"new_password": "a password of mine"}), ("/login/code", {})):
        somebody().post(door, {**stranger, **more})
        newest()
    zoe.log_out().post("/recover", stranger)
    zoe.submit("/recover/verify", code=newest().code or "")
    zoe.submit("/recover/password", new_password="six brown kettles")
    newest()  # the password was changed
    portal_server.sql(
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        f"select 'default', '{email}', false, '198.51.100.1'::inet + n from generate_series(1, 100) n"
    )
    somebody().post("/login/password", {**stranger, "password": PASSWORD})
    newest()  # unlock
    portal_server.sql(f"update authn.users set disabled_at = now() where email = '{email}'")
    somebody().post("/login/code", stranger)
    newest()  # switched off
    assert len(subjects) == 8
    events = portal_server.rows(
        "select new_values ->> 'outcome' as outcome from authn.audit_events "
        "where event_type = 'signup_started' and resource_id = $1 order by id",
        email,
    )
    assert [event["outcome"] for event in events] == ["signup", "already_registered"]
