"""What every test may use. The fixtures themselves are in tests/support, one file per concern."""

pytest_plugins = [
    "tests.support.reports",
    "tests.support.whole_run",
    "tests.support.database",
    "tests.support.server",
    "tests.support.person",
    "tests.support.tenant",
    "tests.support.browser",
    "tests.support.demo_app",
]
