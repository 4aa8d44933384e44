"""The console as a page: names that would do harm, small screens, names and roles for every control, both themes."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from scoreboard.domain.player import Role
from tests.browser import watched
from tests.e2e.console_stage import BOARDS, PATIENCE, Court, Open, court, enter, open_case, visit
from tests.e2e.legible import CONTRAST, LOST_IDS, NAMELESS
from tests.stage import Person, register

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
__all__ = ["court", "visit"]

BOARD = BOARDS[0].key
AWAY = re.compile(r"ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_INTERNET_DISCONNECTED")
HOSTILE = "<img src=x onerror=pwn()>"
WATCH = """
window.ran = [];
window.pwn = () => { window.ran.push("pwn"); };
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => { window.ran.push(name); };
"""
TABS = (
    *("/console", "/console?tab=players", "/console?tab=corrections", "/console?tab=health"),
    *("/console?tab=analytics", "/console?tab=status"),
)


@dataclass
class Docket:
    """A held player with a name that would do harm, reported in words that would; an administrator to read of it."""

    cheat: Person
    admin: str
    case_id: str


@pytest_asyncio.fixture(scope="module")
async def docket(court: Court) -> AsyncIterator[Docket]:
    cheat = await register(court.http, HOSTILE)
    reporter = await court.player("xenia")
    await court.by_script(cheat, BOARD)
    told = {"player_id": cheat.id, "reason": "cheating", "note": "<script>pwn()</script> is what they type."}
    assert (await reporter.post("/api/v1/reports", told)).status_code == 202
    admin = await court.appoint(Role.ADMIN)
    by = await court.signed_in(admin)
    cases = (await by.get("/api/v1/moderation/cases")).json()["items"]
    yield Docket(cheat, admin, next(case["id"] for case in cases if case["player"]["id"] == cheat.id))


async def settled(page: Page) -> None:
    """Wait until the page shows what it is going to show."""
    await page.wait_for_load_state("networkidle")
    await page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")


@pytest.mark.parametrize("policy", [False, True], ids=["without the policy", "with the policy"])
async def test_names_and_words_are_only_text(browser: Browser, court: Court, docket: Docket, policy: bool) -> None:
    context = await browser.new_context(base_url=court.api.url, bypass_csp=not policy)
    await context.add_init_script(WATCH)
    visited = await watched(context)
    page = visited.page
    await page.goto("/console")
    await enter(visited, docket.admin)
    await open_case(visited, HOSTILE)
    await expect(page.locator(".part--reports blockquote")).to_contain_text("<script>pwn()</script>")
    await page.keyboard.press("b")
    await expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(f"Ban {HOSTILE}?")
    await page.keyboard.press("Escape")
    await page.get_by_role("heading", level=2).get_by_role("link", name=HOSTILE).click()
    player = page.get_by_role("region", name="Player", exact=True)
    await expect(player.get_by_role("heading", level=2)).to_have_text(HOSTILE)
    await page.get_by_label("Find a player").fill(HOSTILE[:8])
    await expect(page.locator(".people__name")).to_have_text(HOSTILE, timeout=PATIENCE)
    await player.get_by_role("link", name="Correct results").click()
    form = page.get_by_role("form", name="Which results")
    await expect(form.get_by_label("Player")).to_have_value(HOSTILE, timeout=PATIENCE)
    await page.get_by_role("button", name="Show what would change").click()
    await expect(page.locator("#preview")).to_contain_text("1 player", timeout=PATIENCE)
    assert await page.evaluate("window.ran") == []
    assert await page.locator("main img, main script, main iframe, [onerror]").count() == 0
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_control_has_a_name_and_every_text_its_contrast(visit: Open, docket: Docket, scheme: str) -> None:
    visited = await visit("/console", color_scheme=scheme, viewport={"width": 1440, "height": 900})
    page = visited.page
    found = {"/door": await page.evaluate(CONTRAST) + await page.evaluate(NAMELESS)}
    await enter(visited, docket.admin)
    for path in (f"/console?case={docket.case_id}", f"/console?tab=players&player={docket.cheat.id}", *TABS[1:]):
        await page.goto(path)
        await settled(page)
        assert await page.evaluate("document.querySelectorAll('main h1').length") >= 1
        found[path] = [
            *(await page.evaluate(NAMELESS)),
            *(await page.evaluate(LOST_IDS)),
            *(await page.evaluate(CONTRAST)),
        ]
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize("width", [360, 768, 1440])
async def test_no_sideways_scrolling(visit: Open, docket: Docket, width: int) -> None:
    visited = await visit("/console", viewport={"width": width, "height": 800})
    page = visited.page
    await enter(visited, docket.admin)
    for path in (*TABS, f"/console?case={docket.case_id}", f"/console?tab=players&player={docket.cheat.id}"):
        await page.goto(path)
        await settled(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        if path.startswith("/console?case"):
            await expect(page.locator("svg.plot").first).to_be_visible(timeout=PATIENCE)
            inside = "plots => plots.every(plot => plot.getBoundingClientRect().right <= innerWidth)"
            assert await page.locator("svg.plot").evaluate_all(inside)


async def test_a_narrow_screen_shows_one_thing_at_a_time(visit: Open, docket: Docket) -> None:
    visited = await visit("/console", viewport={"width": 360, "height": 800})
    page = visited.page
    await enter(visited, docket.admin)
    await open_case(visited, HOSTILE)
    await expect(page.locator(".ticket").first).to_be_hidden()
    await page.get_by_role("link", name="All cases").click()
    await expect(page.locator(".ticket").first).to_be_visible()
    await expect(page.get_by_role("heading", level=2, name=HOSTILE)).to_be_hidden()


async def test_who_prefers_no_motion_gets_none(visit: Open, docket: Docket) -> None:
    visited = await visit("/console", reduced_motion="reduce")
    await enter(visited, docket.admin)
    await visited.page.keyboard.press("?")
    await expect(visited.page.get_by_role("dialog")).to_be_visible()
    moving = "[...document.querySelectorAll('*')].filter(one => getComputedStyle(one).animationName !== 'none').length"
    assert await visited.page.evaluate(moving) == 0


async def test_an_outage_is_said_and_what_was_read_stays(visit: Open, court: Court, docket: Docket) -> None:
    visited = await visit("/console")
    visited.expected.append(AWAY)
    page = visited.page
    await enter(visited, docket.admin)
    await open_case(visited, HOSTILE)
    await asyncio.to_thread(court.api.kill)
    try:
        await expect(page.locator(".queue")).to_contain_text("This list may be old", timeout=PATIENCE)
        await expect(page.locator(".queue")).to_contain_text("The server cannot be reached")
        await expect(page.get_by_role("heading", level=2, name=HOSTILE)).to_be_visible()
        await page.keyboard.press("c")
        await expect(page.locator("#toasts")).to_contain_text("The server cannot be reached", timeout=PATIENCE)
    finally:
        court.api.start()
        await court.api.ready(within=60)
    await expect(page.locator(".queue")).not_to_contain_text("This list may be old", timeout=PATIENCE)
    await visited.page.context.set_offline(offline=True)
    await expect(page.locator(".queue")).to_contain_text("You are offline", timeout=PATIENCE)
    await visited.page.context.set_offline(offline=False)
    await expect(page.locator(".queue")).not_to_contain_text("You are offline", timeout=PATIENCE)
