"""An authenticator is removed on the page of its own method: the mail to the owner says what it was."""

import re

import pytest

from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.support.events import refused
from tests.support.person import Person, an_email, mails_to
from tests.support.second_step import set_up_app
from tests.support.server import PortalServer

PAGES = {"webauthn": "/account/passkeys", "totp": "/account/authenticator-app"}


@pytest.mark.asvs("6.3.7")
def test_no_page_removes_what_belongs_to_another_method(portal_server: PortalServer, zoe: Person) -> None:
    """A thief with an open session would take the second step off, and the owner would read of a passkey."""
    email = an_email()
    zoe.sign_up(email)
    passkey = add_passkey(zoe, name="My phone")
    set_up_app(zoe)
    shown = zoe.open("/account/security").response.text
    ids = {kind: re.findall(rf'"{page}/([0-9a-f-]{{36}})/remove"', shown)[0] for kind, page in PAGES.items()}
    told = len(mails_to(portal_server, email))
    for page, mfa_id in ((PAGES["webauthn"], ids["totp"]), (PAGES["totp"], ids["webauthn"])):
        assert zoe.post(f"{page}/{mfa_id}/remove", {}).response.status_code == 404
    assert "not_theirs" in refused(zoe)
    assert len(mails_to(portal_server, email)) == told
    # The positive control: each on its own page, and the mail names it.
    for kind, words in (("totp", "An authenticator app was removed"), ("webauthn", "A passkey was removed")):
        zoe.post(f"{PAGES[kind]}/{ids[kind]}/remove", {})
        assert words in (mails_to(portal_server, email)[0].text), kind
    assert not use_passkey(zoe.log_out(), passkey).is_logged_in()
