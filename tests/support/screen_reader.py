"""What a screen reader tells of a page in Chromium: what has the focus, by the accessibility tree, and live regions."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

SAID_WITHIN = 5.0  # seconds

# Listens only to regions that are there, and exposed, when the page has loaded: one that comes with its text, or that
# was not displayed before, is often not read.
LISTEN = """
window.said = [];
addEventListener("DOMContentLoaded", () => {
  for (const region of document.querySelectorAll("[role=status], [role=alert], [role=log], [aria-live]")) {
    if (!region.checkVisibility({ visibilityProperty: true })) continue;
    new MutationObserver(() => {
      const text = region.textContent.trim().replace(/\\s+/g, " ");
      if (text && said.at(-1) !== text) said.push(text);
    }).observe(region, { childList: true, subtree: true, characterData: true });
  }
});
"""

NOT_HEARD = """() => {
  const reason = document.querySelector("main [role=alert], main [aria-invalid=true]");
  const found = [];
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (reason && !document.title.startsWith("Error: ")) found.push(`the title keeps the error quiet: ${document.title}`);
  if (reason && !document.activeElement.matches("[role=alert], [aria-invalid=true]"))
    found.push(`the focus is not at the error but at ${document.activeElement.outerHTML.slice(0, 80)}`);
  return found;
}"""


@dataclass(frozen=True)
class Node:
    """One node of the accessibility tree; `text` is everything inside of it, `name` what it is called."""

    role: str
    name: str
    description: str
    invalid: bool
    text: str


async def listen(page: Page) -> None:
    """Note from the next page on what live regions say."""
    await page.add_init_script(LISTEN)


async def said(page: Page, text: str) -> None:
    """Wait until a live region has said something with these words."""
    deadline = time.monotonic() + SAID_WITHIN
    while not any(text in one for one in await everything_said(page)):
        assert time.monotonic() < deadline, f"{text!r} was not said, only {await everything_said(page)}"
        await asyncio.sleep(0.05)  # not wait_for_function: its eval is what the pages' policy forbids


async def everything_said(page: Page) -> list[str]:
    """What live regions have said since the page was loaded."""
    return list(await page.evaluate("said"))


async def focus_of(page: Page) -> Node:
    """What has the focus: a screen reader reads it when the page is there. The page itself where nothing has it."""
    nodes = await _tree(page)
    by_id = {node["nodeId"]: node for node in nodes}
    focused = [node for node in nodes if _property(node, "focused")]
    chosen = next((node for node in focused if _value(node, "role") != "RootWebArea"), focused[0])
    return Node(
        _value(chosen, "role"),
        _value(chosen, "name"),
        _value(chosen, "description"),
        _property(chosen, "invalid") not in (None, "false"),
        " ".join(_texts(chosen, by_id)),
    )


async def not_heard(page: Page) -> list[str]:
    """What is wrong with a page of the portal for those who hear it: its heading, its title, its focus at an error."""
    return list(await page.evaluate(NOT_HEARD))


async def names_of(page: Page, *roles: str) -> list[str]:
    """The names of all nodes with these roles, in the order of the page."""
    return [_value(node, "name") for node in await _tree(page) if not node["ignored"] and _value(node, "role") in roles]


async def _tree(page: Page) -> list[dict[str, Any]]:
    session = await page.context.new_cdp_session(page)
    tree: dict[str, Any] = await session.send("Accessibility.getFullAXTree")
    await session.detach()
    return list(tree["nodes"])


def _value(node: dict[str, Any], field: str) -> str:
    return str(node.get(field, {}).get("value", ""))


def _property(node: dict[str, Any], name: str) -> Any:
    return next((one["value"].get("value") for one in node.get("properties", ()) if one["name"] == name), None)


def _texts(node: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> list[str]:
    if _value(node, "role") == "StaticText":
        return [_value(node, "name")]
    return [text for child in node.get("childIds", ()) if child in by_id for text in _texts(by_id[child], by_id)]
