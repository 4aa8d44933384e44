"""A real browser, and a page in it whose complaints are kept."""

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.stage import PASSWORD

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = "() => [...document.querySelectorAll('#rows .name')].map(name => name.textContent)"
ORDER = f"wanted => JSON.stringify(({NAMES})()) === JSON.stringify(wanted)"
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


@dataclass
class Visit:
    """A page and every complaint of the browser about it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=lambda: [REFUSED])

    @property
    def pill(self) -> Locator:
        return self.page.locator(".pill")

    async def goes_live(self, timeout: float = 15_000) -> None:
        await expect(self.pill).to_have_attribute("data-phase", "live", timeout=timeout)

    async def shows(self, *names: str, timeout: float = 5_000) -> None:
        try:
            await self.page.wait_for_function(ORDER, arg=list(names), timeout=timeout)
        except PlaywrightTimeout as error:
            raise AssertionError(f"wanted {names}, shown {await self.page.evaluate(NAMES)}") from error

    async def opens_account(self, button: str, name: str, password: str = PASSWORD) -> None:
        """Fill the dialog that ``button`` opens, and send it."""
        await self.page.get_by_role("main").get_by_role("button", name=button).click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_label("Name").fill(name)
        await dialog.get_by_label("Password").fill(password)
        await dialog.get_by_role("button", name=button).click()

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(pattern.search(text) for pattern in self.expected)]


async def watched(context: BrowserContext) -> Visit:
    """A new page, with every error that the browser writes about it."""
    visit = Visit(await context.new_page())
    visit.page.on("console", lambda line: visit.complaints.append(line.text) if line.type == "error" else None)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    return visit


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()
