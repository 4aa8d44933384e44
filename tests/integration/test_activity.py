"""Analytics equal a count of the ledger and the attempts by hand, whatever stops in between and however often."""

import asyncio
import random
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from scoreboard.domain.activity import ALL_KINDS, Counts, Step
from scoreboard.domain.events import EntryType
from scoreboard.storage import activity, positions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.roll_up_activity import RESULTS, ActivityRollUp, count_results, rebuild_activity
from tests.amending import amend, hold, join, play
from tests.conftest import furnish
from tests.stage import Service, Stores, settings_from, until

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FAR_OFF = datetime(2100, 1, 1, tzinfo=UTC)
COUNTS = ("completed", "held", "rejected", "voided")
Key = tuple[Step, datetime, str]
Found = dict[Key, tuple[int, ...]]

STANDS = {"applied": "completed", "released": "completed", "restored": "completed"}


async def sql(platform: Platform, statement: str, **values: Any) -> list[Any]:
    async def work(tx: Transaction) -> list[Any]:
        result = await tx.execute(text(statement), values)
        return list(result.all()) if result.returns_rows else []

    return await platform.database.transact(work)


def begin_of(moment: datetime, step: Step) -> datetime:
    """Written without the code under test."""
    parts = {Step.MINUTE: {}, Step.HOUR: {"minute": 0}, Step.DAY: {"minute": 0, "hour": 0}}[step]
    return moment.astimezone(UTC).replace(second=0, microsecond=0, **parts)


async def by_hand(platform: Platform) -> Found:
    """Completed, held, rejected, voided, points and players of every span and kind, from the ledger's rows alone."""
    rows = await sql(platform, "SELECT * FROM ledger ORDER BY seq")
    first = {row.action_id: row for row in rows if row.entry_type in ("applied", "held")}
    last = {row.action_id: STANDS.get(row.entry_type, row.entry_type) for row in rows}
    counts: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    players: dict[Key, set[UUID]] = defaultdict(set)
    for action_id, row in first.items():
        for step in Step:
            for kind in (row.kind_key, ALL_KINDS):
                key = (step, begin_of(row.at, step), kind)
                counts[key][last[action_id]] += 1
                counts[key]["points"] += row.points if last[action_id] == "completed" else 0
                players[key].add(row.player_id)
    return {
        key: (*(found[name] for name in COUNTS), found["points"], 0 if key[0] is Step.MINUTE else len(players[key]))
        for key, found in counts.items()
    }


async def counted(platform: Platform) -> Found:
    """The same, as the roll-ups have it."""

    async def work(tx: Transaction) -> Found:
        found: Found = {}
        for step in Step:
            rows = await activity.rows(tx, step, LONG_AGO, FAR_OFF, ALL_KINDS, 100_000)
            totals = await activity.of_kind(tx, step, LONG_AGO, FAR_OFF, ALL_KINDS)
            for starts, kind, each in [*rows, *((starts, ALL_KINDS, each) for starts, each in totals.items())]:
                numbers = (*(getattr(each, name) for name in COUNTS), each.points, each.players or 0)
                if any(numbers[:4]):
                    found[step, starts, kind] = numbers
        return found

    return await platform.database.transact(work)


async def day(platform: Platform, kind: str = ALL_KINDS) -> Counts:
    """What is counted of today and the day before, as a test may run at midnight."""
    spans = await platform.database.transact(lambda tx: activity.of_kind(tx, Step.DAY, LONG_AGO, FAR_OFF, kind))
    total = Counts(players=0)
    for each in spans.values():
        names = ("created", *COUNTS, "abandoned", "points", "players")
        total = Counts(**{name: (getattr(total, name) or 0) + (getattr(each, name) or 0) for name in names})
    return total


async def story(platform: Platform, marker: OutboxMarker, chance: random.Random, length: int) -> None:
    """Play, hold and amend at random; afterwards the moments lie on three days."""
    people = [await join(platform, f"{name}-{chance.randrange(10**9)}") for name in ("ada", "ben", "cia")]
    stands: dict[UUID, str] = {}
    ways = {
        "held": (EntryType.RELEASED, EntryType.REJECTED),
        "completed": (EntryType.VOIDED,),
        "voided": (EntryType.RESTORED,),
        "rejected": (EntryType.RESTORED,),
    }
    for _ in range(length):
        who = chance.choice(people)
        match chance.randrange(4):
            case 0:
                stands[await play(platform, marker, who, chance.choice(("tap", "tap2")))] = "completed"
            case 1:
                stands[await hold(platform, who, "tap", 1)] = "held"
            case _ if stands:
                action_id = chance.choice(sorted(stands))
                to = chance.choice(ways[stands[action_id]])
                await amend(platform, to, action_id)
                stands[action_id] = STANDS.get(str(to), str(to))
            case _:
                stands[await play(platform, marker, who, "huge", chance.choice((-5, 2**53)))] = "completed"


async def spread(platform: Platform) -> None:
    """Date the entries over three days, in their order, as a story of seconds knows one minute only."""
    await sql(platform, "ALTER TABLE ledger DISABLE TRIGGER USER")
    await sql(
        platform,
        "UPDATE ledger SET at = at - interval '3 days' + (interval '3 days') * seq / (SELECT max(seq) + 1 FROM ledger)",
    )
    await sql(platform, "ALTER TABLE ledger ENABLE TRIGGER USER")


class Stopped(Exception):
    """The process ended here."""


async def stopped_in_the_middle(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round whose transaction has counted and does not commit."""
    real = activity.add_results

    async def ends(*arguments: Any) -> None:
        await real(*arguments)
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(activity, "add_results", ends)
        with pytest.raises(Stopped):
            await count_results(platform)


@pytest.mark.parametrize("seed", range(4))
async def test_the_counts_are_those_of_the_ledger(stores: Stores, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    settings = await stores.environment(
        SCOREBOARD_REDIS_TIMEOUT="1",
        SCOREBOARD_ROLLUP_ENTRIES=str(chance.choice((1, 3, 7))),
        SCOREBOARD_ROLLUP_SETTLE="0",
    )
    platform = open_platform(settings_from(settings), application="test")
    marker = OutboxMarker(platform)
    try:
        await furnish(platform)
        await story(platform, marker, chance, 40)
        await spread(platform)
        await count_results(platform)
        await stopped_in_the_middle(platform, monkeypatch)
        # Two workers at once: each step is taken by one of them.
        await asyncio.gather(ActivityRollUp(platform).run(), ActivityRollUp(platform).run())
        assert await counted(platform) == await by_hand(platform)
        await story(platform, marker, chance, 15)
        await asyncio.gather(ActivityRollUp(platform).run(), ActivityRollUp(platform).run())
        assert await counted(platform) == await by_hand(platform)
        created = (await day(platform)).created
        assert created == (await sql(platform, "SELECT count(*) FROM actions"))[0][0]
        steps: list[tuple[int, int]] = []
        total, _ = await asyncio.gather(
            rebuild_activity(platform, lambda done, of: steps.append((done, of))), ActivityRollUp(platform).run()
        )
        assert await counted(platform) == await by_hand(platform)
        assert (await day(platform)).created == created
        assert steps[0] == (0, total)
        assert steps[-1] == (total, total)
    finally:
        await marker.finish()
        await platform.close()


async def test_a_killed_worker_counts_nothing_twice(stores: Stores, tmp_path: Any) -> None:
    environment = await stores.environment(
        SCOREBOARD_ROLLUP_ENTRIES="2", SCOREBOARD_ROLLUP_EVERY="0.05", SCOREBOARD_ROLLUP_SETTLE="0"
    )
    platform = open_platform(settings_from({**environment, "SCOREBOARD_REDIS_TIMEOUT": "1"}), application="test")
    marker = OutboxMarker(platform)
    worker = Service("worker", environment, tmp_path / "worker.log")
    try:
        await furnish(platform)
        await story(platform, marker, random.Random(5), 60)
        place, head = 0, (await sql(platform, "SELECT seq FROM ledger_head"))[0][0]
        for _ in range(3):
            worker.start()
            before = place

            async def moved(than: int = before) -> bool:
                return (await platform.database.transact(lambda tx: positions.read(tx, RESULTS)) or 0) > than

            await until(moved, within=60, what="the worker counting")
            worker.kill()
            place = await platform.database.transact(lambda tx: positions.read(tx, RESULTS)) or 0
            await story(platform, marker, random.Random(place), 10)
        worker.start()

        async def done() -> bool:
            head = (await sql(platform, "SELECT seq FROM ledger_head"))[0][0]
            return await platform.database.transact(lambda tx: positions.read(tx, RESULTS)) == head

        await until(done, within=60, what="the worker having counted everything")
        assert place <= head + 30
        assert await counted(platform) == await by_hand(platform)
    finally:
        if worker.process is not None:
            worker.stop()
        await marker.finish()
        await platform.close()
