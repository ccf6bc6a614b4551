"""The bot check that a namespace can turn on: work, or patience without scripts, before a form counts (A26)."""

import hashlib
import itertools
import json
import time
from typing import Any

import pytest
from playwright.async_api import expect

from portal.crypto.sealing import Sealer
from portal.login.proof_of_work import BITS, PURPOSE, WAIT_FOR
from tests.support.browser import Visit
from tests.support.html import HtmlPage
from tests.support.node import run_node
from tests.support.person import PASSWORD, an_email, mails_to, newest_mail
from tests.support.server import ROOT, SECRET_KEY
from tests.support.tenant import MakeTenant, Tenant, Visitor

FORMS = {
    "/signup": {"new_password": PASSWORD},
    "/recover": {},
    "/login/code": {},
}
SCRIPT = ROOT / "static" / "js" / "proof-of-work.js"

pytestmark = [pytest.mark.asvs("2.4.1"), pytest.mark.adversarial("G7")]


@pytest.fixture
def tenant(a_tenant: MakeTenant) -> Tenant:
    return a_tenant(proof_of_work=True)


def seed_of(page: HtmlPage) -> str:
    return next(part.attributes["data-seed"] for part in page.elements if part.tag == "proof-of-work")


def solution(page: HtmlPage, *, enough: bool = True) -> str:
    """A number that is work enough for the page's challenge, or one that is not."""
    seed = seed_of(page)
    for number in itertools.count():
        digest = hashlib.sha256(f"{seed}.{number}".encode()).digest()
        if (int.from_bytes(digest) >> (256 - BITS) == 0) is enough:
            return str(number)
    raise AssertionError


def work(person: Visitor, path: str) -> Visitor:
    person.submit(path, answer=solution(person.page))
    return person


def aged(kept: str, **changes: Any) -> str:
    """What the page kept, as if it had been made differently: only the portal itself could."""
    sealer = Sealer((SECRET_KEY.encode(),))
    return sealer.seal(json.dumps({**json.loads(sealer.open(kept, PURPOSE)), **changes}).encode(), PURPOSE)


@pytest.mark.parametrize("path", FORMS)
def test_a_form_counts_after_the_work_and_not_before(tenant: Tenant, path: str) -> None:
    email = an_email()
    person = tenant.visitor().post(path, {"email": email, **FORMS[path]})
    assert person.response.status_code == 428
    assert PASSWORD not in person.response.text
    assert mails_to(tenant, email) == []  # type: ignore[arg-type]
    person.submit(path, answer=solution(person.page, enough=False))
    assert person.response.status_code == 428
    assert mails_to(tenant, email) == []  # type: ignore[arg-type]
    # The positive control: enough work, and the form is taken as it was first sent.
    work(person, path)
    assert person.response.status_code == 200
    assert newest_mail(tenant, email)  # type: ignore[arg-type]
    assert [event["new_values"]["kind"] for event in tenant.events("request_refused")] == ["proof_of_work"]


def test_sign_up_by_work_ends_in_the_account(tenant: Tenant) -> None:
    email = an_email()
    person = tenant.visitor().open("/signup").submit("/signup", email=email, new_password=PASSWORD)
    assert person.page.heading == "One moment"
    work(person, "/signup")
    person.submit("/signup/verify", code=newest_mail(tenant, email).code or "")  # type: ignore[arg-type]
    assert person.path == "/account"
    assert person.log_out().log_in(email).path == "/account", "the password was kept to the letter"


def test_a_piece_of_work_is_good_for_one_form(tenant: Tenant) -> None:
    person = tenant.visitor().post("/recover", {"email": an_email()})
    kept, answer = person.page.form("/recover").fields["kept"], solution(person.page)
    person.submit("/recover", answer=answer)
    assert person.path == "/recover/verify"
    person.post("/recover", {"kept": kept, "answer": answer})
    assert person.response.status_code == 428
    assert person.page.form("/recover").fields["kept"] != kept


@pytest.mark.parametrize("bent", ["another form", "another browser", "later", "forged", "another tenant", "future"])
def test_work_is_bound_to_form_browser_tenant_and_time(tenant: Tenant, a_tenant: MakeTenant, bent: str) -> None:
    email = an_email()
    person = tenant.visitor().post("/recover", {"email": email})
    fields = {"kept": person.page.form("/recover").fields["kept"], "answer": solution(person.page)}
    now = time.time()
    match bent:
        case "another form":
            person.post("/login/code", fields)
        case "another browser":
            person = tenant.visitor().open("/login").post("/recover", fields)
        case "another tenant":
            other = a_tenant(proof_of_work=True).visitor()
            other.http.cookies = person.http.cookies
            person = other.post("/recover", fields)
        case "later":
            person.post("/recover", {**fields, "kept": aged(fields["kept"], asked_at=now - 601)})
        case "future":
            person.post("/recover", {**fields, "kept": aged(fields["kept"], asked_at=now + 3600)})
        case "forged":
            person.post("/recover", {**fields, "kept": fields["kept"][:-4] + "AAAA"})
    assert person.response.status_code == 428
    assert person.page.heading == "This page has expired"
    assert mails_to(tenant, email) == []  # type: ignore[arg-type]


def test_without_scripts_a_little_patience_is_enough(tenant: Tenant) -> None:
    email = an_email()
    person = tenant.visitor().post("/recover", {"email": email})
    assert "wait 15 seconds" in person.page.text
    person.submit("/recover")
    assert person.response.status_code == 428, "nobody has waited"
    waited = aged(person.page.form("/recover").fields["kept"], asked_at=time.time() - WAIT_FOR.total_seconds() - 1)
    person.post("/recover", {"kept": waited, "answer": ""})
    assert person.path == "/recover/verify"
    assert newest_mail(tenant, email)  # type: ignore[arg-type]


def test_waiting_is_for_one_of_a_network_at_a_time(tenant: Tenant) -> None:
    """A hundred challenges that wait side by side would be no price at all."""
    outcomes = []
    for _ in range(3):
        person = tenant.visitor(address="198.51.100.77").post("/recover", {"email": an_email()})
        waited = aged(person.page.form("/recover").fields["kept"], asked_at=time.time() - 20)
        person.post("/recover", {"kept": waited, "answer": ""})
        outcomes.append(person.path if person.response.status_code == 200 else person.response.status_code)
    assert outcomes == ["/recover/verify", 428, 428]
    # Whoever works does not stand in that line.
    work(tenant.visitor(address="198.51.100.77").post("/recover", {"email": an_email()}), "/recover")


def test_a_password_wants_work_after_three_failures_and_never_in_a_known_browser(tenant: Tenant) -> None:
    email = an_email()
    tenant.account(email)
    owner = tenant.visitor().log_in(email)
    assert owner.path == "/account"
    owner.log_out()
    stranger = tenant.visitor()
    for _ in range(3):
        stranger.post("/login/password", {"email": email, "password": "a wrong guess"})
        assert stranger.response.status_code == 422
    stranger.post("/login/password", {"email": email, "password": PASSWORD})
    assert stranger.response.status_code == 428
    assert not stranger.session_cookie
    nobody = tenant.visitor(address=str(stranger.http.headers["x-forwarded-for"]))
    nobody.post("/login/password", {"email": an_email("nobody"), "password": "x"})
    assert nobody.response.status_code == 428, "the same for an address that nobody has, by its network"
    assert owner.log_in(email).path == "/account"
    work(stranger, "/login/password")
    assert stranger.path == "/account"


def test_what_is_off_costs_nothing(a_tenant: MakeTenant) -> None:
    tenant = a_tenant()
    assert tenant.visitor().post("/recover", {"email": an_email()}).path == "/recover/verify"


def test_a_form_that_is_too_long_to_keep_is_refused(tenant: Tenant) -> None:
    person = tenant.visitor().post("/signup", {"email": an_email(), "new_password": "x" * 4000})
    assert person.response.status_code == 413


def test_the_script_computes_sha_256(tmp_path: Any) -> None:
    texts = ["", "abc", "a" * 55, *(f"{n:040x}.{n * 7919}" for n in range(200))]
    program = tmp_path / "run.mjs"
    program.write_text(
        f"import {{ firstWord }} from {json.dumps(SCRIPT.as_uri())};\n"
        f"console.log(JSON.stringify({json.dumps(texts)}.map(firstWord)));\n"
    )
    expected = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) for text in texts]
    assert json.loads(run_node(str(program), folder=tmp_path)) == expected


async def test_in_a_browser_one_notices_a_moment(tenant: Tenant, visit: Visit) -> None:
    email = an_email()
    page = await (await visit()).new_page()
    await page.goto(f"{tenant.url}/recover")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Send the mail").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail", timeout=30_000)


async def test_in_a_browser_without_scripts_the_page_says_how_long(tenant: Tenant, visit: Visit) -> None:
    page = await (await visit(javascript=False)).new_page()
    await page.goto(f"{tenant.url}/recover")
    await page.get_by_label("E-mail address").fill(an_email())
    await page.get_by_role("button", name="Send the mail").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("One moment")
    await expect(page.get_by_role("button", name="Continue")).to_be_visible()
