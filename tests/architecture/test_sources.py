"""Rules about the sources that no linter knows: how long a file is, and who may know a login method."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 400
MEASURED = ("portal", "migrations", "templates", "static", "tests", "examples", "benchmarks")
SUFFIXES = frozenset({".py", ".sql", ".html", ".txt", ".css", ".js", ".svg"})

METHODS = sorted(folder.name for folder in (ROOT / "portal" / "methods").iterdir() if (folder / "__init__.py").exists())
# Who may name a method beside portal/installed.py, and why. The engine, the sessions and the provider never do.
MAY_NAME = {
    "portal.installed": "lists what is plugged in",
    "portal.signup": "asks for a password, and proves an address by mail",
    "portal.recovery": "replaces a password after a proof by mail",
    "portal.cli": "sets passwords for an operator, and measures their hash",
    "portal.devtools": "seeds accounts with a password",
}


def sources() -> list[Path]:
    return [
        file
        for folder in MEASURED
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in SUFFIXES and not {"vendor", "node_modules", "__pycache__"} & set(file.parts)
    ]


def test_no_file_is_too_long_to_read() -> None:
    files = sources()
    assert len(files) > 200, "the sources are elsewhere"
    lengths = {file.relative_to(ROOT): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert not {str(file): lines for file, lines in lengths.items() if lines > MAX_LINES}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def named_methods(tree: ast.AST) -> Iterator[str]:
    """The methods that a module imports from, or whose folder it spells."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            spelled = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            spelled = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            spelled = [node.value.replace("/", ".")]
        else:
            continue
        for text in spelled:
            yield from (method for method in METHODS if f"methods.{method}." in f"{text}.")


def test_nothing_beside_the_list_names_a_login_method() -> None:
    assert "password" in METHODS
    offences = []
    for file in sorted((ROOT / "portal").rglob("*.py")):
        module = module_name(file)
        for method in named_methods(ast.parse(file.read_text(encoding="utf-8"))):
            own = module == f"portal.methods.{method}" or module.startswith(f"portal.methods.{method}.")
            allowed = any(module == name or module.startswith(f"{name}.") for name in MAY_NAME)
            if not own and not allowed:
                offences.append(f"{module} names the method {method}")
    assert not offences, offences


@pytest.mark.parametrize("method", METHODS)
def test_no_template_outside_of_its_folder_includes_a_methods_own(method: str) -> None:
    templates = ROOT / "templates"
    for file in templates.rglob("*.html"):
        if file.is_relative_to(templates / "methods" / method):
            continue
        assert f"methods/{method}/" not in file.read_text(encoding="utf-8"), file


def test_the_rule_would_see_a_method_that_is_named() -> None:
    """The positive control."""
    for line in (
        "from portal.methods.password import policy",
        "import portal.methods.password.policy",
        "from portal.methods import password",
        "page(request, 'methods/password/_option.html')",
    ):
        assert list(named_methods(ast.parse(line))), line
    assert not list(named_methods(ast.parse("field = 'password'")))


def test_the_benchmarks_find_what_they_measure() -> None:
    modules = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "benchmarks" / "goals").glob("*.py")]
    assert len(modules) > 5
    for module in modules:
        importlib.import_module(".".join(module.parts))
