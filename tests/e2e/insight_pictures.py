"""Pictures of the console's analytics and status. A platform that is three minutes old has no month to show, so past
days are staged as they could have been; today and the whole status page are of the demo that plays.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, Page, expect
from sqlalchemy import text

from scoreboard.domain.activity import ALL_KINDS
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import open_platform
from scoreboard_cli.running import settings_for
from tests.e2e.console_pictures import inside

_KINDS = (("match", 0.3, 60), ("quiz", 0.42, 10), ("daily", 0.06, 50), ("tap", 0.22, 1))
_PATIENCE = 60_000
_WINDOW = {"width": 1440, "height": 1180}
_INSERT = text(
    "INSERT INTO activity_counts"
    " (step, starts, kind_key, created, completed, held, rejected, voided, abandoned, points, players)"
    " VALUES (:step, :starts, :kind, :created, :completed, :held, :rejected, :voided, :abandoned, :points, :players)"
    " ON CONFLICT DO NOTHING"
)


async def stage_a_month(data: Path) -> None:
    """Thirty days with their weekends, before today."""
    platform = open_platform(settings_for(data), application="pictures")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = [row for back in range(1, 31) for row in _day(today - timedelta(days=back))]

    async def work(tx: Transaction) -> None:
        await tx.execute(_INSERT, rows)

    await platform.database.transact(work)
    await platform.close()


def _day(starts: datetime) -> Iterator[dict[str, object]]:
    chance = random.Random(starts.toordinal())
    weekend = 1.5 if starts.weekday() > 4 else 1
    busy = 5200 * weekend * (1 + 0.25 * math.sin(starts.toordinal() / 4)) * chance.gauss(1, 0.06)
    total: dict[str, int] = {}
    for kind, share, worth in _KINDS:
        created = int(busy * share)
        held, voided, rejected = created // 220, created // 900, created // 500
        abandoned = int(created * chance.uniform(0.03, 0.06))
        completed = created - held - voided - rejected - abandoned
        counts = {
            "created": created,
            "completed": completed,
            "held": held if starts > datetime.now(UTC) - timedelta(days=2) else 0,
            "rejected": rejected,
            "voided": voided,
            "abandoned": abandoned,
            "points": completed * worth,
            "players": int(created**0.72),
        }
        total = {name: total.get(name, 0) + number for name, number in counts.items()}
        yield {"step": "day", "starts": starts, "kind": kind, **counts}
    yield {"step": "day", "starts": starts, "kind": ALL_KINDS, **total, "players": int(busy**0.75)}


async def take_insight(browser: Browser, url: str, target: Path, admin: str) -> None:
    """Two pictures: the analytics of a month by day, the state of the platform by night."""
    for name, scheme in (("analytics", "light"), ("status", "dark")):
        context = await browser.new_context(viewport=_WINDOW, color_scheme=scheme, base_url=url)  # type: ignore[arg-type]
        page = await inside(context, admin)
        await page.goto(f"/console?tab={name}&range=month")
        await _drawn(page)
        await page.screenshot(path=target / f"console-{name}.png")
        await context.close()


async def _drawn(page: Page) -> None:
    await expect(page.locator("svg.plot .plot__line").first).to_be_attached(timeout=_PATIENCE)
    await page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")
    await page.evaluate("() => { scrollTo(0, 0); document.activeElement?.blur(); }")
    await page.mouse.move(0, 0)
