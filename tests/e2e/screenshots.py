"""``make screenshots``: start a platform, let the demo play on it, take the README's pictures."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2 as httpx
from playwright.async_api import Browser, Page, async_playwright

from tests.browser import CHROMIUM, FLAGS
from tests.e2e.console_pictures import appoint, fill_the_queue, stage_a_cheat, take_console
from tests.e2e.insight_pictures import stage_a_month, take_insight
from tests.stage import free_port, until

_SETTLED = """() => [...document.querySelectorAll('.row[data-player]')].every(
  row => row.getAnimations().every(each => each.playState !== 'running'))"""
_ROWS = "() => document.querySelectorAll('.row[data-player]').length >= 10"


async def main(target: Path) -> None:
    """Write the pictures into ``target``."""
    if CHROMIUM is None:
        sys.exit("Chromium is not installed (Debian: apt-get install chromium).")
    target.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="sbshot"))
    folder.chmod(0o711)
    api, realtime, metrics = free_port(), free_port(), free_port()
    command = [sys.executable, "-m", "scoreboard_cli", "up", "--data", str(folder / "data"), "--demo", "--rate", "3"]
    command += ["--api-port", str(api), "--realtime-port", str(realtime), "--metrics-port", str(metrics)]
    with (folder / "up.log").open("wb") as log:
        platform = subprocess.Popen(command, env=os.environ, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{api}"
        await until(lambda: _answers(url), within=60, what="the platform being up")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            admin = await appoint(url, folder / "data")
            cheat, _ = await asyncio.gather(stage_a_cheat(url), take(browser, url, target))
            await fill_the_queue(url)
            await take_console(browser, url, target, admin, cheat)
            await stage_a_month(folder / "data")
            await take_insight(browser, url, target, admin)
            await browser.close()
    finally:
        platform.send_signal(signal.SIGINT)
        platform.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{url}/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


async def take(browser: Browser, url: str, target: Path) -> None:
    """Three pictures: light, dark with a player logged in, phone."""
    page = await browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    await page.goto(url)
    await page.wait_for_function(_ROWS, timeout=90_000)
    await _moves(page)
    await page.screenshot(path=target / "live-light.png")

    context = await browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_function(_ROWS)
    await _sign_up(page)
    await _play(page)
    await _moves(page)
    await page.evaluate("() => scrollTo(0, 0)")
    await page.screenshot(path=target / "live-dark.png")

    page = await browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="light", device_scale_factor=2)
    await page.goto(url)
    await page.wait_for_function(_ROWS)
    await _moves(page)
    await page.screenshot(path=target / "live-phone.png")


async def _moves(page: Page) -> None:
    """Wait until names have changed places before our eyes."""
    order = "[...document.querySelectorAll('.row[data-player]')].map(row => row.dataset.player).join()"
    before = await page.evaluate(order)
    await page.wait_for_function(f"before => {order} !== before", arg=before, timeout=60_000)
    await page.wait_for_function(_SETTLED)


async def _sign_up(page: Page) -> None:
    """Open an account in the dialog and play once."""
    name = f"rosa_{secrets.randbelow(1000)}"
    await page.get_by_role("button", name="Log in").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Create an account").first.click()
    await dialog.get_by_label("Name").fill(name)
    await dialog.get_by_label("Password").fill("correct horse battery")
    await dialog.get_by_role("button", name="Create account").click()
    await page.get_by_text(name).first.wait_for()


async def _play(page: Page) -> None:
    """Play a match, so that there is a standing to be seen."""
    await page.get_by_text("Play a match").first.click()
    await page.get_by_role("button", name="Start").click()
    await page.get_by_role("button", name="Complete").click()
    await page.locator(".outcome").wait_for()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")))
