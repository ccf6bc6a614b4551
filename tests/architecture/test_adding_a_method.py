"""docs/adding-a-method.md, done word by word on a copy of the portal: two folders and one line make a login method."""

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.support.database import STATEMENT_CACHE, TestDatabase, drop_database, empty_database, temporary_data_dir
from tests.support.person import Person, an_email, mails_to, newest_mail
from tests.support.server import ROOT, PortalServer, prepare_server

WALK_THROUGH = ROOT / "docs" / "adding-a-method.md"
COPIED = ("portal", "templates", "static", "migrations")
LIST = "portal/installed.py"
WORD = "a quiet harbour at dusk"
OPTION, CARD = "/login/memorable-word", "/account/memorable-word"


def files_of(document: str) -> dict[str, str]:
    """The files that the page gives in full: a path on a line of its own, then a block."""
    return dict(re.findall(r"^`(\S+)`\n\n```\w+\n(.*?)^```$", document, re.MULTILINE | re.DOTALL))


def line_of(document: str) -> tuple[str, str]:
    """The line that goes into the list, and the one that it comes after."""
    [(after, added)] = re.findall(r"^```diff\n (.*)\n\+(.*)\n```$", document, re.MULTILINE)
    return after, added


@pytest.fixture(scope="module")
def portal_with_a_word(
    postgres_server: TestDatabase, template_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PortalServer]:
    """A portal that runs from a copy of the tree, with what the page says added to it."""
    tree, document = tmp_path_factory.mktemp("tree"), WALK_THROUGH.read_text(encoding="utf-8")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    add_what_the_page_says(tree, document)
    database = empty_database(postgres_server, template=template_database.name)
    with temporary_data_dir() as data_dir:
        address = {"PORTAL_DATABASE_URL": database.app_url, "PORTAL_DATABASE_STATEMENT_CACHE": str(STATEMENT_CACHE)}
        server = prepare_server(data_dir, **address)
        server.environment["PORTAL_DATABASE_OWNER_URL"] = database.owner_url
        server.database, server.sources = database, tree
        try:
            server.start()
            yield server
        finally:
            server.stop()
            drop_database(postgres_server, database)


def add_what_the_page_says(tree: Path, document: str) -> None:
    for path, text in files_of(document).items():
        assert not (tree / path).exists(), f"{path} would change a file of the portal"
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    listed, (after, added) = (tree / LIST).read_text(encoding="utf-8"), line_of(document)
    assert listed.count(f"\n{after}\n") == 1
    (tree / LIST).write_text(listed.replace(f"\n{after}\n", f"\n{after}\n{added}\n"), encoding="utf-8")


@pytest.fixture
def ada(portal_with_a_word: PortalServer) -> Iterator[Person]:
    with Person(portal_with_a_word) as person:
        yield person


def someone_with_a_word(person: Person) -> str:
    email = an_email("ada")
    person.sign_up(email).open("/account/security").submit(CARD, word=WORD)
    assert "You have a memorable word" in person.page.text
    return email


def removal_on(person: Person) -> str:
    [action] = [form.action for form in person.page.forms if form.action.startswith(f"{CARD}/")]
    return action


def test_the_page_adds_two_folders_and_one_line() -> None:
    document = WALK_THROUGH.read_text(encoding="utf-8")
    folders = {str(Path(path).parent) for path in files_of(document)}
    assert folders == {"portal/methods/memorable_word", "templates/methods/memorable_word"}
    assert line_of(document)[1].strip() == '"memorable_word",'
    assert not (ROOT / "portal/methods/memorable_word").exists()


def test_the_word_logs_in_and_says_how(portal_with_a_word: PortalServer, ada: Person) -> None:
    email = someone_with_a_word(ada)
    assert "memorable word was added" in newest_mail(portal_with_a_word, email).text
    with Person(portal_with_a_word) as elsewhere:
        elsewhere.open("/account/devices").submit("/login", email=email).submit(OPTION, word="not the word at all")
        assert elsewhere.response.status_code == 422
        assert "That word does not match" in elsewhere.page.text
        elsewhere.submit(OPTION, word=WORD)
        assert elsewhere.path == "/account/devices"
    [session] = portal_with_a_word.rows(
        "select s.amr from authn.sessions s join authn.users u on u.id = s.user_id "
        "where u.email = $1 order by s.created_at desc limit 1",
        email,
    )
    assert session["amr"] == ["kba"]


def test_wrong_words_use_up_the_budget_and_look_alike_for_everybody(
    portal_with_a_word: PortalServer, ada: Person
) -> None:
    known, unknown = someone_with_a_word(ada), an_email("ada")
    answers = {}
    for email in (known, unknown):
        with Person(portal_with_a_word) as mallory:
            mallory.open("/login").submit("/login", email=email)
            answers[email] = []
            for _ in range(6):
                mallory.submit(OPTION, word="not the word at all")
                answers[email].append((mallory.response.status_code, mallory.page.text.replace(email, "…")))
            mallory.submit(OPTION, word=WORD)
            assert not mallory.is_logged_in(), "the right word comes too late as well"
    assert answers[known] == answers[unknown]
    assert [status for status, _text in answers[known]] == [422] * 5 + [429]


def test_the_word_proves_it_again_and_leads_back(portal_with_a_word: PortalServer, ada: Person) -> None:
    email = someone_with_a_word(ada)
    portal_with_a_word.sql("UPDATE authn.sessions SET auth_time = now() - interval '11 minutes'")
    ada.open("/account/authenticator-app")
    assert ada.page.heading == "Confirm it is you"
    ada.submit(OPTION, word=WORD)
    assert ada.path == "/account/authenticator-app"
    portal_with_a_word.sql(f"DELETE FROM authn.mfa_secrets USING authn.users WHERE email = '{email}'")
    portal_with_a_word.sql("UPDATE authn.sessions SET auth_time = now() - interval '11 minutes'")
    ada.open("/account/authenticator-app")
    assert OPTION not in [form.action for form in ada.page.forms], "it is no offer to who has none"


def test_the_word_is_removed_on_the_security_page(portal_with_a_word: PortalServer, ada: Person) -> None:
    email = someone_with_a_word(ada)
    ada.submit(removal_on(ada))
    assert "Everywhere else you are logged out" in ada.page.text
    assert "memorable word was removed" in mails_to(portal_with_a_word, email)[0].text
    with Person(portal_with_a_word) as elsewhere:
        elsewhere.open("/login").submit("/login", email=email).submit(OPTION, word=WORD)
        assert not elsewhere.is_logged_in()


def test_the_word_is_not_removed_where_it_is_the_only_way_in(portal_with_a_word: PortalServer, ada: Person) -> None:
    email = someone_with_a_word(ada)
    portal_with_a_word.sql(
        f"UPDATE authn.users SET password_hash = null, email_verified_at = null WHERE email = '{email}'",
        f"UPDATE authn.identities SET verified_at = null WHERE value = '{email}'",
    )
    ada.open("/account/security").submit(removal_on(ada))
    assert ada.response.status_code == 409
    assert "only way to log in" in ada.page.text
    with Person(portal_with_a_word) as elsewhere:
        elsewhere.open("/login").submit("/login", email=email).submit(OPTION, word=WORD)
        assert elsewhere.is_logged_in()


def test_of_the_word_and_a_passkey_removed_at_once_one_stays(portal_with_a_word: PortalServer, ada: Person) -> None:
    for _round in range(3):
        email = someone_with_a_word(ada)
        passkey = add_passkey(ada)
        portal_with_a_word.sql(
            f"UPDATE authn.users SET password_hash = null, email_verified_at = null WHERE email = '{email}'",
            f"UPDATE authn.identities SET verified_at = null WHERE value = '{email}'",
        )
        actions = [form.action for form in ada.open("/account/security").page.forms if form.action.endswith("/remove")]
        assert len(actions) == 2

        def remove(action: str) -> int:
            return ada.http.post(action, headers={"origin": ada.origin}, data={"x": ""}).status_code

        with ThreadPoolExecutor(2) as at_once:
            assert sorted(at_once.map(remove, actions)) == [303, 409]
        with Person(portal_with_a_word) as elsewhere:
            elsewhere.open("/login").submit("/login", email=email).submit(OPTION, word=WORD)
            by_word = elsewhere.is_logged_in()
        with Person(portal_with_a_word) as elsewhere:
            assert by_word != use_passkey(elsewhere, passkey).is_logged_in()
        ada.log_out()
