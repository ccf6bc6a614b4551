"""A phone number, the messages that it gets, and the steps that people take with it as their second step."""

import secrets

from tests.support.person import Person, newest_mail
from tests.support.server import PortalServer
from tests.support.tenant import Tenant

SET_UP = "/account/text-message"


def a_phone() -> str:
    """A number that nobody else of the tests has, in E.164."""
    return f"+4179{secrets.randbelow(10**7):07d}"


def code_for(portal: PortalServer | Tenant, phone: str) -> str:
    """The code in the newest message to this number."""
    return newest_mail(portal, phone).code or ""


def another(code: str) -> str:
    """Six digits that are not this code."""
    return f"{(int(code) + 1) % 10**6:06d}"


def set_up_phone(person: Person, phone: str) -> None:
    """Make a number the second step of somebody whose login is recent."""
    person.open(SET_UP).submit(SET_UP, phone=phone)
    person.submit(f"{SET_UP}/verify", code=code_for(person.portal, phone))
    assert person.path == "/account/security", person.page.text


def forget_the_wait(portal: PortalServer) -> None:
    """Half a minute later: another message may be asked for."""
    portal.sql("UPDATE authn.verifications SET created_at = created_at - interval '31 seconds'")
