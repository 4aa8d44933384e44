"""What players see of the review on the live page: points that wait, reports, appeals."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from scoreboard.domain.player import PlayerStatus
from scoreboard.usecases.change_status import change_status
from tests.browser import Visit
from tests.e2e.console_stage import BOARDS, PATIENCE, Court, Open, court, enter, open_case, visit
from tests.e2e.legible import LOST_IDS, NAMELESS
from tests.stage import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
__all__ = ["court", "visit"]

courts: Iterator[str] = iter(board.key for board in BOARDS)


@pytest.fixture
def board() -> str:
    return next(courts)


async def log_in(visited: Visit, name: str) -> None:
    """Log in on the live page."""
    await visited.opens_account("Log in", name)
    await expect(visited.page.locator(".who__name")).to_have_text(name, timeout=PATIENCE)


async def test_held_points_are_pending_for_their_owner_alone(visit: Open, court: Court, board: str) -> None:
    cheat, other = await court.player("pia"), await court.player("rob")
    await court.by_hand(other, board)
    replies = await court.by_script(cheat, board, more=1)
    held = sum(reply["verdict"] == "hold" for reply in replies)
    own, foreign = await visit(f"/?board={board}"), await visit(f"/?board={board}")
    await log_in(own, cheat.username)
    await log_in(foreign, other.username)
    pending = own.page.locator("#pending")
    await expect(pending).to_contain_text(f"+{10 * held} waiting for a check", timeout=PATIENCE)
    await expect(pending).to_contain_text("With them you are 1st")
    await expect(foreign.page.locator("#pending")).to_be_hidden()
    # One more, played on the page, worth what its slider stands on: it is said that it waits, and it moves nobody.
    page = own.page
    await page.get_by_label(f"Play {board.replace('-', ' ').capitalize()}").check()
    await page.get_by_role("button", name="Start").click()
    await page.get_by_role("button", name="Complete", exact=True).click()
    outcome = page.locator(".outcome")
    await expect(outcome).to_contain_text("Your points are waiting for a check.", timeout=PATIENCE)
    await expect(outcome).to_have_attribute("data-tone", "wait")
    await expect(pending).to_contain_text(f"+{10 * held + 6} waiting for a check", timeout=PATIENCE)
    counted = sum(reply["verdict"] != "hold" for reply in replies)
    assert await court.standing(board, cheat) == (10 * counted or None)

    moderating = await visit()
    await enter(moderating, await court.appoint())
    await open_case(moderating, cheat.username)
    await moderating.page.get_by_role("button", name="Release", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("Your points were checked and count.", timeout=PATIENCE)
    await expect(pending).to_be_hidden(timeout=PATIENCE)
    await expect(page.locator("#my-score")).to_have_text(str(10 * len(replies) + 6), timeout=PATIENCE)


async def test_a_player_is_reported_from_the_menu_of_a_row(visit: Open, court: Court, board: str) -> None:
    rude, reporter = await court.player("udo"), await court.player("vera")
    await court.by_hand(rude, board, 2)
    await court.by_hand(reporter, board)
    visited = await visit(f"/?board={board}")
    page = visited.page
    await visited.shows(rude.username, reporter.username)
    await expect(page.get_by_role("button", name=f"More about {rude.username}")).to_be_hidden()
    await log_in(visited, reporter.username)
    await expect(page.get_by_role("button", name=f"More about {reporter.username}")).to_be_hidden()
    more = page.get_by_role("button", name=f"More about {rude.username}")
    await more.focus()
    await page.keyboard.press("Enter")
    item = page.get_by_role("menuitem", name=f"Report {rude.username}")
    await expect(item).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(item).to_be_hidden()
    await expect(more).to_be_focused()
    await more.click()
    await item.click()
    dialog = page.get_by_role("dialog", name=f"Report {rude.username}")
    assert [*(await page.evaluate(NAMELESS)), *(await page.evaluate(LOST_IDS))] == []
    await dialog.get_by_label("What is wrong").select_option("name")
    await dialog.get_by_label("What did you see?").fill("<b>Look</b> at that name.")
    await dialog.get_by_role("button", name="Send the report").click()
    await expect(page.locator("#toasts")).to_contain_text("A moderator will have a look", timeout=PATIENCE)

    # Whoever moderates finds the way to the console there too.
    moderator = await court.appoint()
    moderating = await visit(f"/?board={board}")
    await log_in(moderating, moderator)
    await expect(moderating.page.get_by_role("banner").get_by_role("link", name="Console")).to_be_visible()
    await moderating.page.get_by_role("button", name=f"More about {rude.username}").click()
    await moderating.page.get_by_role("menuitem", name="Open in the console").click()
    found = moderating.page.get_by_role("region", name="Player", exact=True)
    await expect(found.get_by_role("heading", level=2)).to_have_text(rude.username, timeout=PATIENCE)
    await found.get_by_role("link", name="Open case").click()
    reports = moderating.page.locator(".part--reports")
    await expect(reports).to_contain_text("Offensive name")
    await expect(reports).to_contain_text(reporter.username)
    await expect(reports.locator("blockquote")).to_have_text("<b>Look</b> at that name.")


async def test_a_suspended_player_asks_for_another_look(visit: Open, court: Court, board: str) -> None:
    player = await court.player("wim")
    await court.by_hand(player, board)
    visited = await visit(f"/?board={board}")
    page = visited.page
    await visited.goes_live()
    await log_in(visited, player.username)
    await change_status(court.platform, player.username, PlayerStatus.SUSPENDED, by="test")
    notice = page.locator(".toast", has_text="Your account is suspended")
    await notice.get_by_role("button", name="Ask for another look").click(timeout=PATIENCE)
    dialog = page.get_by_role("dialog", name="Ask for another look")
    await dialog.get_by_label("Close").click()
    # Logging in is refused, and leads there too.
    await visited.opens_account("Log in", player.username)
    refusal = page.get_by_role("dialog").get_by_role("alert")
    await expect(refusal).to_contain_text("Your account is suspended")
    await refusal.get_by_role("button", name="Ask for another look").click()
    await expect(dialog.get_by_label("Name")).to_have_value(player.username)
    await expect(dialog.get_by_label("Password")).to_have_value(PASSWORD)
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog).to_contain_text("Say what happened.")
    assert [*(await page.evaluate(NAMELESS)), *(await page.evaluate(LOST_IDS))] == []
    await dialog.get_by_label("What happened").fill("It was my little brother.")
    await dialog.get_by_role("button", name="Send").click()
    await expect(page.locator("#toasts")).to_contain_text("A moderator will take another look", timeout=PATIENCE)

    moderating = await visit()
    await enter(moderating, await court.appoint())
    await open_case(moderating, player.username)
    own = moderating.page
    await expect(own.locator(".part--appeal")).to_contain_text("It was my little brother.")
    await expect(own.locator(".case__claimed")).to_contain_text("asks for another look")
    await own.get_by_role("button", name="Release", exact=True).click()
    await expect(own.locator("#toasts")).to_contain_text(f"{player.username} is cleared", timeout=PATIENCE)
    await visited.shows(player.username)
