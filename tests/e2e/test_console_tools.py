"""The console's other tabs in a real browser: players, corrections, the state of the anti-cheat."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.e2e.console_stage import BOARDS, PATIENCE, Court, Open, court, enter, gone, visit
from tests.stage import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
__all__ = ["court", "visit"]

courts: Iterator[str] = iter(board.key for board in BOARDS)


@pytest.fixture
def board() -> str:
    return next(courts)


async def test_hiding_suspending_and_restoring(visit: Open, court: Court, board: str) -> None:
    player = await court.player("nora")
    await court.by_hand(player, board)
    watching = await visit(f"/?board={board}")
    await watching.goes_live()
    await watching.shows(player.username)
    visited = await visit("/console?tab=players")
    page = visited.page
    await enter(visited, await court.appoint())
    await page.get_by_label("Find a player").fill("nobody-has-this")
    await expect(page.get_by_text("Nobody's name begins like this.")).to_be_visible()
    await page.get_by_label("Find a player").fill(player.username[:6].upper())
    await page.get_by_role("link", name=player.username).click()
    card = page.get_by_role("region", name="Player", exact=True)
    await expect(card.get_by_role("heading", level=2)).to_have_text(player.username)

    await card.get_by_role("button", name="Hide").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Hide").click()
    await expect(dialog).to_contain_text("Say why")
    await dialog.get_by_label("Reason, for the record").fill("A name that hurts.")
    await dialog.get_by_role("button", name="Hide").click()
    await expect(card.locator(".chip")).to_have_text("Hidden", timeout=PATIENCE)
    await watching.shows()
    await card.get_by_role("button", name="Restore").click()
    await dialog.get_by_label("Reason, for the record").fill("A misunderstanding.")
    await dialog.get_by_role("button", name="Restore").click()
    await expect(card.locator(".chip")).to_have_text("Active", timeout=PATIENCE)
    await watching.shows(player.username)

    await card.get_by_role("button", name="Suspend", exact=True).click()
    await expect(card).to_contain_text("Choose a moment.")
    await card.get_by_role("button", name="1 week").click()
    await card.get_by_label("Reason, for the record").fill("Insults.")
    await card.get_by_role("button", name="Suspend", exact=True).click()
    await expect(card.locator(".chip")).to_have_text("Suspended", timeout=PATIENCE)
    week = datetime.now(UTC) + timedelta(days=7)
    await expect(card).to_contain_text(re.compile(rf"suspended until {week:%b} {week.day}"))
    await gone(court, board, player)
    refused = await court.http.post("/api/v1/auth/login", json={"username": player.username, "password": PASSWORD})
    assert refused.json()["code"] == "ACCOUNT_SUSPENDED"
    # Protection is an administrator's.
    await expect(card.get_by_role("button", name="Protect")).to_have_count(0)


async def test_a_moderator_starts_a_case(visit: Open, court: Court, board: str) -> None:
    player = await court.player("olga")
    await court.by_hand(player, board, 4)
    visited = await visit(f"/console?tab=players&player={player.id}")
    page = visited.page
    await enter(visited, await court.appoint())
    await page.get_by_role("button", name="Start a case").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("What should be looked at").fill("Wins every match since Tuesday.")
    await dialog.get_by_role("button", name="Start it").click()
    await expect(page.get_by_role("heading", level=2, name=player.username)).to_be_visible(timeout=PATIENCE)
    await expect(page.locator(".case__claimed")).to_contain_text(f"A moderator wants a look at {player.username}")
    await expect(page.locator("svg.plot .dot")).to_have_count(4)
    await page.get_by_role("button", name="Dismiss", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("Dismissed", timeout=PATIENCE)
    await page.goto(f"/console?tab=players&player={player.id}")
    await expect(page.get_by_role("region", name="Player", exact=True).get_by_role("listitem")).to_contain_text(
        "Dismissed", timeout=PATIENCE
    )


async def test_a_correction_is_previewed_applied_and_undone(visit: Open, court: Court, board: str) -> None:
    first, second = await court.player("ines"), await court.player("jan")
    await court.by_hand(first, board, 3)
    await court.by_hand(second, board, 2)
    watching = await visit(f"/?board={board}")
    await watching.goes_live()
    await watching.shows(first.username, second.username)
    visited = await visit("/console?tab=corrections")
    page = visited.page
    moderator = await court.appoint()
    await enter(visited, moderator)
    await page.get_by_role("button", name="Show what would change").click()
    await expect(page.locator("#scope-player-hint")).to_contain_text("Say which results")
    form = page.get_by_role("form", name="Which results")
    await form.get_by_label("Player").fill("nobody-of-this-name")
    await page.get_by_role("button", name="Show what would change").click()
    await expect(page.locator("#scope-player-hint")).to_have_text("Nobody has this name.")
    await form.get_by_label("Player").fill(first.username)
    await form.get_by_label("What was played").focus()
    await form.get_by_label("What was played").select_option(board)
    await page.get_by_role("button", name="Show what would change").click()
    preview = page.locator("#preview")
    await expect(preview).to_contain_text("3 results of 1 player would be void: 30 points.", timeout=PATIENCE)
    rows = preview.get_by_role("region", name=re.compile("Changes on Court")).locator("tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_have_text(re.compile(rf"{first.username}.*1 → out.*30 → –"))
    await expect(rows.nth(1)).to_have_text(re.compile(rf"{second.username}.*2 → 1.*20"))
    # Nothing has changed yet.
    assert await court.standing(board, first) == 30

    # What is applied is what was shown: a new result in between brings the difference up again.
    await court.by_hand(first, board)
    await preview.get_by_role("button", name="Void 3 results").click()
    await expect(page.locator("#scope-reason-hint")).to_contain_text("Say why")
    await form.get_by_label("Reason").fill("Played by a script.")
    await preview.get_by_role("button", name="Void 3 results").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Apply the correction").click()
    await expect(page.get_by_role("alert")).to_contain_text("have changed since", timeout=PATIENCE)
    await expect(preview).to_contain_text("4 results of 1 player")
    await preview.get_by_role("button", name="Void 4 results").click()
    await dialog.get_by_role("button", name="Apply the correction").click()
    await expect(page.locator("#toasts")).to_contain_text(re.compile(r"Correction \d+ is applied"), timeout=PATIENCE)
    await watching.shows(second.username)
    await expect(watching.page.locator("#toasts")).to_contain_text("A moderator corrected the standings.")

    entry = page.locator(".history__entry").first
    await expect(entry).to_contain_text("4 results of 1 player, 40 points")
    await expect(entry).to_contain_text("Played by a script.")
    await expect(entry).to_contain_text(moderator)
    await entry.get_by_role("button", name="Undo").click()
    await dialog.get_by_label("Reason, for the record").fill("It was a person after all.")
    await dialog.get_by_role("button", name="Undo it").click()
    await expect(entry).to_contain_text("Undone", timeout=PATIENCE)
    await watching.shows(first.username, second.username)
    await expect(watching.page.locator("#rows tr").first.locator(".score")).to_have_text("40")
    await expect(watching.page.locator("#toasts")).to_contain_text("A moderator took a correction back")


async def test_a_correction_belongs_to_the_case_of_its_player_only(visit: Open, court: Court, board: str) -> None:
    first, second = await court.player("nele"), await court.player("otto")
    for player in (first, second):
        await court.by_hand(player, board)
    moderator = await court.appoint()
    staff = await court.signed_in(moderator)
    path = f"/api/v1/moderation/players/{first.id}/case"
    case = (await staff.post(path, {"reason": "A look."}, Idempotency_Key="look")).json()["open_case"]
    visited = await visit(f"/console?tab=corrections&player={first.id}&case={case}")
    page = visited.page
    await enter(visited, moderator)
    who = page.get_by_role("form", name="Which results").get_by_label("Player")
    await expect(who).to_have_value(first.username, timeout=PATIENCE)

    async def void(name: str, entries: int) -> None:
        await who.fill(name)
        await page.get_by_role("button", name="Show what would change").click()
        await page.get_by_label("Reason").fill("Shared the account.")
        await page.locator("#preview").get_by_role("button", name="Void 1 result").click(timeout=PATIENCE)
        await page.get_by_role("dialog").get_by_role("button", name="Apply the correction").click()
        await expect(page.locator(".history__entry")).to_have_count(entries, timeout=PATIENCE)

    already = len((await staff.get("/api/v1/moderation/corrections")).json()["items"])
    await void(second.username, already + 1)
    await void(first.username, already + 2)
    items = (await staff.get("/api/v1/moderation/corrections")).json()["items"]
    assert [(item["scope"]["player_id"], item["case_id"]) for item in items[:2]] == [
        (first.id, case),
        (second.id, None),
    ]


async def test_the_state_of_the_anti_cheat(visit: Open, court: Court) -> None:
    player = await court.player("quentin")
    moderator = await court.appoint()
    by = await court.signed_in(moderator)
    reply = await by.post(
        f"/api/v1/moderation/players/{player.id}/case", {"reason": "Look."}, Idempotency_Key="state-of-it"
    )
    assert reply.status_code in (200, 201), reply.text
    visited = await visit("/console?tab=health")
    page = visited.page
    await enter(visited, moderator)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Anti-cheat", timeout=PATIENCE)
    open_cases = page.locator(".tile", has_text="open cases").locator("dd")
    await expect(open_cases).to_have_text(re.compile(r"^[1-9]\d*$"))
    await expect(page.get_by_role("heading", name=re.compile("polic"))).to_be_visible()
    await expect(page.get_by_role("heading", name="Model")).to_be_visible()
    figure = page.get_by_role("img", name="Columns of verdicts by day")
    await expect(figure).to_be_visible()
    columns = await figure.locator("rect").evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('height')))")
    assert columns
    assert min(columns) > 0
    await page.locator("figure summary").click()
    today = f"{datetime.now(UTC):%b} {datetime.now(UTC).day}"
    await expect(page.get_by_role("region", name="Verdicts and decisions by day")).to_contain_text(today)
