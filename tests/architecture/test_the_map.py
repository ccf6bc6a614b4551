"""docs/architecture.md leads from a layer, and from the address of a page, to where its code is."""

import re
from pathlib import Path

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from portal.app import create_app
from portal.settings import load_settings

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LOOK = (ROOT / "docs" / "look.md").read_text(encoding="utf-8")
ENVIRONMENT = {
    "PORTAL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "PORTAL_SECRET_KEY": "k" * 40,
    "PORTAL_DEV": "1",
}


def rows(heading: str) -> list[tuple[str, str]]:
    """The first two cells of each row of a section's table."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (`.*?) \| (.*?) \|$", section, re.MULTILINE)


def in_code(cell: str) -> list[str]:
    return re.findall(r"`(.*?)`", cell)


def handlers() -> list[HTTPRouteHandler]:
    app = create_app(load_settings(ENVIRONMENT)).app
    assert isinstance(app, Litestar)
    return [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]


def test_every_address_leads_to_the_file_that_answers_it() -> None:
    places = {
        address: in_code(place)[0]
        for addresses, place in rows("From a page to its code")
        for address in in_code(addresses)
    }
    pages = [handler for handler in handlers() if handler.http_methods != {"OPTIONS"}]
    assert len(pages) > 60
    used = set()
    for handler in pages:
        module = handler.fn.__module__.removeprefix("portal.").replace(".", "/") + ".py"
        for path in handler.paths:
            beginnings = [address for address in places if path == address or path.startswith(f"{address}/")]
            assert beginnings, f"{path} is missing"
            address = max(beginnings, key=len)
            assert module.startswith(places[address]), (path, module)
            used.add(address)
    assert used == set(places)


def test_every_part_of_the_portal_is_in_a_layer() -> None:
    named = {name.removesuffix("/*").removesuffix(".py") for names, _what in rows("Layers") for name in in_code(names)}
    parts = {path.stem for path in (ROOT / "portal").iterdir() if not path.stem.startswith("__")}
    assert named == parts


def test_every_script_of_the_pages_is_listed_beside_the_look() -> None:
    scripts = LOOK.split("Scripts are one module for one thing")[1].split("\n## ")[0]
    assert set(in_code(scripts)) == {path.stem for path in (ROOT / "static" / "js").glob("*.js")}
