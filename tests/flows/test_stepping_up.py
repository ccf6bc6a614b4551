"""An app that asks for two factors gets them of whoever has them: acr_values and RFC 9470, at plain forms.

https://www.rfc-editor.org/rfc/rfc9470
"""

from collections.abc import Callable

import httpx
import pytest

from tests.flows.test_an_app_logs_people_in import claim
from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.support.person import PASSWORD, Person, an_email

Somebody = Callable[[], Person]


def start_at(person: Person, demo_app: str, **asked: str) -> Person:
    """Press "Log in" at the demo app, which asks for more this time."""
    answer = person.http.get(f"{demo_app}/login", follow_redirects=False)
    return person.open(str(httpx.URL(answer.headers["location"]).copy_merge_params(asked)))


def allow(person: Person) -> Person:
    if person.path == "/oauth2/consent" or "know who you are" in person.page.heading:
        person.submit("/oauth2/consent", {"decision": "allow"})
    assert person.page.heading == "You are logged in", person.page.text
    return person


@pytest.mark.adversarial("F3")
def test_who_has_a_passkey_does_not_come_through_with_a_password(demo_app: str, somebody: Somebody) -> None:
    email, owner = an_email("chen"), somebody()
    owner.sign_up(email)
    passkey = add_passkey(owner)

    # Without the wish the password is enough: the passkey's owner did not ask for a second step.
    person = start_at(somebody(), demo_app).submit("/login", email=email).submit("/login/password", password=PASSWORD)
    assert claim(allow(person), "acr") == "aal1"

    person = start_at(somebody(), demo_app, acr_values="aal2").submit("/login", email=email)
    person.submit("/login/password", password=PASSWORD)
    assert person.page.heading == "Second step"
    flow = person.response.url.params["flow"]
    use_passkey(person, passkey, flow=flow)
    assert claim(allow(person), "acr") == "aal2"
    assert "mfa" in claim(person, "amr")


def test_a_live_session_of_one_factor_steps_up(demo_app: str, zoe: Person) -> None:
    zoe.sign_up(an_email("bo"))
    passkey = add_passkey(zoe)
    assert claim(allow(start_at(zoe, demo_app)), "acr") == "aal1"
    session = zoe.session_cookie
    start_at(zoe, demo_app, acr_values="aal2").submit("/login/password", password=PASSWORD)
    assert zoe.page.heading == "Second step"
    use_passkey(zoe, passkey, flow=zoe.response.url.params["flow"])
    assert claim(allow(zoe), "acr") == "aal2"
    assert zoe.session_cookie != session
    # It is strong now: the next app that asks is answered at once.
    assert claim(allow(start_at(zoe, demo_app, acr_values="aal2")), "acr") == "aal2"


def test_the_wish_holds_also_for_not_you(demo_app: str, somebody: Somebody) -> None:
    email, owner = an_email("chen"), somebody()
    owner.sign_up(email)
    passkey = add_passkey(owner)
    other = somebody()
    other.sign_up(an_email("zoe"))
    start_at(other, demo_app, acr_values="aal2", prompt="consent")
    other.follow("Not you?").submit("/login", email=email).submit("/login/password", password=PASSWORD)
    assert other.page.heading == "Second step"
    use_passkey(other, passkey, flow=other.response.url.params["flow"])
    assert claim(allow(other), "acr") == "aal2"


def test_who_has_one_factor_is_not_kept_out_by_a_wish(demo_app: str, zoe: Person) -> None:
    email = an_email()
    zoe.sign_up(email).log_out()
    start_at(zoe, demo_app, acr_values="aal2").submit("/login", email=email).submit(
        "/login/password", password=PASSWORD
    )
    assert claim(allow(zoe), "acr") == "aal1"


def test_the_wish_survives_a_login_that_forgot_it(demo_app: str, somebody: Somebody) -> None:
    """Another address typed in the middle begins a flow that knows nothing of what the app asked for."""
    email, owner = an_email("bo"), somebody()
    owner.sign_up(email)
    passkey = add_passkey(owner)
    person = start_at(somebody(), demo_app, acr_values="aal2").submit("/login", email=email)
    person.submit("/login/password", password=PASSWORD)
    person.open(f"/login?flow={person.response.url.params['flow']}&change=1").submit("/login", email=email)
    person.submit("/login/password", password=PASSWORD)
    if person.page.heading != "Second step":
        person.submit("/login/password", password=PASSWORD)
    assert person.page.heading == "Second step"
    use_passkey(person, passkey, flow=person.response.url.params["flow"])
    assert claim(allow(person), "acr") == "aal2"
