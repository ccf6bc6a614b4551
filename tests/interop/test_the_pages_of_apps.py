"""docs/apps says what was tried: each piece of code stands in the app that `make interop` runs."""

import re
import shlex
import textwrap
from pathlib import Path

import click
import pytest

from portal.cli.clients import create
from tests.support.server import ROOT

PAGES = ROOT / "docs" / "apps"
APPS = ROOT / "tests" / "interop" / "stock_apps"
NOT_RUN = {"oauth2-proxy"}  # its page says so
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXTS = (".mjs", ".js", ".py", ".go", ".java", ".yaml", ".conf")


def pages() -> list[str]:
    return sorted(page.stem for page in PAGES.glob("*.md") if page.name != "README.md")


def source_of(name: str) -> str:
    """Everything that the app of a page consists of, each line without what it is indented by."""
    [folder] = set(re.findall(r"\(\.\./\.\./tests/interop/stock_apps/(\w+)\)", (PAGES / f"{name}.md").read_text()))
    files = [path for path in sorted((APPS / folder).rglob("*")) if path.suffix in TEXTS]
    assert files
    return "\n".join(_flat(path.read_text()) for path in files)


def _flat(text: str) -> str:
    return "\n".join(line.strip() for line in textwrap.dedent(text).splitlines())


@pytest.mark.parametrize("name", [name for name in pages() if name not in NOT_RUN])
def test_the_code_of_a_page_is_the_code_that_runs(name: str) -> None:
    source = source_of(name)
    blocks = [code for language, code in BLOCK.findall((PAGES / f"{name}.md").read_text()) if language != "sh"]
    assert blocks
    for code in blocks:
        assert _flat(code).strip() in source, f"this is not what runs:\n{code}"


@pytest.mark.parametrize("name", pages())
def test_the_command_of_a_page_is_one_that_the_portal_has(name: str) -> None:
    [command] = [code for language, code in BLOCK.findall((PAGES / f"{name}.md").read_text()) if language == "sh"]
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["portal", "clients", "create"]
    parsed = create.make_context("create", words[3:], resilient_parsing=False)
    assert parsed.params["redirect_uris"]


def test_a_page_with_an_unknown_option_would_be_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        create.make_context("create", ["My app", "--redirect-uri", "https://app.example/", "--no-such-thing"])


def test_every_page_is_in_the_index_and_every_app_has_a_page() -> None:
    index = (PAGES / "README.md").read_text()
    for name in pages():
        assert f"({name}.md)" in index
    shown = {found for page in PAGES.glob("*.md") for found in re.findall(r"stock_apps/(\w+)\)", page.read_text())}
    assert shown == {path.name for path in Path(APPS).iterdir() if path.is_dir() and path.name != "__pycache__"}
