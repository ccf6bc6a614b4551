"""Reports of tests that another process runs: what a test logged may hold what no encoding can carry, on purpose."""

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write lone surrogates as `\\ud800`: pytest-xdist could not send the report otherwise, and would end the run."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
