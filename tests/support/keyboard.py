"""Somebody who has no mouse: Tab, Shift+Tab, Enter, Space and letters. Where the focus lands it is seen."""

from pathlib import Path

from playwright.async_api import Locator, Page

SCRIPT = Path(__file__).with_name("keyboard.js")
MOST_TABS = 60


async def focus_complaints(page: Page) -> list[str]:
    """What is wrong with the focus on the page as it is now: no ring, or another order than the one seen."""
    await page.evaluate(SCRIPT.read_text())
    await page.keyboard.press("Shift")  # from here on the browser takes the person for one at a keyboard
    return list(await page.evaluate("focusComplaints()"))


class Keyboard:
    """One person's hands on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def reach(self, element: Locator, *, backwards: bool = False) -> None:
        """Press Tab, or Shift+Tab, until the element has the focus, and see that its ring shows."""
        await element.wait_for()
        for _ in range(MOST_TABS):
            if await element.evaluate("element => element === document.activeElement"):
                await self.page.evaluate(SCRIPT.read_text())
                assert await element.evaluate("focusRing"), f"no ring around {element}"
                return
            await self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError(f"Tab does not reach {element}")

    async def press(self, role: str, name: str, key: str = "Enter", *, within: Locator | None = None) -> None:
        """Reach a link or a button and press it."""
        place = within or self.page
        await self.reach(place.get_by_role(role, name=name, exact=True))  # type: ignore[arg-type]
        await self.page.keyboard.press(key)

    async def type(self, label: str, text: str, *, send: bool = True) -> None:
        """Type into a field, over what is there, and send the form with Enter."""
        await self.reach(self.page.get_by_label(label, exact=True))
        await self.page.keyboard.type(text)
        if send:
            await self.page.keyboard.press("Enter")
