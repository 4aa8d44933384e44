"""What analytics do with attempts that nobody finishes, with minutes that are over, with erased players."""

import asyncio
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from scoreboard.domain.activity import ALL_KINDS, Step
from scoreboard.domain.events import EntryType
from scoreboard.security.identifiers import new_id
from scoreboard.storage import activity, jobs, positions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.create_actions import CreatedAction, CreationRequest, create_actions
from scoreboard.usecases.forget_abandoned_actions import AbandonedActions
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.roll_up_activity import CREATED, ActivityRollUp, rebuild_activity
from tests.amending import amend, join, play
from tests.conftest import furnish
from tests.integration.test_activity import FAR_OFF, LONG_AGO, by_hand, counted, day, sql, story
from tests.stage import Stores, settings_from


@pytest.fixture
async def prompt(stores: Stores) -> Any:
    """A platform whose attempts are counted at once."""
    environment = await stores.environment(SCOREBOARD_REDIS_TIMEOUT="1", SCOREBOARD_ROLLUP_SETTLE="0")
    platform = open_platform(settings_from(environment), application="test")
    await furnish(platform)
    yield platform
    await platform.close()


async def begin(platform: Platform, player: UUID, kind: str) -> UUID:
    [created] = await create_actions(platform, [CreationRequest(player, kind, b"")])
    assert isinstance(created, CreatedAction), created
    return created.action_id


async def age(platform: Platform, minutes: float, *action_ids: UUID) -> None:
    """Make attempts older, and the places of their consumers with them, as if they had been begun then."""
    statement = (
        "UPDATE actions SET created_at = created_at - make_interval(secs => :age), expires_at = expires_at"
        " - make_interval(secs => :age) WHERE id = ANY(:ids)"
    )
    await sql(platform, statement, age=minutes * 60, ids=list(action_ids))


async def test_attempts_that_nobody_finishes_are_counted_once(prompt: Platform) -> None:
    ada = await join(prompt, "ada")
    short, long = await begin(prompt, ada, "quiz"), await begin(prompt, ada, "match")
    await sql(prompt, "UPDATE actions SET expires_at = created_at + interval '2 hours' WHERE id = :id", id=long)
    await age(prompt, 20 * 60, short, long)
    rolled = ActivityRollUp(prompt)
    await rolled.run()
    assert (await day(prompt)).created == 2
    assert ((await day(prompt, "quiz")).abandoned, (await day(prompt, "match")).abandoned) == (1, 0)
    assert (await day(prompt)).unended == 1
    walk = AbandonedActions(prompt)
    assert await walk.run() == 0, "too young to be forgotten"
    await age(prompt, 5 * 60, short, long)
    assert await AbandonedActions(prompt).run() == 2
    await rolled.run()
    assert ((await day(prompt)).created, (await day(prompt)).abandoned, (await day(prompt)).unended) == (2, 2, 0)
    assert await sql(prompt, "SELECT id FROM actions") == []


async def test_nothing_is_forgotten_that_was_not_counted(prompt: Platform) -> None:
    ada = await join(prompt, "ada")
    await age(prompt, 26 * 60, await begin(prompt, ada, "quiz"))
    assert await AbandonedActions(prompt).run() == 0
    await ActivityRollUp(prompt).run()
    assert await AbandonedActions(prompt).run() == 1


async def test_what_is_still_to_commit_is_waited_for(platform: Platform) -> None:
    await begin(platform, await join(platform, "ada"), "quiz")
    await ActivityRollUp(platform).run()
    assert (await day(platform)).created == 0, "younger than rollup_settle"
    place = await platform.database.transact(lambda tx: positions.read(tx, CREATED))
    now = (await sql(platform, "SELECT extract(epoch FROM clock_timestamp()) AS at"))[0].at
    assert place is not None
    assert 14 < float(now) - place / 1e6 < 45


async def test_an_amendment_does_not_bring_a_forgotten_minute_back(prompt: Platform) -> None:
    marker = OutboxMarker(prompt)
    ada = await join(prompt, "ada")
    counts = await play(prompt, marker, ada, "tap2")
    await sql(prompt, "ALTER TABLE ledger DISABLE TRIGGER USER")
    await sql(prompt, "UPDATE ledger SET at = at - interval '40 days'")
    await sql(prompt, "ALTER TABLE ledger ENABLE TRIGGER USER")
    rolled = ActivityRollUp(prompt)
    await rolled.run()
    await amend(prompt, EntryType.VOIDED, counts)
    await rolled.run()
    minutes = await prompt.database.transact(lambda tx: activity.of_kind(tx, Step.MINUTE, LONG_AGO, FAR_OFF, ALL_KINDS))
    assert all(each.voided == each.completed == 0 for each in minutes.values())
    total = await day(prompt)
    assert (total.completed, total.voided, total.points, total.players) == (0, 1, 0, 1)
    await marker.finish()


async def test_minutes_are_forgotten_hours_and_who_played_in_them_are_not_kept_alike(prompt: Platform) -> None:
    marker = OutboxMarker(prompt)
    ada = await join(prompt, "ada")
    await play(prompt, marker, ada, "tap2")
    await ActivityRollUp(prompt).run()
    assert (await sql(prompt, "SELECT count(*) FROM activity_players"))[0][0] == 4
    await sql(prompt, "UPDATE activity_counts SET starts = starts - interval '40 days'")
    await sql(prompt, "UPDATE activity_players SET starts = starts - interval '3 days'")
    await ActivityRollUp(prompt).run()
    assert (await sql(prompt, "SELECT count(*) FROM activity_players"))[0][0] == 0, "although nobody has played since"
    await play(prompt, marker, ada, "tap2")
    await ActivityRollUp(prompt).run()
    kept = await sql(
        prompt,
        "SELECT step, count(*) FROM activity_counts WHERE starts < :edge GROUP BY 1",
        edge=datetime.now(UTC) - timedelta(days=35),
    )
    assert {row[0] for row in kept} == {"hour", "day"}
    assert (await sql(prompt, "SELECT count(*) FROM activity_players"))[0][0] == 4
    await marker.finish()


async def test_who_was_there_is_known_while_entries_of_the_day_are_to_be_counted(prompt: Platform) -> None:
    marker = OutboxMarker(prompt)
    ada = await join(prompt, "ada")
    await play(prompt, marker, ada, "tap2")
    await ActivityRollUp(prompt).run()
    await play(prompt, marker, ada, "tap2")
    await sql(prompt, "ALTER TABLE ledger DISABLE TRIGGER USER")
    for table, column in (("ledger", "at"), ("activity_counts", "starts"), ("activity_players", "starts")):
        await sql(prompt, f"UPDATE {table} SET {column} = {column} - interval '9 days'")
    await sql(prompt, "ALTER TABLE ledger ENABLE TRIGGER USER")
    rolled = ActivityRollUp(prompt)
    while await prompt.database.transact(lambda tx: activity.forget_players(tx, 1)):
        pass
    await rolled.run()
    assert (await day(prompt)).players == 1, "who comes back on the same day is not another one"
    assert (await sql(prompt, "SELECT count(*) FROM activity_players"))[0][0] == 0
    await marker.finish()


async def test_a_round_ends_while_people_play_on(stores: Stores) -> None:
    environment = await stores.environment(
        SCOREBOARD_REDIS_TIMEOUT="5", SCOREBOARD_ROLLUP_SETTLE="0", SCOREBOARD_ROLLUP_ENTRIES="1"
    )
    platform = open_platform(settings_from(environment), application="test")
    await furnish(platform)
    marker = OutboxMarker(platform)
    people = [await join(platform, f"player-{n}") for n in range(6)]
    over = asyncio.Event()

    async def plays(who: UUID) -> None:
        while not over.is_set():
            await play(platform, marker, who, "tap2")

    for who in people:
        await play(platform, marker, who, "tap2")
    playing = [asyncio.create_task(plays(who)) for who in people]
    try:
        await asyncio.wait_for(ActivityRollUp(platform).run(), 30)
    finally:
        over.set()
        await asyncio.gather(*playing)
        await marker.finish()
        await platform.close()


async def test_what_a_waiting_job_may_still_finish_is_not_counted_as_abandoned(prompt: Platform) -> None:
    ada = await join(prompt, "ada")
    attempt = await begin(prompt, ada, "quiz")
    await age(prompt, 60, attempt)
    job = new_id()
    await prompt.database.transact(lambda tx: jobs.add(tx, job, ada, {}))
    await sql(prompt, "UPDATE jobs SET created_at = created_at - interval '55 minutes'")
    await ActivityRollUp(prompt).run()
    assert ((await day(prompt)).created, (await day(prompt)).abandoned) == (1, 0)
    await sql(prompt, "UPDATE jobs SET status = 'failed'")
    await ActivityRollUp(prompt).run()
    assert (await day(prompt)).abandoned == 1


async def test_a_commit_that_takes_long_is_waited_for(prompt: Platform) -> None:
    ada = await join(prompt, "ada")
    written, commits = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await tx.fetch("UPDATE players SET updated_at = updated_at WHERE id = $1", ada)
        written.set()
        await commits.wait()

    committing = asyncio.create_task(prompt.database.transact(slow))
    await written.wait()
    await begin(prompt, ada, "quiz")  # stands for what that transaction has begun
    await ActivityRollUp(prompt).run()
    assert (await day(prompt)).created == 0
    commits.set()
    await committing
    await ActivityRollUp(prompt).run()
    assert (await day(prompt)).created == 1


async def test_erasing_a_player_changes_no_count(prompt: Platform) -> None:
    marker = OutboxMarker(prompt)
    ada, ben = await join(prompt, "ada"), await join(prompt, "ben")
    for who in (ada, ben):
        await play(prompt, marker, who, "tap2")
    await ActivityRollUp(prompt).run()
    before = await day(prompt)
    await sql(prompt, "DELETE FROM activity_players WHERE player_id = :id", id=ada)
    await sql(
        prompt, "UPDATE players SET username = 'gone', username_key = 'gone', status = 'erased' WHERE id = :id", id=ada
    )
    await rebuild_activity(prompt, lambda done, total: None)
    assert await day(prompt) == before
    assert before.players == 2
    await marker.finish()


async def test_the_command_counts_again(prompt: Platform) -> None:
    marker = OutboxMarker(prompt)
    await story(prompt, marker, random.Random(9), 20)
    await ActivityRollUp(prompt).run()
    await sql(prompt, "UPDATE activity_counts SET completed = completed + 7")
    settings = prompt.settings
    own = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": "redis://127.0.0.1:1",  # nobody: the command asks Postgres only
        "SCOREBOARD_SIGNING_KEY": settings.signing_key.get_secret_value(),
        "SCOREBOARD_MASTER_KEY": settings.master_key.get_secret_value(),
    }
    command = [sys.executable, "-m", "scoreboard_cli", "analytics", "rebuild"]
    ran = await asyncio.to_thread(
        subprocess.run, command, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    head = (await sql(prompt, "SELECT seq FROM ledger_head"))[0][0]
    assert f"Counted {head} ledger entries." in ran.stdout
    assert await counted(prompt) == await by_hand(prompt)
    await marker.finish()
