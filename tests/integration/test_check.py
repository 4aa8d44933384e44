"""`scoreboard check` on real stores: quiet where all is well, also under load; finds whatever is changed by hand."""

import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.correction import Scope
from scoreboard.domain.events import EntryType
from scoreboard.domain.player import PlayerStatus
from scoreboard.live import keys
from scoreboard.security.identifiers import new_id
from scoreboard.storage.database import Transaction
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.check_findings import Check, Findings
from scoreboard.usecases.check_platform import check_platform
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from scoreboard.usecases.sign_seasons import sign_seasons
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.amending import amend, hold
from tests.arena import Arena, open_arena
from tests.stage import Stores


async def checked(arena: Arena, sample: int | None = None) -> Findings:
    return await check_platform(arena.platform, sample, lambda step, done, total: None)


async def keyed(arena: Arena, name: str, key: str) -> None:
    """A completion under an Idempotency-Key."""
    action_id = new_id()
    player = await arena.person(name)
    request = CompletionRequest(
        player, action_id, action_id.bytes, client_id=action_id.hex, kind_key="run", points=4, idempotency_key=key
    )
    await complete_actions(arena.platform, [request], arena.marker)
    await arena.marker.finish()


async def lively(arena: Arena) -> None:
    """Everything that can happen to scores has happened."""
    rng = random.Random(1)
    for _ in range(3):
        for name in ("ada", "bob", "cem", "dora"):
            await arena.play(name, rng.randrange(-9, 10))
            await arena.play(name, rng.randrange(0, 4), "sprint")
    await keyed(arena, "ada", "a-key")
    held = [await hold(arena.platform, await arena.person("bob"), "run", points) for points in (3, 4, 5)]
    await amend(arena.platform, EntryType.RELEASED, held[0])
    await amend(arena.platform, EntryType.REJECTED, held[1])
    await arena.close_seasons()
    await arena.play("ada", 1)
    correction = await arena.correct(Scope(player_id=arena.people["cem"]))
    await arena.undo(correction)
    await arena.correct(Scope(player_id=arena.people["dora"]))
    await change_status(arena.platform, "bob", PlayerStatus.HIDDEN, by="test")
    await arena.play("bob", 2)
    while await sweep_outbox(arena.platform, older_than=0):
        pass
    while await sign_seasons(arena.platform):
        pass


async def test_nothing_is_found_where_nothing_is_wrong(arena: Arena) -> None:
    await lively(arena)
    for sample in (None, 3, 1000):
        findings = await checked(arena, sample)
        assert findings.told == []
        assert set(findings.looked_at) == set(Check)
        assert all(findings.looked_at.values()) or sample == 3
    findings = await checked(arena)
    [row] = await arena.sql("SELECT count(*) FROM ledger")
    assert findings.looked_at[Check.LEDGER] == row.count


async def leaderboard_of(arena: Arena, board: str) -> tuple[str, str]:
    """Names of its order and of its players' rows."""
    season = await arena.platform.catalog.season(board, None)
    [epoch] = await arena.platform.live.redis.hmget(keys.leaderboard_meta(season.id), "epoch")
    order, rows = (keys.leaderboard_part(season.id, epoch.decode(), part) for part in "zp")
    return order, rows


async def raise_first_place(arena: Arena) -> None:
    order, _ = await leaderboard_of(arena, "sum")
    [best] = await arena.platform.live.redis.zrange(order, 0, 0)
    await arena.platform.live.redis.zincrby(order, 1, best)


async def put_a_stranger_in(arena: Arena) -> None:
    order, rows = await leaderboard_of(arena, "sum")
    stranger = str(new_id())
    await arena.platform.live.redis.hset(rows, stranger, f"1|{'0' * 16}|mallory")
    await arena.platform.live.redis.zadd(order, {f"{'0' * 16}:{stranger}": -999})


async def take_a_place_out(arena: Arena) -> None:
    order, _ = await leaderboard_of(arena, "sum")
    await arena.platform.live.redis.zremrangebyrank(order, 0, 0)


async def lose_an_event(arena: Arena) -> None:
    [second] = (await arena.platform.live.redis.xrange(keys.STREAM, count=2))[1:]
    await arena.platform.live.redis.xdel(keys.STREAM, second[0])


async def turn_the_counter_back(arena: Arena) -> None:
    await arena.platform.live.redis.hset(keys.STREAM_META, "n", 1)


def sql(statement: str) -> Callable[[Arena], Coroutine[Any, Any, None]]:
    async def harm(arena: Arena) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute(text("SET LOCAL session_replication_role = replica"))  # as the owner can: no triggers
            result = await tx.execute(text(statement))
            assert result.rowcount == 1, statement

        await arena.platform.database.transact(work)

    return harm


_ADA = "(SELECT id FROM players WHERE username = 'ada')"
_ONE_SCORE = f"season_id = (SELECT id FROM seasons WHERE board_key = 'sum') AND player_id = {_ADA}"
_ONE_ACTION = f"id = (SELECT action_id FROM ledger WHERE player_id = {_ADA} ORDER BY seq LIMIT 1)"
_ONE_KEY = f"action_{_ONE_ACTION}"
HARMS: dict[str, tuple[Check, Callable[[Arena], Coroutine[Any, Any, None]]]] = {
    "a score raised": (Check.SCORES, sql(f"UPDATE scores SET score = score + 1 WHERE {_ONE_SCORE}")),
    "a moment moved": (Check.SCORES, sql(f"UPDATE scores SET reached_at = now() WHERE {_ONE_SCORE}")),
    "a version turned back": (Check.SCORES, sql(f"UPDATE scores SET version = 1 WHERE {_ONE_SCORE}")),
    "a player hidden by hand": (Check.SCORES, sql(f"UPDATE scores SET visible = false WHERE {_ONE_SCORE}")),
    "a score deleted": (Check.SCORES, sql(f"DELETE FROM scores WHERE {_ONE_SCORE}")),
    "a score made up": (
        Check.SCORES,
        sql(
            "INSERT INTO scores (season_id, player_id, score, reached_at, version, empty) SELECT e.id, p.id, 5, now(),"
            " 1, false FROM seasons e, players p WHERE e.board_key = 'sum' AND p.username = 'mo'"
        ),
    ),
    "an action deleted": (Check.ACTIONS, sql(f"DELETE FROM actions WHERE {_ONE_ACTION}")),
    "an action's points changed": (Check.ACTIONS, sql(f"UPDATE actions SET points = 99 WHERE {_ONE_ACTION}")),
    "an action voided by hand": (Check.ACTIONS, sql(f"UPDATE actions SET status = 'voided' WHERE {_ONE_ACTION}")),
    "an action made up": (
        Check.ACTIONS,
        sql(
            "INSERT INTO actions (id, player_id, kind_key, kind_version, status, created_at, expires_at, points)"
            f" VALUES (gen_random_uuid(), {_ADA}, 'run', 1, 'completed', now(), now(), 5)"
        ),
    ),
    "a key deleted": (Check.ACTIONS, sql(f"DELETE FROM ledger_keys WHERE {_ONE_KEY} AND entry_type = 'applied'")),
    "a key made up": (
        Check.ACTIONS,
        sql(f"INSERT INTO ledger_keys SELECT action_id, 'voided', 5, 1 FROM ledger_keys WHERE {_ONE_KEY} LIMIT 1"),
    ),
    "usage forgotten": (
        Check.ACTIONS,
        sql(f"UPDATE player_kinds SET completed = 0 WHERE kind_key = 'run' AND player_id = {_ADA}"),
    ),
    "a stored reply changed": (
        Check.REPLIES,
        sql("UPDATE idempotency_keys SET reply = jsonb_set(reply, '{points}', '99') WHERE key = 'a-key'"),
    ),
    "an entry edited": (Check.LEDGER, sql("UPDATE ledger SET points = points + 1 WHERE seq = 2")),
    "an entry deleted": (Check.LEDGER, sql("DELETE FROM ledger WHERE seq = 2")),
    "a final place changed": (
        Check.ARCHIVE,
        sql(
            "UPDATE season_standings SET score = score + 1 WHERE position = 0 AND season_id ="
            " (SELECT id FROM seasons WHERE board_key = 'weekly' AND status = 'closed')"
        ),
    ),
    "a place in Redis raised": (Check.BOARDS, raise_first_place),
    "a stranger in Redis": (Check.BOARDS, put_a_stranger_in),
    "a place in Redis gone": (Check.BOARDS, take_a_place_out),
    "the stream's counter turned back": (Check.STREAM, turn_the_counter_back),
    "an event lost": (Check.STREAM, lose_an_event),
}
LAST = "an event lost"
"""Nobody can bring an event back."""


TABLES = ("scores", "actions", "ledger_keys", "player_kinds", "idempotency_keys", "ledger", "season_standings")


@pytest_asyncio.fixture(scope="module")
async def scene(stores: Stores) -> AsyncIterator[Arena]:
    """One lively platform, with a copy of what the tests change."""
    async with open_arena(stores) as arena:
        await lively(arena)
        for table in TABLES:
            await arena.sql(f"CREATE TABLE kept_{table} AS TABLE {table}")
        yield arena


async def mend(arena: Arena) -> None:
    """Put everything back."""

    async def work(tx: Transaction) -> None:
        await tx.execute(text("SET LOCAL session_replication_role = replica"))
        for table in TABLES:
            await tx.execute(text(f"DELETE FROM {table}"))
            await tx.execute(text(f"INSERT INTO {table} SELECT * FROM kept_{table}"))

    await arena.platform.database.transact(work)
    await rebuild_leaderboards(arena.platform, None, lambda done, total: None)


@pytest.mark.parametrize("name", HARMS)
async def test_whatever_is_changed_by_hand_is_found(scene: Arena, name: str) -> None:
    check, harm = HARMS[name]
    count = await scene.platform.live.redis.hget(keys.STREAM_META, "n")
    await harm(scene)
    try:
        findings = await checked(scene)
        assert findings.found.get(check), name
        assert any(finding.check is check and finding.sentence.endswith(".") for finding in findings.told)
        if check not in (Check.LEDGER, Check.ARCHIVE, Check.SCORES):
            assert set(findings.found) == {check}, findings.told
    finally:
        await mend(scene)
        await scene.platform.live.redis.hset(keys.STREAM_META, "n", count)
    if name != LAST:
        assert (await checked(scene)).told == []
