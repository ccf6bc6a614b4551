"""One stop of the tour of every page."""

from dataclasses import dataclass

from playwright.async_api import Page


@dataclass(frozen=True)
class Stop:
    """A page to look at; `name` is the page and its state."""

    name: str
    page: Page
