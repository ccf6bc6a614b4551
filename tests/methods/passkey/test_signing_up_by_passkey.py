"""Sign-up with a passkey instead of a password: the address is proven first, then the passkey is made."""

import pytest

from tests.methods.passkey.test_passkeys import Somebody, ask, use_passkey
from tests.support.authenticator import Authenticator
from tests.support.person import an_email, newest_mail
from tests.support.server import PortalServer


def test_a_passkey_instead_of_a_password_at_sign_up(somebody: Somebody, portal_server: PortalServer) -> None:
    email = an_email("chen")
    person = somebody().open("/signup")
    person.post("/signup", {"email": email, "instead": "passkey"})
    assert person.path == "/signup/verify", person.page.text
    person.submit("/signup/verify", code=newest_mail(portal_server, email).code or "")
    assert person.path == "/account/passkeys/add"
    begun = ask(person, "/account/passkeys/options")
    authenticator = Authenticator(person.origin)
    fields = person.page.form("/account/passkeys").fields
    credential = authenticator.register(begun["publicKey"])
    person.post("/account/passkeys", {**fields, "ceremony": begun["ceremony"], "credential": credential})
    assert person.path == "/account"
    assert use_passkey(somebody(), authenticator).is_logged_in()
    assert "You have no password" in person.open("/account/security").page.text


def test_a_passkey_at_sign_up_by_the_link_of_the_mail(somebody: Somebody, portal_server: PortalServer) -> None:
    email = an_email("chen")
    person = somebody().open("/signup")
    person.post("/signup", {"email": email, "instead": "passkey"})
    link = newest_mail(portal_server, email).link
    person.open(link).submit(link)
    assert person.path == "/account/passkeys/add"


@pytest.mark.parametrize("instead", ["password", "totp", "nothing"])
def test_only_what_is_a_way_in_stands_in_for_a_password(somebody: Somebody, instead: str) -> None:
    person = somebody().open("/signup")
    person.post("/signup", {"email": an_email(), "instead": instead})
    assert person.response.status_code == 422
