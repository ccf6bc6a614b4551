"""Everything lost: a mailed link takes the second step off after three days in which its owner can say no."""

from collections.abc import Callable

import pytest

from tests.support.person import PASSWORD, Person, an_email, mails_to, newest_mail
from tests.support.second_step import App, choose_way, get_codes, set_up_app
from tests.support.server import PortalServer

Somebody = Callable[[], Person]
ALL = "authn.second_step_recoveries"


class Account:
    """Somebody's account with an app, and what a test does to its clock."""

    def __init__(self, portal: PortalServer, owner: Person) -> None:
        self.portal, self.owner, self.email = portal, owner, an_email("bo")
        owner.sign_up(self.email)
        self.app: App = set_up_app(owner)

    def wait(self, hours: int) -> None:
        """Let time pass for the wishes of this account alone."""
        names = ("opens_at", "expires_at", "stopped_at")
        moved = ", ".join(f"{name} = {name} - interval '{hours} hours'" for name in names)
        of_it = f"user_id = (SELECT id FROM authn.users WHERE email = '{self.email}')"
        self.portal.sql(f"UPDATE {ALL} SET {moved} WHERE {of_it}")

    def remind(self) -> None:
        """What the worker does every ten minutes."""
        self.portal.rows("SELECT authn.remind_of_second_step_recoveries()")

    def links(self) -> tuple[str, str]:
        """The links of the newest mail: the one that says no, the one that finishes."""
        mail = newest_mail(self.portal, self.email)
        stop, finish = dict.fromkeys(link for link in mail.links if "/login/lost/link/" in link)
        return stop, finish


@pytest.fixture
def bo(zoe: Person, portal_server: PortalServer) -> Account:
    return Account(portal_server, zoe)


def ask(person: Person, bo: Account) -> Person:
    """Know the password, and press "I have none of these"."""
    person.log_in(bo.email, PASSWORD).follow("I have none of these")
    assert person.path == "/login/lost"
    return person.submit("/login/lost")


def test_after_three_days_the_mailed_link_takes_the_second_step_off(bo: Account, somebody: Somebody) -> None:
    other = ask(somebody(), bo)
    assert "Check your mail" in other.page.text
    assert not other.is_logged_in()
    _stop, finish = bo.links()
    other.open(finish)
    assert "Please come back then" in other.page.text
    other.post(other.path)
    assert "Please come back then" in other.page.text, "the form that no page showed is no way around the wait"
    bo.wait(71)
    assert "Please come back then" in other.open(finish).page.text
    assert bo.owner.is_logged_in()
    bo.wait(1)
    other.open(finish).submit(other.path)
    assert "Your second step is off" in other.page.text
    assert not other.is_logged_in()
    assert not bo.owner.is_logged_in(), "every session ends with it"
    assert "no second step any more" in newest_mail(bo.portal, bo.email).text
    assert other.log_in(bo.email, PASSWORD).path == "/account"
    assert other.open(finish).response.status_code == 410


def test_opening_the_links_changes_nothing(bo: Account, somebody: Somebody) -> None:
    ask(somebody(), bo)
    stop, finish = bo.links()
    bo.wait(72)
    scanner = somebody()
    for link in (stop, finish, stop, finish):
        assert scanner.open(link).response.status_code == 200
        assert scanner.http.head(link).status_code in (200, 405)
    assert "Second step" in somebody().log_in(bo.email, PASSWORD).page.text


def test_one_press_in_the_mail_says_no_for_a_week(bo: Account, somebody: Somebody) -> None:
    thief = ask(somebody(), bo)
    stop, finish = bo.links()
    owner = somebody().open(stop)
    owner.submit(owner.path)
    assert "Your second step stays" in owner.page.text
    bo.wait(72)
    assert thief.open(finish).response.status_code == 410
    assert thief.post(thief.path).response.status_code == 410
    mails = len(mails_to(bo.portal, bo.email))
    assert ask(thief, bo).response.status_code == 409
    bo.wait(90)
    assert ask(thief, bo).response.status_code == 409
    assert len(mails_to(bo.portal, bo.email)) == mails
    bo.wait(7)
    assert ask(thief, bo).response.status_code == 200


def test_asking_twice_sends_one_mail_and_keeps_the_first_time(bo: Account, somebody: Somebody) -> None:
    other = ask(somebody(), bo)
    mails = len(mails_to(bo.portal, bo.email))
    links = bo.links()
    again = somebody().log_in(bo.email, PASSWORD).follow("I have none of these")
    again.post("/login/lost", {"flow": again.response.url.params["flow"]})
    assert "We told every address" in again.page.text
    assert len(mails_to(bo.portal, bo.email)) == mails
    bo.wait(72)
    other.open(links[1]).submit(other.path)
    assert "Your second step is off" in other.page.text


def test_every_proven_address_is_told_and_only_the_accounts_own_gets_the_link_that_finishes(
    bo: Account, somebody: Somebody
) -> None:
    second, unproven = an_email("second"), an_email("unproven")
    bo.portal.sql(
        *(
            "INSERT INTO authn.identities (namespace, user_id, kind, value, verified_at) "
            f"SELECT namespace, id, 'email', '{value}', {verified} FROM authn.users WHERE email = '{bo.email}'"
            for value, verified in ((second, "now()"), (unproven, "null"))
        ),
    )
    ask(somebody(), bo)
    told = newest_mail(bo.portal, second)
    assert len({link for link in told.links if "/login/lost/link/" in link}) == 1
    assert mails_to(bo.portal, unproven) == []
    nosy = somebody().open(next(link for link in told.links if "/login/lost/link/" in link))
    nosy.submit(nosy.path)
    assert "Your second step stays" in nosy.page.text


def test_a_day_before_everybody_is_reminded_once(bo: Account, somebody: Somebody) -> None:
    ask(somebody(), bo)
    first, mails = bo.links(), len(mails_to(bo.portal, bo.email))
    bo.remind()
    assert len(mails_to(bo.portal, bo.email)) == mails
    bo.wait(48)
    bo.remind()
    bo.remind()
    assert len(mails_to(bo.portal, bo.email)) == mails + 1
    assert newest_mail(bo.portal, bo.email).subject.startswith("Tomorrow")
    assert bo.links() == first


def test_who_takes_the_second_step_has_not_lost_it(bo: Account, somebody: Somebody) -> None:
    codes = get_codes(bo.owner)
    thief = ask(somebody(), bo)
    _stop, finish = bo.links()
    owner = choose_way(somebody().log_in(bo.email, PASSWORD), "recovery_codes")
    owner.submit("/login/recovery-code", code=codes[0])
    assert owner.is_logged_in()
    bo.wait(72)
    assert thief.open(finish).response.status_code == 410


def test_without_a_first_factor_nobody_can_ask(bo: Account, somebody: Somebody) -> None:
    stranger = somebody().open("/login").submit("/login", email=bo.email)
    flow = stranger.response.url.params["flow"]
    mails = len(mails_to(bo.portal, bo.email))
    assert "Second step" not in stranger.post("/login/lost", {"flow": flow}).page.text
    assert stranger.path == "/login"
    # And the flow of somebody who has one is nothing in another browser.
    knows = somebody().log_in(bo.email, PASSWORD)
    stranger.post("/login/lost", {"flow": knows.response.url.params["flow"]})
    assert stranger.response.status_code == 403
    assert len(mails_to(bo.portal, bo.email)) == mails


def test_a_made_up_link_is_unknown(somebody: Somebody) -> None:
    other = somebody().open("/login/lost/link/" + "a" * 43)
    assert other.response.status_code == 404
    assert other.post(other.path).response.status_code == 404
