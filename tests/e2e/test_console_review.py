"""The moderators' console in a real browser: from a script that plays to the decision, and what everybody sees."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from playwright.async_api import expect

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.usecases.raise_cases import raise_cases
from tests.e2e.console_stage import BOARDS, PATIENCE, Court, Open, court, enter, gone, open_case, visit
from tests.stage import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
__all__ = ["court", "visit"]

EXPLAINED = {
    "model_id": "hgb-1",
    "threshold_id": "t-1",
    "schema_hash": "abcdef" * 10,
    "window": 50,
    "end_seq": 1234,
    "score": 4.2,
    "probability": 0.98,
    "contributions": [
        {"feature": "grid", "words": "Sits on a clock's grid", "value": 0.93, "human_median": 0.12, "percentile": 98.0}
        | {"contribution": 0.9},
        {"feature": "cv", "words": "Pauses vary far less than people's do", "value": 0.021, "human_median": 0.61}
        | {"percentile": 0.5, "contribution": 2.1},
        {
            "feature": "age",
            "words": "Ages",
            "value": None,
            "human_median": 0.3,
            "percentile": None,
            "contribution": 0.1,
        },
    ],
    "histogram": {
        "edges": [0.1, 0.32, 1.0, 3.2, 10.0],
        "player": [0.0, 0.0, 0.75, 0.25],
        "humans": [0.2, 0.3, 0.3, 0.2],
    },
}
courts: Iterator[str] = iter(board.key for board in BOARDS)


@pytest.fixture
def board() -> str:
    return next(courts)


async def test_only_moderators_get_in(visit: Open, court: Court) -> None:
    player = await court.player("paula")
    moderator = await court.appoint()
    visited = await visit()
    page = visited.page
    await expect(page.get_by_role("heading", level=1)).to_have_text("Moderators' console")
    await expect(page.get_by_role("navigation", name="Console")).to_be_hidden()
    await page.get_by_label("Name").fill(moderator)
    await page.get_by_label("Password").fill("not the password")
    await page.get_by_role("main").get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_have_text("That name and password do not match.")
    await enter(visited, player.username)
    await expect(page.get_by_role("heading", level=1)).to_have_text("This room is for moderators")
    await expect(page.get_by_role("navigation", name="Console")).to_be_hidden()
    await page.get_by_role("button", name="Use another account").click()
    await enter(visited, moderator)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cases")
    await expect(page.get_by_text("Nobody waits")).to_be_visible(timeout=PATIENCE)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cases")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Moderators' console")


async def test_a_script_is_held_explained_and_released(visit: Open, court: Court, board: str) -> None:
    cheat, honest = await court.player("mallory"), await court.player("ada")
    await court.by_hand(honest, board, 2)
    watching = await visit(f"/?board={board}")
    await watching.goes_live()
    moderating = await visit()
    await enter(moderating, await court.appoint())
    page = moderating.page
    await page.evaluate("window.neverReloaded = true")
    replies = await court.by_script(cheat, board, more=3)
    counted = 10 * sum(reply["verdict"] != "hold" for reply in replies)
    held = sum(reply["verdict"] == "hold" for reply in replies)

    # The queue shows it by itself: who, what, why in words, what waits.
    ticket = page.locator(".ticket", has_text=cheat.username)
    await expect(ticket).to_contain_text("Held", timeout=PATIENCE)
    await expect(ticket).to_contain_text(f"+{10 * held} in {held} results", timeout=PATIENCE)
    await expect(ticket.locator(".ticket__why")).to_contain_text("eported points that the action cannot give")
    await expect(ticket).to_contain_text("left")
    assert await page.evaluate("window.neverReloaded")
    assert await court.standing(board, cheat) == (counted or None)

    await open_case(moderating, cheat.username)
    await expect(page.locator(".case__claimed")).to_contain_text(f"The rules held the points of {cheat.username}")
    await page.get_by_role("button", name="Take this case").click()
    await expect(page.locator(".part--claim")).to_contain_text("You have this case until")
    await expect(ticket).to_contain_text("You have it")

    # The plots hold what was played, and say it in words and as a table too.
    dots = page.locator("svg.plot .dot")
    await expect(dots).to_have_count(len(replies))
    await expect(page.locator("svg.plot path.dot--held")).to_have_count(held)
    shares = await page.locator("svg.plot .plot__bar").evaluate_all(
        "bars => bars.map(bar => Number(bar.dataset.share))"
    )
    assert sum(shares) == pytest.approx(1, abs=0.01)
    for picture in ("Histogram of pauses", "Timeline of results"):
        await expect(page.get_by_role("img", name=picture)).to_be_visible()
    await page.locator(".part--rhythm summary").last.click()
    table = page.get_by_role("region", name="Results, newest first")
    await expect(table.get_by_role("row")).to_have_count(len(replies) + 1)
    await expect(page.locator(".part--held")).to_contain_text(f"Held: {held} results, +{10 * held}")
    await expect(page.locator(".part--standings")).to_contain_text(f"Court {board[-1]}")

    await page.get_by_label("Note for the record").fill("Practises with a metronome.")
    await page.get_by_role("button", name="Release", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text(
        f"Released: {held} results of {cheat.username}", timeout=PATIENCE
    )
    await expect(ticket).to_have_count(0)
    await watching.shows(cheat.username, honest.username)
    await expect(watching.page.locator("#rows tr").first.locator(".score")).to_have_text(str(10 * len(replies)))

    # What was decided stays readable, as it was.
    await page.get_by_role("link", name="Decided").click()
    await open_case(moderating, cheat.username)
    await expect(page.locator(".part--decision")).to_contain_text("Released by you")
    await expect(page.locator(".decision__note")).to_have_text("Practises with a metronome.")
    await expect(page.locator(".part--head")).to_contain_text("evidence frozen")
    await expect(dots).to_have_count(len(replies))
    await expect(page.get_by_role("button", name="Release", exact=True)).to_have_count(0)


async def test_the_models_reasons_are_shown_against_people(visit: Open, court: Court, board: str) -> None:
    player, partner = await court.player("mona"), await court.player("nora")
    await court.by_hand(player, board, 5)
    ring = [{"player_id": partner.id, "moments": 41}, {"player_id": str(UUID(int=7)), "moments": 1}]
    explained = EXPLAINED | {"together": ring}
    now = datetime.now(UTC)
    event = SuspicionEvent(UUID(player.id), now, CaseSource.MODEL, "model", 0.4, 0.6, Verdict.FLAG, detail=explained)
    suspect = Suspect(UUID(player.id), Verdict.FLAG, CaseSource.MODEL, (event,))
    await court.platform.database.transact(lambda tx: raise_cases(tx, [suspect], now))
    visited = await visit()
    page = visited.page
    await enter(visited, await court.appoint())
    await open_case(visited, player.username)
    await expect(page.locator(".case__claimed")).to_contain_text(f"The model flagged {player.username}")
    reasons = page.locator(".part--reasons .reason")
    await expect(page.locator(".part--reasons h3").first).to_have_text("The model is 98% sure")
    await expect(reasons.nth(0)).to_contain_text("Pauses vary far less than people's do")
    await expect(reasons.nth(0)).to_contain_text("Here 0.021")
    await expect(reasons.nth(0)).to_contain_text("people 0.61")
    await expect(reasons.nth(0).get_by_role("img", name="lower than 99.5% of people")).to_be_visible()
    dot, track = reasons.nth(0).locator(".against__player"), reasons.nth(0).locator(".against")
    at, all_of_it = await dot.bounding_box(), await track.bounding_box()
    assert at is not None
    assert all_of_it is not None
    assert abs(at["x"] + at["width"] / 2 - all_of_it["x"]) < 0.02 * all_of_it["width"], "on the far left"
    await expect(reasons.nth(1)).to_contain_text("higher than 98% of people")
    await expect(reasons.nth(2)).to_contain_text("Here –")
    beside = page.locator(".together li")
    assert await beside.all_text_contents() == [
        f"{partner.username} (41 moments in common)",
        "an erased account (1 moment in common)",
    ]
    await expect(beside.get_by_role("link")).to_have_attribute("href", f"/console?tab=players&player={partner.id}")
    await expect(page.locator(".part--reasons")).to_contain_text("model hgb-1 · threshold t-1 · features abcdefabcdef")

    histogram = page.get_by_role("img", name="Histogram of pauses")
    bars = await histogram.locator(".plot__bar").evaluate_all("bars => bars.map(bar => Number(bar.dataset.share))")
    assert bars == [0.75, 0.25]
    assert (await histogram.locator(".plot__people").get_attribute("d") or "").count("L") == 2 * 4 + 1
    await expect(histogram).to_have_attribute("aria-label", re.compile(r"75% of .* are 1 s to 3.2 s; 30% of people's"))
    # Twice as far on a logarithmic axis is as many times as much.
    ticks = await histogram.locator(".plot__tick").evaluate_all("lines => lines.map(line => line.x1.baseVal.value)")
    words = await histogram.locator("text").all_text_contents()
    assert words[3:-1] == ["0.1 s", "0.3 s", "1 s", "3 s", "10 s"]
    assert ticks[2] - ticks[0] == pytest.approx(ticks[4] - ticks[2], abs=1)


async def test_two_moderators_do_not_work_on_the_same(visit: Open, court: Court, board: str) -> None:
    cheat = await court.player("trudy")
    await court.by_script(cheat, board)
    names = [await court.appoint(), await court.appoint()]
    first, second = await visit(), await visit()
    for visited, name in zip((first, second), names, strict=True):
        await enter(visited, name)
        await open_case(visited, cheat.username)
    await expect(second.page.get_by_role("button", name="Take this case")).to_be_visible()
    # The second one's page does not know yet what the first one does.
    await second.page.context.set_offline(offline=True)
    await first.page.get_by_role("button", name="Take this case").click()
    await expect(first.page.locator(".part--claim")).to_contain_text("You have this case")
    await second.page.context.set_offline(offline=False)
    taken = second.page.locator(".part--claim")
    await expect(taken).to_contain_text(f"{names[0]} works on this case", timeout=PATIENCE)
    await expect(second.page.locator(".ticket", has_text=cheat.username)).to_contain_text(f"{names[0]} has it")
    await expect(second.page.get_by_role("button", name="Release", exact=True)).to_have_count(0)
    await second.page.keyboard.press("r")
    await first.page.get_by_role("button", name="Give it back").click()
    await expect(second.page.get_by_role("button", name="Take this case")).to_be_visible(timeout=PATIENCE)
    await second.page.keyboard.press("x")
    dialog = second.page.get_by_role("dialog")
    await expect(dialog).to_contain_text(cheat.username)
    await dialog.get_by_role("button", name="Reject").click()
    await expect(second.page.locator("#toasts")).to_contain_text("Rejected", timeout=PATIENCE)
    await expect(first.page.locator(".part--decision")).to_contain_text(f"by {names[1]}", timeout=PATIENCE)


async def test_a_banned_player_vanishes_everywhere(visit: Open, court: Court, board: str) -> None:
    cheat, honest = await court.player("oscar"), await court.player("bea")
    await court.by_hand(honest, board)
    replies = await court.by_script(cheat, board)
    watching = await visit(f"/?board={board}")
    await watching.goes_live()
    if any(reply["verdict"] != "hold" for reply in replies):
        await watching.shows(cheat.username, honest.username)
    moderating = await visit()
    await enter(moderating, await court.appoint())
    await open_case(moderating, cheat.username)
    page = moderating.page
    await page.get_by_role("button", name="Ban", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("heading")).to_have_text(f"Ban {cheat.username}?")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    await page.get_by_role("button", name="Ban", exact=True).click()
    await dialog.get_by_role("button", name=f"Ban {cheat.username}").click()
    await expect(page.locator("#toasts")).to_contain_text(f"Banned: {cheat.username}", timeout=PATIENCE)
    await watching.shows(honest.username)
    await gone(court, board, cheat)
    reply = await court.http.post("/api/v1/auth/login", json={"username": cheat.username, "password": PASSWORD})
    assert reply.json()["code"] == "ACCOUNT_BANNED"


async def test_a_protected_player_needs_two_people(visit: Open, court: Court, board: str) -> None:
    star = await court.player("star")
    admin, second = await court.appoint(Role.ADMIN), await court.appoint()
    visited = await visit(f"/console?tab=players&player={star.id}")
    await enter(visited, admin)
    page = visited.page
    await page.get_by_role("button", name="Protect").click()
    await expect(page.locator(".person")).to_contain_text("by two people", timeout=PATIENCE)
    await court.by_script(star, board)
    await page.get_by_role("link", name="Review").click()
    await open_case(visited, star.username)
    await expect(page.locator(".part--decision")).to_contain_text("what you decide is a proposal")
    await page.keyboard.press("r")
    await expect(page.locator("#toasts")).to_contain_text("you propose to release", timeout=PATIENCE)
    await expect(page.locator(".part--decision")).to_contain_text("You proposed to release", timeout=PATIENCE)
    other = await visit()
    await enter(other, second)
    await open_case(other, star.username)
    await expect(other.page.locator(".part--decision")).to_contain_text(f"{admin} proposed to release")
    await other.page.get_by_role("button", name="Release", exact=True).click()
    await expect(other.page.locator("#toasts")).to_contain_text("Released", timeout=PATIENCE)
    await expect(page.locator(".part--decision")).to_contain_text(f"by {second}", timeout=PATIENCE)
    await expect(page).to_have_title(f"{star.username} · Console · Scoreboard")
    # Who comes to this screen next reads nothing of it.
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Moderators' console")
    assert star.username not in await page.evaluate("document.body.textContent + document.title")
