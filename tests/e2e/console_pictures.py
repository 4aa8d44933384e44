"""The README's pictures of the moderators' console: a player who turns from a person into a clock, and what is seen."""

import asyncio
import os
import random
import secrets
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.stage import PASSWORD, Person, register

_AS_A_PERSON, _HELD = 24, 6
_EVERY = 1.1  # seconds between two results of the clock
_PATIENCE = 60_000
_WINDOW = {"width": 1440, "height": 1180}
_PHONE = {"width": 390, "height": 844}


async def stage_a_cheat(url: str) -> str:
    """Play by hand for a while, then by script until results are held. Returns the player's name."""
    chance = random.Random(7)
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        player = await register(client, f"metronome_{secrets.randbelow(100)}")
        for _ in range(_AS_A_PERSON):
            await _tap(player)
            await asyncio.sleep(min(6.0, chance.lognormvariate(0.1, 0.6)))
        loop = asyncio.get_running_loop()
        begun, verdicts = loop.time(), [""]
        while verdicts.count("hold") < _HELD and verdicts[-1] != "suspend":
            verdicts.append(await _tap(player))
            await asyncio.sleep(max(0.0, begun + _EVERY * len(verdicts) - loop.time()))
        return player.username


async def fill_the_queue(url: str) -> None:
    """Two more cases: somebody who asks for a million, and somebody whom others report."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        greedy = await register(client, f"million_{secrets.randbelow(100)}")
        begun = await greedy.begin("match")
        for _ in range(3):
            assert (await greedy.complete(begun, points=10**6)).status_code == 422
        owl = await register(client, f"night_owl_{secrets.randbelow(100)}")
        await _tap(owl)
        told = {"player_id": owl.id, "reason": "cheating", "note": "Up at three in the morning, every day."}
        assert (await greedy.post("/api/v1/reports", told)).status_code == 202


async def _tap(player: Person) -> str:
    reply = await player.post("/api/v1/scores/update", {"action_id": secrets.token_hex(8), "kind": "tap"})
    if reply.status_code == 403:
        return "suspend"
    verdict: str = reply.json()["verdict"]
    return verdict


async def appoint(url: str, data: Path) -> str:
    """An administrator of the running platform; the name."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        person = await register(client, f"ada_{secrets.randbelow(1000)}")
    command = [sys.executable, "-m", "scoreboard_cli", "role", person.username, "admin", "--data", str(data)]
    await asyncio.to_thread(subprocess.run, command, env=os.environ, check=True, stdout=subprocess.DEVNULL)
    return person.username


async def take_console(browser: Browser, url: str, target: Path, admin: str, cheat: str) -> None:
    """Three pictures: a case by day, the state of the anti-cheat by night, the case on a phone."""
    context = await browser.new_context(viewport=_WINDOW, color_scheme="light", base_url=url)  # type: ignore[arg-type]
    page = await inside(context, admin)
    await page.locator(".ticket").get_by_role("link", name=cheat).click(timeout=_PATIENCE)
    await _drawn(page)
    await page.screenshot(path=target / "console.png")
    address = page.url
    await context.close()

    context = await browser.new_context(viewport=_WINDOW, color_scheme="dark", base_url=url)  # type: ignore[arg-type]
    page = await inside(context, admin)
    await page.get_by_role("link", name="Anti-cheat").click()
    await expect(page.get_by_role("img", name="Columns of verdicts")).to_be_visible(timeout=_PATIENCE)
    await page.mouse.move(0, 0)
    await page.screenshot(path=target / "console-dark.png")
    await context.close()

    context = await browser.new_context(viewport=_PHONE, device_scale_factor=2, base_url=url)  # type: ignore[arg-type]
    page = await inside(context, admin)
    await page.goto(address)
    await _drawn(page)
    await page.screenshot(path=target / "console-phone.png")
    await context.close()


async def inside(context: BrowserContext, admin: str) -> Page:
    """A page of the console with an administrator signed in."""
    page = await context.new_page()
    await page.goto("/console")
    await page.get_by_label("Name").fill(admin)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Log in").click()
    await expect(page.locator(".ticket").first).to_be_visible(timeout=_PATIENCE)
    return page


async def _drawn(page: Page) -> None:
    """Wait until the plots are there and nothing moves."""
    await expect(page.locator("svg.plot .dot").first).to_be_attached(timeout=_PATIENCE)
    await page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")
    await page.evaluate("() => { scrollTo(0, 0); document.activeElement?.blur(); }")
