"""An update of two servers, one after the other, that nobody notices."""

from collections.abc import Iterator

import pytest

from tests.deployment.behind_haproxy.conftest import EMAIL, PASSWORD, Deployment, PersonOverTls
from tests.support.demo_app import running_demo_app
from tests.support.journeys import crowd

RESTARTS = 10
PEOPLE = 4


@pytest.fixture(scope="module")
def demo_app(deployment: Deployment) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(deployment.proxy.certificate))
        # Restarts are tried here, and not how long a busy machine takes to start a process beside four people.
        patch.setenv("DEMO_ANSWER_WITHIN", "25")
        with running_demo_app(deployment.servers[0]) as url:
            yield url


def log_in_through_the_app(deployment: Deployment, demo_app: str) -> None:
    with PersonOverTls(deployment) as alice:
        alice.open(demo_app).follow("Log in")
        alice.submit("/login", email=EMAIL).submit("/login/password", password=PASSWORD)
        if alice.path.startswith("/oauth2/"):
            alice.submit("/oauth2/consent", {"decision": "allow"})
        assert alice.page.heading == "You are logged in", (alice.way, alice.page.text)
        alice.open("/account/devices")
        assert alice.response.status_code == 200, alice.page.text
        alice.log_out()
        assert not alice.is_logged_in()


def test_ten_rolling_restarts_fail_no_journey(deployment: Deployment, demo_app: str) -> None:
    log_in_through_the_app(deployment, demo_app)  # and allows the app to know her, once for all
    with crowd(lambda: log_in_through_the_app(deployment, demo_app), PEOPLE) as people:
        for _ in range(RESTARTS):
            for server in deployment.servers:
                deployment.restart(server)
    faults = [line for server in deployment.servers for line in server.log().splitlines() if '"level":"error"' in line]
    assert not faults, "\n".join(faults)[:4000]
    people.assert_all_arrived(at_least=RESTARTS * PEOPLE)
