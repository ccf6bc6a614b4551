"""docs/sdk.md is what the docstrings say, and its example runs with nothing but the SDK and a database."""

import os
import subprocess
import sys
from pathlib import Path

import portal.authn
from tests.support import sdk_documentation
from tests.support.database import TestDatabase

ROOT = Path(__file__).parents[2]


def run_example(database_url: str) -> str:
    """Run docs/examples/sdk.py as a person would and return what it prints."""
    ended = subprocess.run(
        [sys.executable, sdk_documentation.EXAMPLE],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": database_url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_page_of_the_sdk_is_up_to_date() -> None:
    assert sdk_documentation.SDK_PAGE.read_text() == sdk_documentation.render(), "run `make docs`"


def test_the_page_names_every_operation_and_record() -> None:
    page = sdk_documentation.render()
    for name in portal.authn.__all__:
        assert name in page
    operations = [name for name in dir(portal.authn.AuthnClient) if not name.startswith("_") and name != "namespace"]
    assert len(operations) > 50
    for name in operations:
        assert f"#### {name}\n" in page


def test_the_example_signs_up_logs_in_lists_sessions_and_reads_the_trail_as_often_as_one_likes(
    module_database: TestDatabase,
) -> None:
    for _ in range(2):
        printed = run_example(module_database.app_url)
        assert "Wrong password: None" in printed
        assert "Logged in as: alice@example.com" in printed
        assert "from 192.0.2.1 with example" in printed
        assert "user_created of user by example" in printed
        assert "login_attempt_failed of email by example" in printed
        assert printed.endswith("Deleted the account.\n")


def test_the_example_imports_nothing_of_the_portal_but_the_sdk() -> None:
    text = sdk_documentation.EXAMPLE.read_text()
    assert [line for line in text.splitlines() if "import" in line and "portal" in line] == [
        "from portal.authn import AuthnClient, AuthnError"
    ]
