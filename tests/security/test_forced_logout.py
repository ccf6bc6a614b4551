"""Logging somebody out from another site, or by a token that is no proof (adversarial L3), over HTTP.

OpenID Connect RP-Initiated Logout 1.0: https://openid.net/specs/openid-connect-rpinitiated-1_0.html
"""

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.oidc.forged_tokens import decode, encode
from tests.oidc.issuer import AFTER, Issuer, make_issuer
from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, an_email
from tests.support.server import PortalServer

EVIL = "https://evil.example"
# How another site's page makes a browser ask.
CROSS_SITE = {
    "an image": ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"}),
    "a link": ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}),
    "a frame": ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe", "sec-fetch-mode": "navigate"}),
    "a form": ("POST", {"sec-fetch-site": "cross-site", "origin": EVIL}),
    "a form of a sandboxed frame": ("POST", {"origin": "null"}),
    "a form without an origin": ("POST", {}),
    "a form of a sibling": ("POST", {"sec-fetch-site": "same-site", "origin": "http://sibling.localhost"}),
}

pytestmark = [pytest.mark.adversarial("L3"), pytest.mark.asvs("10.6.2")]


@pytest.fixture(scope="module")
def house(portal_server: PortalServer) -> Iterator[Issuer]:
    made = make_issuer(portal_server, "staying", an_email())
    page = made.person.http.get(made.url(made.client[0]))
    while page.has_redirect_location:
        page = made.person.http.get(page.headers["location"])
    fields = {**HtmlPage(page.text).form("/oauth2/consent").fields, "decision": "allow"}
    made.person.http.post("/oauth2/consent", data=fields, headers={"origin": made.person.origin})
    yield made
    for person in made.tenant.people:
        person.close()


@pytest.fixture
def issuer(house: Issuer) -> Issuer:
    """The person is logged in anew, whatever the test before did."""
    if not house.person.is_logged_in():
        house.person.log_in(house.email, PASSWORD)
    return house


def ask(issuer: Issuer, **parameters: str) -> httpx.Response:
    return issuer.person.http.get(f"/oauth2/logout?{urlencode(parameters)}")


def kinds(issuer: Issuer) -> set[str]:
    return {event["new_values"]["kind"] for event in issuer.tenant.events("request_refused")}


@pytest.mark.parametrize("path", ["/logout", "/oauth2/logout", "/oauth2/logout/confirm", "/account/devices/end-others"])
@pytest.mark.parametrize("how", CROSS_SITE)
def test_l3_another_sites_page_logs_nobody_out(issuer: Issuer, how: str, path: str) -> None:
    method, headers = CROSS_SITE[how]
    other = issuer.tenant.visitor().log_in(issuer.email, PASSWORD)
    form = {"content-type": "application/x-www-form-urlencoded"} if method == "POST" else {}
    answer = issuer.person.http.request(method, path, headers={**headers, **form})
    assert "portal_session=;" not in answer.headers.get("set-cookie", "")
    if (method, path) == ("POST", "/oauth2/logout"):  # an app's form, which goes on by GET and asks
        assert answer.status_code == 303
        answer = issuer.person.http.get(answer.headers["location"])
        assert "/oauth2/logout/confirm" in answer.text
    elif method == "POST":
        assert answer.status_code == 403
        assert "cross_site" in kinds(issuer)
    assert issuer.person.is_logged_in()
    assert other.is_logged_in()
    if how == "a frame" and answer.status_code == 200:
        assert "framed" in kinds(issuer)
    # The positive control: the portal's own button.
    other.open("/logout").submit("/logout")
    assert not other.is_logged_in()


def test_l3_a_token_that_is_no_proof_only_asks(issuer: Issuer) -> None:
    token = str(issuer.tokens()["id_token"])
    header, payload, signature = token.split(".")
    head, claims = decode(header), decode(payload)
    stranger = RSAKey.generate_key(2048)
    other_app = issuer.command(
        "clients", "create", "Other", "--redirect-uri", "https://other.example/cb",
        "--post-logout-redirect-uri", "https://other.example/bye", "--json",
    ).json["client_id"]  # fmt: skip
    hints = {
        "alg none": f"{encode({**head, 'alg': 'none'})}.{payload}.",
        "somebody else's key": jwt.encode({**head, "kid": head["kid"]}, claims, stranger, ["RS256"]),
        "other claims under the old signature": f"{header}.{encode({**claims, 'sub': 'x'})}.{signature}",
        "cut": token[:-4],
        "no token": "x",
    }
    for name, hint in hints.items():
        page = ask(issuer, id_token_hint=hint, client_id=issuer.client[0], post_logout_redirect_uri=AFTER, state="s")
        assert page.status_code == 200, name
        assert "location" not in page.headers, name
        assert AFTER not in page.text, name
        assert issuer.person.is_logged_in(), name
    for wrong in (
        {"client_id": other_app, "post_logout_redirect_uri": "https://other.example/bye"},
        {"client_id": other_app, "post_logout_redirect_uri": AFTER},
        {"client_id": "nobody"},
    ):
        page = ask(issuer, id_token_hint=token, **wrong)
        assert page.status_code == 200, wrong
        assert issuer.person.is_logged_in(), wrong
    assert "logout_request" in kinds(issuer)
    # The positive control.
    gone = ask(issuer, id_token_hint=token, post_logout_redirect_uri=AFTER, state="s")
    assert gone.headers["location"] == f"{AFTER}?state=s"
    assert not issuer.person.is_logged_in()
    assert issuer.tenant.events("session_revoked")


@pytest.mark.parametrize("more", ["?x=1", "?", "/", "#x", "/../evil", "%2f", "\\@evil.example", ".evil.example"])
def test_l3_only_the_very_address_that_is_registered_is_gone_to(issuer: Issuer, more: str) -> None:
    token = str(issuer.tokens()["id_token"])
    page = ask(issuer, id_token_hint=token, post_logout_redirect_uri=AFTER + more, state="s")
    assert page.status_code == 200
    assert "location" not in page.headers
    assert "evil" not in page.text
    issuer.person.log_in(issuer.email, PASSWORD)
    token = str(issuer.tokens()["id_token"])
    back = ask(issuer, id_token_hint=token, post_logout_redirect_uri=AFTER)
    assert back.headers["location"] == AFTER, "the positive control"


def test_l3_the_token_of_another_login_only_asks(issuer: Issuer) -> None:
    earlier = str(issuer.tokens()["id_token"])
    issuer.person.open("/logout").submit("/logout")
    issuer.person.log_in(issuer.email, PASSWORD)
    assert ask(issuer, id_token_hint=earlier).status_code == 200
    assert issuer.person.is_logged_in()
    assert "logout_request" in kinds(issuer)
    assert ask(issuer, id_token_hint=str(issuer.tokens()["id_token"])).status_code == 200
    assert not issuer.person.is_logged_in(), "the positive control"
