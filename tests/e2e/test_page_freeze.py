"""A freeze and its reveal in a real browser: what a spectator, a player and a moderator read."""

import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.async_api import expect

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.player import Role
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from tests.browser import Visit
from tests.e2e.legible import CONTRAST, LOST_IDS, NAMELESS
from tests.e2e.test_page_live import Open, Running, fresh, gain, http, running, visit  # noqa: F401 - fixtures
from tests.stage import patient, register

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
SOON = 10_000


@pytest.fixture
async def platform(running: Running) -> AsyncIterator[Platform]:  # noqa: F811
    """The platform of the services, to declare boards on."""
    platform = open_platform(patient(running.api.environment), application="test")
    yield platform
    await platform.close()


async def declare(platform: Platform, key: str, **changes: Any) -> None:
    platform.catalog.invalidate()
    known = (await platform.catalog.boards()).get(key, Board(key, "Final of the cup"))
    kind = ActionKind(key, "Points", min_points=0, max_points=1000, direct=True, boards=(key,))
    await configure(platform, [replace(known, **changes)], [kind], managed_by="test")


async def photograph(visited: Visit, name: str) -> None:
    """A picture for a person to look at, where SCOREBOARD_TEST_PICTURES names a folder."""
    folder = os.environ.get("SCOREBOARD_TEST_PICTURES")
    if folder:
        await visited.page.screenshot(path=Path(folder) / f"{name}.png")


def hours(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M")


async def test_a_freeze_is_told_and_its_reveal_moves_the_names(
    visit: Open,  # noqa: F811
    http: httpx.AsyncClient,  # noqa: F811
    platform: Platform,
) -> None:
    cup = f"cup-{secrets.token_hex(3)}"
    await declare(platform, cup)
    ada, bob = await register(http, fresh("ada")), await register(http, fresh("bob"))
    await gain(ada, cup, 300)
    await gain(bob, cup, 200)
    judge_name, eve_name = fresh("judge"), fresh("eve")
    await register(http, judge_name)
    await change_role(platform, judge_name, Role.MODERATOR)

    spectator = await visit(f"/?board={cup}")
    await spectator.goes_live()
    await spectator.shows(ada.username, bob.username)
    await expect(spectator.page.locator("#frozen")).to_have_count(0)
    since, end = utc_now(), utc_now() + timedelta(hours=2)
    await declare(platform, cup, frozen_from=since, frozen_until=end)
    notice = spectator.page.locator("#frozen")
    words = rf"^Frozen since {hours(since)}, the final standings are revealed (at|on .*) ?{hours(end)}\.$"
    await expect(notice).to_have_text(re.compile(words), timeout=SOON)
    await expect(spectator.page.locator("#toasts")).to_contain_text("The board is frozen.")

    await gain(bob, cup, 250)
    judge = await visit(f"/?board={cup}")
    await judge.opens_account("Log in", judge_name)
    await judge.shows(bob.username, ada.username, timeout=SOON)
    await expect(judge.page.locator("#frozen")).to_contain_text("These are the real standings.")
    await expect(judge.page.locator("#frozen")).to_have_attribute("data-tone", "real")
    await spectator.shows(ada.username, bob.username)

    player = await visit(f"/?board={cup}", color_scheme="dark")
    await player.opens_account("Create account", eve_name)
    await expect(player.page.locator(".who__name")).to_have_text(eve_name)
    reply = await http.post("/api/v1/auth/login", json={"username": eve_name, "password": "correct horse battery"})
    eve = replace(bob, id=reply.json()["player"]["id"], username=eve_name, session=reply.json())
    await gain(eve, cup, 120)
    await expect(player.page.locator("#my-score")).to_have_text("120", timeout=SOON)
    await expect(player.page.locator(".standing__rank")).to_have_text("–")
    await expect(player.page.locator("#frozen-own")).to_be_visible()
    await player.shows(ada.username, bob.username)
    for page, name in ((spectator, "spectator"), (judge, "judge"), (player, "player")):
        assert await page.page.evaluate(NAMELESS) == []
        assert await page.page.evaluate(LOST_IDS) == []
        assert await page.page.evaluate(CONTRAST) == []
        await photograph(page, name)

    await spectator.page.evaluate("window.neverReloaded = true")
    await declare(platform, cup, frozen_until=utc_now() + timedelta(seconds=1))
    for page in (spectator, player, judge):
        await page.shows(bob.username, ada.username, eve_name, timeout=SOON)
        await expect(page.page.locator("#frozen")).to_have_count(0)
    assert await spectator.page.evaluate("window.neverReloaded")
    await expect(spectator.page.locator("#toasts")).to_contain_text("The standings are revealed.")
    await expect(player.page.locator(".standing__rank")).to_have_text("3rd", timeout=SOON)
    await expect(player.page.locator("#frozen-own")).to_be_hidden()
    await photograph(spectator, "revealed")
