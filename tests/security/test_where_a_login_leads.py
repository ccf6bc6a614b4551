"""A login leads back to own paths only, whatever return_to says (adversarial A5)."""

from urllib.parse import quote

import pytest

from portal.web.return_to import own_path
from tests.support.person import Person
from tests.support.server import SEEDED_PASSWORD, PortalServer

OWN = ["/account/devices", "/account?x=1", "/account/devices?a=b&c=%20", "/account/devices#part"]
FOREIGN = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "//evil.example/%2e%2e",
    "/./\\evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/x/..//evil.example",
    "/%2e%2e//evil.example",
    "/%2f/evil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "https://localhost@evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "./evil",
    " //evil.example",
    "/ /evil.example",
    "\x00//evil.example",
    "/\u2028/evil.example",
    "／／evil.example",
    "/。evil",
    "?next=//evil.example",
    "#",
    "",
    "/" + "x" * 5000,
]
# Foreign once something decodes it; as it stands it is a path of ours that leads nowhere.
FOREIGN_ONCE_DECODED = ["/%09/evil.example", "/%0d%0aLocation:%20https://evil.example"]

pytestmark = [pytest.mark.asvs("3.7.2"), pytest.mark.adversarial("A5")]


@pytest.mark.parametrize("value", [*FOREIGN, *FOREIGN_ONCE_DECODED])
def test_a_login_never_leads_off_the_portal(portal_server: PortalServer, zoe: Person, value: str) -> None:
    zoe.open(f"/login?return_to={quote(value)}")
    assert "evil.example" not in zoe.response.headers.get("location", "")
    zoe.submit("/login", email="alice@example.com").submit("/login/password", password=SEEDED_PASSWORD)
    assert all(address.startswith(portal_server.url + "/") for address in zoe.way)
    assert zoe.is_logged_in()
    # And when one is logged in already.
    zoe.open(f"/login?return_to={quote(value)}")
    assert all(address.startswith(portal_server.url + "/") for address in zoe.way)
    assert "evil.example" not in zoe.response.headers.get("location", "")


@pytest.mark.parametrize("value", OWN)
def test_an_own_path_is_where_a_login_leads(zoe: Person, value: str) -> None:
    zoe.open(f"/login?return_to={quote(value)}")
    zoe.submit("/login", email="alice@example.com").submit("/login/password", password=SEEDED_PASSWORD)
    assert zoe.response.status_code == 200
    assert zoe.place == value.partition("#")[0]


def test_two_return_tos_do_not_smuggle_a_second_one_past_the_check(portal_server: PortalServer, zoe: Person) -> None:
    for query in ("return_to=/account&return_to=//evil.example", "return_to=//evil.example&return_to=/account"):
        zoe.open(f"/login?{query}")
        zoe.submit("/login", email="alice@example.com").submit("/login/password", password=SEEDED_PASSWORD)
        assert all(address.startswith(portal_server.url + "/") for address in zoe.way)
        zoe.log_out()


@pytest.mark.parametrize("name", ["next", "callbackUrl", "RelayState", "redirect_uri", "continue", "url"])
def test_other_names_for_it_mean_nothing(portal_server: PortalServer, zoe: Person, name: str) -> None:
    zoe.open(f"/login?{name}=https://evil.example")
    zoe.submit("/login", email="alice@example.com")
    fields = zoe.page.form("/login/password").fields
    zoe.post("/login/password", {**fields, "password": SEEDED_PASSWORD, name: "https://evil.example"})
    assert zoe.path == "/account"


@pytest.mark.parametrize("value", FOREIGN)
def test_no_foreign_address_passes_for_an_own_path(value: str) -> None:
    assert own_path(value) is None


@pytest.mark.parametrize("value", OWN)
def test_own_paths_pass_unchanged(value: str) -> None:
    assert own_path(value) == value
