"""The console's analytics and status in a real browser: live figures, tables, a file to take away, outages told."""

import asyncio
import csv
import io
import re
from pathlib import Path

import pytest
from playwright.async_api import Download, Locator, Page, expect

from scoreboard.domain.player import Role
from tests.e2e.console_stage import BOARDS, PATIENCE, Court, Open, court, enter, visit
from tests.e2e.test_console_page import AWAY
from tests.stage import Service, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
__all__ = ["court", "visit"]

LONG = 45_000
"""For what follows in seconds on an idle machine."""


def tile(page: Page, label: str | re.Pattern[str]) -> Locator:
    """The value above a label."""
    return page.locator(".tile").filter(has=page.locator(".tile__label", has_text=label)).locator(".tile__value")


def bar(page: Page, region: str, name: str) -> Locator:
    """A bar's number."""
    rows = page.get_by_role("region", name=region).locator(".bars__row")
    return rows.filter(has=page.locator(".bars__name", has_text=re.compile(f"^{name}"))).locator(".bars__value")


async def test_what_is_played_is_seen_as_it_happens(visit: Open, court: Court) -> None:
    board = BOARDS[0].key
    ada, ben = await court.player("ada"), await court.player("ben")
    await court.by_hand(ada, board, 3)
    await ben.begin(board)
    visited = await visit(f"/console?tab=analytics&kind={board}")
    page = visited.page
    await enter(visited, await court.appoint())
    await expect(page).to_have_title("Analytics · Console · Scoreboard")
    await expect(tile(page, re.compile("^completed(,|$)"))).to_have_text("3", timeout=LONG)
    await expect(tile(page, re.compile(r"^begun, counted until \d\d:\d\d$"))).to_have_text("4", timeout=LONG)
    await expect(tile(page, "points")).to_have_text("30")
    await court.by_hand(ben, board)
    await expect(tile(page, re.compile("^completed(,|$)"))).to_have_text("4", timeout=LONG)
    await expect(tile(page, "players in the busiest hour")).to_have_text("2")
    await expect(bar(page, "Points per kind", board)).to_contain_text("40")

    plot = page.get_by_role("region", name="Actions per minute")
    await expect(plot.get_by_role("img")).to_have_attribute("aria-label", re.compile("^Actions begun and completed"))
    summary = plot.get_by_label("Actions begun and completed per minute, as a table")
    await summary.focus()
    await page.keyboard.press("Enter")
    table = plot.get_by_role("table")
    await expect(table.get_by_role("columnheader")).to_have_text(
        ["Time", "completed", "begun", "held, rejected or taken back"]
    )
    assert await table.get_by_role("row").count() >= 60
    # It is drawn again while somebody reads: what is open stays open, and the focus stays.
    await court.by_hand(ben, board)
    await expect(tile(page, re.compile("^completed(,|$)"))).to_have_text("5", timeout=LONG)
    await expect(table).to_be_visible()
    await expect(summary).to_be_focused()


async def test_times_and_kinds_are_chosen_and_taken_away(visit: Open, court: Court, tmp_path: Path) -> None:
    one, other = BOARDS[1].key, BOARDS[2].key
    ada = await court.player("ada")
    await court.by_hand(ada, one, 2)
    await court.by_hand(ada, other)
    visited = await visit("/console?tab=analytics")
    page = visited.page
    await enter(visited, await court.appoint(Role.ADMIN))
    await expect(bar(page, "Points per kind", other)).to_have_text("10", timeout=LONG)
    await page.get_by_role("navigation", name="Time").get_by_role("link", name="30 days").press("Enter")
    await expect(page).to_have_url(re.compile(r"tab=analytics&range=month$"))
    await expect(page.get_by_role("region", name="Actions per day")).to_be_visible(timeout=PATIENCE)
    await page.get_by_label("Kind of action").select_option(one)
    await expect(page).to_have_url(re.compile(rf"range=month&kind={one}$"))
    await expect(tile(page, re.compile("^completed(,|$)"))).to_have_text("2", timeout=PATIENCE)
    await expect(bar(page, "Points per kind", other)).to_have_count(0)
    await expect(bar(page, "What becomes of attempts", "Completed")).to_contain_text("2")

    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save as CSV").click()
    saved: Download = await saving.value
    assert saved.suggested_filename == "analytics-month.csv"
    await saved.save_as(tmp_path / "saved.csv")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "saved.csv").read_text())))
    assert {line["kind"] for line in lines} == {one}
    assert sum(int(line["points"]) for line in lines) == 20
    await page.go_back()
    await expect(page.get_by_label("Kind of action")).to_have_value("")
    await page.reload()
    await expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")


async def test_a_time_in_which_nothing_was_played(visit: Open, court: Court) -> None:
    visited = await visit("/console?tab=analytics&kind=nothing-like-it&range=week")
    page = visited.page
    await enter(visited, await court.appoint())
    await expect(page.get_by_text("Nothing was played in this time")).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_text("No action of the kind nothing-like-it.")).to_be_visible()
    await expect(tile(page, "begun")).to_have_text("0")


async def test_an_outage_is_told_and_the_last_figures_stay(visit: Open, court: Court) -> None:
    await court.by_hand(await court.player("ada"), BOARDS[3].key)
    analytics, status = [await visit(f"/console?tab={tab}") for tab in ("analytics", "status")]
    for visited in (analytics, status):
        visited.expected.append(AWAY)
        await enter(visited, await court.appoint())
    await expect(tile(analytics.page, "begun")).to_be_visible(timeout=PATIENCE)
    await expect(status.page.locator(".lamp").first).to_be_visible(timeout=PATIENCE)
    await asyncio.to_thread(court.api.kill)
    try:
        told = analytics.page.locator("#analytics-said").get_by_role("alert")
        await expect(told).to_contain_text("What is shown may be old.", timeout=PATIENCE)
        await expect(tile(analytics.page, "begun")).to_be_visible()
        told = status.page.locator("#status-notice").get_by_role("alert")
        await expect(told).to_contain_text(re.compile(r"What is shown is of \d\d:\d\d:\d\d\."), timeout=PATIENCE)
        await expect(status.page.locator("#status-said")).to_have_text("Not known")
        await expect(status.page.locator(".lamp").first).to_be_visible()
    finally:
        court.api.start()
        await court.api.ready(within=60)
    for visited in (analytics, status):
        await expect(visited.page.get_by_text(re.compile("What is shown"))).to_have_count(0, timeout=LONG)


def lamp(page: Page, name: str) -> Locator:
    return page.locator(".lamp").filter(has=page.locator(".lamp__name", has_text=re.compile(f"^{name}$")))


async def test_the_state_of_the_platform_is_seen(visit: Open, court: Court) -> None:
    watching = await visit(f"/?board={BOARDS[4].key}")
    await watching.goes_live()
    visited = await visit("/console?tab=status")
    page = visited.page
    await enter(visited, await court.appoint())
    await expect(page).to_have_title("Status · Console · Scoreboard")
    await expect(lamp(page, "API")).to_contain_text("1 running", timeout=LONG)  # another test may have killed it before
    for name in ("Live connections", "Worker", "Database", "Redis"):
        await expect(lamp(page, name).locator(".light")).to_have_text("Fine", timeout=LONG)
    await expect(lamp(page, "Anti-cheat model")).to_contain_text("none has been seen; the rules decide alone")
    await court.by_hand(await court.player("ada"), BOARDS[4].key, 3)
    for title, value in (
        ("Requests", r"^[\d.]+ per second"),
        ("Completing an action", r"^[\d.]+ m?s for 99 of 100"),
        ("From commit to browser", r"^[\d.]+ m?s for 99 of 100"),
        ("Live connections", r"^[1-9]\d* open"),
        ("Waiting to be announced", r"^[\d.]+ m?s the oldest saved result"),
        ("Review queue", r"^\d+ open cases"),
    ):
        gauge = page.get_by_role("region", name=title, exact=True)
        await expect(gauge.locator(".gauge__now")).to_have_text(re.compile(value), timeout=LONG)
        await expect(gauge.get_by_role("img")).to_have_attribute("aria-label", re.compile("the last hour"))
    await expect(page.get_by_role("region", name="Model", exact=True).locator(".gauge__now")).to_have_text(
        "– no model runs"
    )
    known = page.locator(".objectives__words")
    await expect(known).to_have_text(re.compile(r"^In the last \d+ (s|min), all that is known, "), timeout=LONG)
    kept = page.locator(".promise", has_text="The API answers")
    await expect(kept.locator(".light")).to_have_text("Kept", timeout=LONG)
    await expect(kept).to_contain_text(re.compile(r"0 of [\d,]+"))
    await page.get_by_text("Every process").click()
    processes = page.get_by_role("region", name="Processes")
    await expect(processes.get_by_role("rowheader", name="Worker")).to_be_visible()

    await asyncio.to_thread(court.worker.kill)
    try:
        await expect(lamp(page, "Worker")).to_contain_text("none is running", timeout=LONG)
        await expect(lamp(page, "Worker").locator(".light")).to_have_text("Alarming")
        await expect(page.locator("#status-said")).to_have_text("Something is wrong")
        await expect(processes).to_be_visible()
        await expect(processes.get_by_text(re.compile("^Gone for")).first).to_be_visible()
    finally:
        court.worker.start()
        await court.worker.ready(within=60)
    await expect(lamp(page, "Worker")).to_contain_text("1 running, 1 gone without a word", timeout=LONG)


async def test_without_redis_the_page_says_that_nobody_can_tell(visit: Open, court: Court, tmp_path: Path) -> None:
    port = free_port()
    away = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "SCOREBOARD_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}"}
    api = Service("api", {**court.api.environment, **away}, tmp_path / "api.log", port)
    api.start()
    try:
        await api.ready()
        visited = await visit(f"{api.url}/console?tab=status")
        page = visited.page
        visited.expected.append(re.compile(r"status of 503"))  # the queue rests without Redis
        await enter(visited, await court.appoint())
        await expect(page.get_by_role("alert").filter(has_text="Redis is away")).to_be_visible(timeout=PATIENCE)
        await expect(lamp(page, "Database").locator(".light")).to_have_text("Fine")
        await expect(lamp(page, "Redis")).to_contain_text("cannot be reached")
        await expect(page.locator("#status-said")).to_have_text("Something is wrong")
        await expect(page.locator(".gauge")).to_have_count(0)
        await page.goto("about:blank")
    finally:
        api.stop()


async def test_what_the_pointer_stands_on_is_written_out(visit: Open, court: Court) -> None:
    await court.by_hand(await court.player("ada"), BOARDS[5].key)
    visited = await visit("/console?tab=analytics")
    page = visited.page
    await enter(visited, await court.appoint())
    plot = page.get_by_role("region", name="Points per minute").locator(".plot__box")
    await plot.hover(timeout=LONG)
    await expect(plot.locator(".plot__said")).to_have_text(re.compile(r"^\w+ \d+, \d\d:\d\d · \d"))
    await page.mouse.move(0, 0)
    await expect(plot.locator(".plot__said")).to_be_hidden()


@pytest.mark.parametrize("tab", ["review", "health", "status"])
async def test_the_open_tab_is_in_view_on_a_narrow_screen(visit: Open, court: Court, tab: str) -> None:
    visited = await visit(f"/console?tab={tab}", viewport={"width": 360, "height": 800})
    page = visited.page
    await enter(visited, await court.appoint())
    await page.reload()
    current = page.locator("#tabs .tab[aria-current]")
    await expect(current).to_have_attribute("data-tab", tab, timeout=PATIENCE)
    inside = "tab => tab.getBoundingClientRect().left >= 0 && tab.getBoundingClientRect().right <= innerWidth"
    await page.wait_for_load_state("networkidle")
    assert await current.evaluate(inside)
