"""Every module that a worker imports at its start costs memory and time, each worker anew: rare things come late."""

import os
import subprocess
import sys

from tests.support.server import ROOT

NOT_AT_START = {
    "aiosmtplib": "only where an SMTP server is configured, and then with the first mail",
    "httpx": "only for calls to others",
    "playwright": "for tests",
    "portal.devtools": "for development",
    "prometheus_client": "only where metrics are asked for",
    "rich": "only for tables of the command line",
    "segno": "only for the picture of a new authenticator",
    "sqlalchemy": "only for transactions of several calls",
    "webauthn": "only when a passkey is used or made",
}
LOADED = "import sys, portal.cli.serve, portal.app; print(*sys.modules)"


def test_a_worker_starts_without_what_few_requests_need() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    ran = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.split())
    assert "litestar" in loaded
    assert sorted(loaded & set(NOT_AT_START)) == []
