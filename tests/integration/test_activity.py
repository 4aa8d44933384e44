"""Analytics count what counts: released points from when they were made, voided ones no more."""

from datetime import datetime, timedelta

from scoreboard.domain.events import EntryType
from scoreboard.storage import activity
from scoreboard.storage.activity import DayActivity, MinuteActivity
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.roll_up_activity import ActivityRollUp
from tests.amending import amend, hold, join, play

LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


async def counted(platform: Platform) -> list[tuple[int, int]]:
    """Completions and points: over the minutes, and over the days."""

    async def work(tx: Transaction) -> tuple[list[MinuteActivity], list[DayActivity]]:
        return await activity.minutes(tx, LONG_AGO, 10_000), await activity.days(tx, 1000)

    return [
        (sum(row.completed for row in rows), sum(row.points for row in rows))
        for rows in await platform.database.transact(work)
    ]


async def test_amendments_are_counted_where_the_points_were_made(platform: Platform, marker: OutboxMarker) -> None:
    ada = await join(platform, "ada")
    counts = await play(platform, marker, ada, "tap2")
    waits = await hold(platform, ada, "tap", 1)
    rolled = ActivityRollUp(platform)
    await rolled.run()
    assert await counted(platform) == [(1, 2), (1, 2)]
    # A day and more ago, so that no round looks there by itself.
    for statement in (
        "ALTER TABLE ledger DISABLE TRIGGER USER",
        "UPDATE ledger SET at = at - interval '3 days'",
        "ALTER TABLE ledger ENABLE TRIGGER USER",
        "UPDATE actions SET completed_at = completed_at - interval '3 days'",
        "UPDATE activity SET minute = minute - interval '3 days'",
        "UPDATE daily_activity SET day = day - 3",
    ):
        await platform.database.transact(lambda tx, s=statement: tx.fetch(s))  # type: ignore[misc]
    await amend(platform, EntryType.RELEASED, waits)
    await rolled.run()
    assert await counted(platform) == [(2, 3), (2, 3)]
    await amend(platform, EntryType.VOIDED, counts)
    await ActivityRollUp(platform).run()  # a new process looks a day back in the ledger
    assert await counted(platform) == [(1, 1), (1, 1)]
    await amend(platform, EntryType.VOIDED, waits)
    await rolled.run()
    assert await counted(platform) == [(0, 0), (0, 0)]
    await amend(platform, EntryType.RESTORED, counts, waits)
    await rolled.run()
    assert await counted(platform) == [(2, 3), (2, 3)]
    [filled] = [row for row in await platform.database.transact(lambda tx: activity.days(tx, 1000)) if row.completed]
    assert filled.day < (datetime.now(LONG_AGO.tzinfo) - timedelta(days=2)).date()


async def test_recent_minutes_follow_amendments_too(platform: Platform, marker: OutboxMarker) -> None:
    ada = await join(platform, "ada")
    waits, counts = await hold(platform, ada, "tap", 1), await play(platform, marker, ada, "tap2")
    rolled = ActivityRollUp(platform)
    await amend(platform, EntryType.REJECTED, waits)
    await rolled.run()
    assert (await counted(platform))[0] == (1, 2)
    await amend(platform, EntryType.VOIDED, counts)
    await rolled.run()
    assert (await counted(platform))[0] == (0, 0)
