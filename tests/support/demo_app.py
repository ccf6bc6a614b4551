"""The demo app of examples/ as a process of its own, logging in through the portal of the test run."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client
from tests.support.database import run_now
from tests.support.server import ROOT, PortalServer, free_port

READY_WITHIN = 30.0  # seconds


@pytest.fixture(scope="session")
def demo_app(portal_server: PortalServer) -> Iterator[str]:
    """The address of the demo app, on another site than the portal."""
    with running_demo_app(portal_server) as url:
        yield url


@contextlib.contextmanager
def running_demo_app(portal: PortalServer, registration: dict[str, str] | None = None) -> Iterator[str]:
    """Run the demo app against a portal and give its address; `registration` is an earlier one."""
    settings = registration or register(portal, f"http://127.0.0.1:{free_port()}")
    url = settings["DEMO_URL"]
    process = subprocess.Popen(
        [sys.executable, "examples/demo_app/main.py"], cwd=ROOT, env=os.environ | settings, stdin=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + READY_WITHIN
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(url, timeout=2).status_code == 200:
                    break
            assert process.poll() is None, "the demo app ended"
            assert time.monotonic() < deadline, "the demo app did not become ready"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def register(portal: PortalServer, url: str) -> dict[str, str]:
    """Register the demo app as `make run` does, with an address of its own, and return its settings."""
    assert portal.database is not None
    app_url = portal.database.app_url

    async def work() -> RegisteredClient:
        database = Database(app_url, pool_size=1)
        registered = await create_client(
            database,
            "default",
            name="Demo app",
            redirect_uris=[f"{url}/callback"],
            post_logout_redirect_uris=[f"{url}/"],
            first_party=False,
            backchannel_logout_uri=f"{url}/backchannel-logout",
            initiate_login_uri=f"{url}/login",
            grant_types=["authorization_code", "refresh_token"],
        )
        await database.close()
        assert isinstance(registered, RegisteredClient), registered
        return registered

    made = run_now(work)
    return {
        "DEMO_ISSUER": portal.url,
        "DEMO_URL": url,
        "DEMO_CLIENT_ID": made.client.client_id,
        "DEMO_CLIENT_SECRET": made.client_secret or "",
    }
