"""The review queue by keyboard alone."""

import pytest
from playwright.async_api import expect

from tests.e2e.console_stage import PATIENCE, Court, Open, court, enter, fresh, visit
from tests.e2e.test_console_review import board
from tests.stage import PASSWORD

__all__ = ["board", "court", "visit"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


CALLED_OFF_AND_PRESSED_X = """async () => {
  const dialog = document.querySelector("dialog[open]");
  dialog.dispatchEvent(new Event("cancel"));
  dialog.close();
  for (let turn = 0; turn < 20; turn += 1) await null;
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true }));
}"""


async def test_the_keyboard_is_enough(visit: Open, court: Court, board: str) -> None:
    await court.empty_queue()
    cheats = [await court.player(name) for name in ("kay", "kim")]
    for cheat in cheats:
        await court.by_script(cheat, board, more=0)
    visited = await visit()
    page = visited.page
    moderator = await court.appoint()
    await page.keyboard.type(moderator)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator(".ticket")).to_have_count(2, timeout=PATIENCE)
    order = await page.locator(".ticket__name").all_text_contents()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.locator(".ticket__link:focus")).to_contain_text(order[1])
    await page.keyboard.press("k")
    await expect(page.locator(".ticket__link:focus")).to_contain_text(order[0])
    await page.keyboard.press("o")
    title = page.locator("h2#case-title")
    await expect(title).to_be_focused(timeout=PATIENCE)
    await expect(title).to_have_text(order[0])
    # Keys are about the case that is shown: after leaving it there is none.
    await page.keyboard.press("u")
    await expect(title).not_to_have_text(order[0])
    await page.keyboard.press("c")
    await page.keyboard.press("r")
    await page.keyboard.press("o")
    await expect(title).to_be_focused(timeout=PATIENCE)
    await expect(page.locator(".part--claim")).to_contain_text("Take this case")
    await page.keyboard.press("c")
    await expect(page.locator(".part--claim")).to_contain_text("You have this case")
    await page.keyboard.press("n")
    note = page.get_by_label("Note for the record")
    await expect(note).to_be_focused()
    await page.keyboard.type("rxbd are letters here")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(note).to_have_value("rxbd are letters here")
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    # The next case comes by itself, with the focus on its name.
    await expect(title).to_have_text(order[1], timeout=PATIENCE)
    await expect(title).to_be_focused()
    await page.keyboard.press("b")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("heading")).to_have_text(f"Ban {order[1]}?")
    # Whoever types fast presses the next key before the browser has told that the question was called off.
    await page.evaluate(CALLED_OFF_AND_PRESSED_X)
    await expect(dialog.get_by_role("heading")).to_have_text(f"Reject what {order[1]} did?")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.keyboard.press("x")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nobody waits")).to_be_visible(timeout=PATIENCE)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Next case")
    await page.get_by_label("Use these keys").press("Space")
    await page.keyboard.press("Escape")
    await page.goto("/console?filter=decided")
    await expect(page.locator(".ticket", has_text=order[0])).to_be_visible(timeout=PATIENCE)
    await page.keyboard.press("j")
    await expect(page.locator(".ticket__link:focus")).to_have_count(0)


async def test_the_focus_stays_while_the_queue_changes(visit: Open, court: Court, board: str) -> None:
    first = await court.player("fay")
    await court.by_script(first, board, more=0)
    visited = await visit()
    page = visited.page
    await enter(visited, await court.appoint())
    link = page.locator(".ticket", has_text=first.username).locator(".ticket__link")
    await link.focus()
    await page.evaluate("window.focused = document.activeElement")
    later = await court.player(fresh("gus"))
    await court.by_script(later, board, more=0)
    await expect(page.locator(".ticket", has_text=later.username)).to_be_visible(timeout=PATIENCE)
    assert await page.evaluate("window.focused === document.activeElement && window.focused.isConnected")
