"""Where an address is: a database file as operators get them, on pages, in mails, and where it is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from portal.settings import SettingsError
from portal.web.places import Places
from tests.support.database import TestDatabase
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.server import PortalServer, serving

ZURICH, NEUCHATEL, NAMELESS, UNKNOWN = "100.100.1.1", "2001:db8:7::1", "100.100.3.1", "100.100.4.1"
SWITZERLAND = {"iso_code": "CH", "names": {"en": "Switzerland", "de": "Schweiz"}}
RECORDS = {
    "100.100.1.0/24": {"city": {"names": {"en": "Zurich", "de": "Zürich"}}, "country": SWITZERLAND},
    "2001:db8:7::/48": {"country": SWITZERLAND},
    "100.100.3.0/24": {"continent": {"code": "EU"}},
}


def written(path: Path, version: int = 6) -> Path:
    database = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type="Test-City")
    for network, record in RECORDS.items():
        if version == 6 or ":" not in network:
            database.insert_network(IPSet([network]), record)
    database.to_db_file(str(path))
    return path


@pytest.fixture(scope="module")
def database_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("places") / "city.mmdb")


@pytest.fixture(scope="module")
def portal(
    postgres_server: TestDatabase, template_database: TestDatabase, database_file: Path
) -> Iterator[PortalServer]:
    with serving(postgres_server, template_database, PORTAL_GEO_DATABASE=str(database_file)) as server:
        yield server


@pytest.mark.parametrize(
    ("address", "language", "shown"),
    [
        (ZURICH, "en", "100.100.1.1 (Zurich, Switzerland)"),
        (ZURICH, "de", "100.100.1.1 (Zürich, Schweiz)"),
        (ZURICH, "ar", "100.100.1.1 (Zurich, Switzerland)"),
        (NEUCHATEL, "en", "2001:db8:7::1 (Switzerland)"),
        (NAMELESS, "en", NAMELESS),
        (UNKNOWN, "en", UNKNOWN),
        ("127.0.0.1", "en", "127.0.0.1"),
        (None, "en", None),
        ("", "en", ""),
    ],
)
def test_an_address_is_shown_with_what_is_known(
    database_file: Path, address: str | None, language: str, shown: str | None
) -> None:
    assert Places(database_file).with_place(address, language) == shown
    assert Places(None).with_place(address, language) == address


def test_a_database_of_the_old_addresses_knows_no_new_ones(tmp_path: Path) -> None:
    places = Places(written(tmp_path / "four.mmdb", version=4))
    assert places.with_place(NEUCHATEL, "en") == NEUCHATEL
    assert places.with_place(ZURICH, "en") == "100.100.1.1 (Zurich, Switzerland)"


@pytest.mark.parametrize("content", [None, b"", b"no database", b"\xab\xcd\xefMaxMind.com\xff\xff"])
def test_a_file_that_is_none_is_told_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"PORTAL_GEO_DATABASE: .*broken\.mmdb is no MaxMind database"):
        Places(path)


def test_who_asks_for_a_link_is_shown_with_their_place(portal: PortalServer) -> None:
    email = an_email()
    with Person(portal, address=ZURICH) as asking, Person(portal, address=UNKNOWN) as owner:
        asking.sign_up(email)
        asking.open("/account/devices")
        assert "100.100.1.1 (Zurich, Switzerland)" in asking.page.text
        asking.log_out()
        asking.open("/login").submit("/login", email=email).submit("/login/code")
        owner.open(newest_mail(portal, email).link)
        assert "100.100.1.1 (Zurich, Switzerland)" in owner.page.text


def test_the_mail_about_a_change_says_where_it_was_made(portal: PortalServer) -> None:
    email = an_email()
    with Person(portal, address=ZURICH) as zoe:
        zoe.sign_up(email)
        zoe.open("/account/password").submit(
            "/account/password", password=PASSWORD, new_password="seven patient herons"
        )
    mail = newest_mail(portal, email)
    assert "Network address: 100.100.1.1 (Zurich, Switzerland)" in mail.text
    assert "100.100.1.1 (Zurich, Switzerland)" in mail.html
