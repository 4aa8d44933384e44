"""Rebuilding beside writers, repairing drift, and the stream: an old snapshot plus events is the new board."""

import asyncio
import random
from uuid import UUID

import pytest
import pytest_asyncio

from scoreboard.domain.board import Board
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.freeze import Look
from scoreboard.domain.player import Role
from scoreboard.domain.standing import Page
from scoreboard.live import keys, leaderboard, locks
from scoreboard.live.bus import newest_position, read_events
from scoreboard.security.identifiers import new_id
from scoreboard.storage import outbox, players
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.check_boards import misplaced
from scoreboard.usecases.complete_actions import complete_actions, save_completions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.read_board import read_page
from scoreboard.usecases.rebuild_leaderboard import rebuild_season, restore_missing
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.ledger_check import check_ledger, leaderboards_match
from tests.ranking_model import Row, rank

PLAYERS = 15


@pytest_asyncio.fixture
async def crowd(platform: Platform) -> list[UUID]:
    ids = [new_id() for _ in range(PLAYERS)]
    for n, player_id in enumerate(ids):
        await platform.database.transact(
            lambda tx, p=player_id, n=n: players.add(tx, p, f"player {n}", Role.PLAYER, email=None, password_hash=None)  # type: ignore[misc]
        )
    await sweep_outbox(platform, older_than=0)
    return ids


def request(rng: random.Random, crowd: list[UUID]) -> CompletionRequest:
    kind, points = rng.choice([("tap", None), ("tap2", None), ("huge", rng.randrange(-3, 4))])
    name = new_id().hex
    return CompletionRequest(rng.choice(crowd), new_id(), name.encode(), client_id=name, kind_key=kind, points=points)


async def play(platform: Platform, crowd: list[UUID], marker: OutboxMarker, rng: random.Random, batches: int) -> None:
    for _ in range(batches):
        await complete_actions(platform, [request(rng, crowd) for _ in range(rng.randrange(1, 8))], marker)


async def snapshot(platform: Platform, board: Board) -> tuple[int, Page]:
    season = await platform.catalog.season(board.key, None)
    page = await leaderboard.read_range(platform.live, season.id, board, 0, -1)
    assert page is not None
    return season.id, page


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("key", ["main", "dense"])
async def test_a_stale_snapshot_plus_events_is_the_fresh_board(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker, key: str, seed: int
) -> None:
    rng = random.Random(seed)
    board = await platform.catalog.board(key)
    await play(platform, crowd, marker, rng, 5)
    season_id, old = await snapshot(platform, board)
    position = await newest_position(platform.live)
    await play(platform, crowd, marker, rng, 15)
    _, fresh = await snapshot(platform, board)

    client = platform.live.blocking_client()
    events = await read_events(client, position, block_ms=1000, count=1000)
    await client.aclose()
    rows = {
        entry.player_id: Row(entry.player_id, entry.username, entry.score, entry.reached_at) for entry in old.entries
    }
    seq = old.seq
    for published in events:
        for item in published.event.items:
            for season, change, before, after in item.places:
                if published.event.seasons[season] != (key, season_id):
                    continue
                projection = published.projections[season]
                ranks = projection.ranks[change]
                places = {entry.player_id: entry.rank for entry in rank(board, rows.values())}
                known = rows.get(item.player_id)
                assert before == (known.score if known else None)
                assert ranks.previous == places.get(item.player_id)
                if ranks.applied:
                    rows[item.player_id] = Row(item.player_id, item.username, after, item.at)
                places = {entry.player_id: entry.rank for entry in rank(board, rows.values())}
                assert ranks.current == places[item.player_id]
                assert projection.seq >= seq
                seq = projection.seq
    assert rank(board, rows.values()) == list(fresh.entries)
    assert seq == fresh.seq
    assert [p.first for p in events] == sorted(p.first for p in events)
    numbers = [p.first + n for p in events for n in range(len(p.event.items))]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))  # no gap


async def test_the_sequence_moves_exactly_when_the_visible_top_does(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    rng = random.Random(7)
    board = await platform.catalog.board("main")
    season_id, before = await snapshot(platform, board)
    for _ in range(30):
        await complete_actions(platform, [request(rng, crowd)], marker)
        _, after = await snapshot(platform, board)
        moved = before.entries[: board.size] != after.entries[: board.size]
        assert after.seq == before.seq + moved
        before = after
    assert season_id


async def test_rebuilding_beside_writers_misses_nothing(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    rng = random.Random(3)
    board = await platform.catalog.board("main")
    season = await platform.catalog.season("main", None)
    writing = asyncio.create_task(play(platform, crowd, marker, rng, 60))
    rebuilt = 0
    while not writing.done():
        rebuilt += await rebuild_season(platform, board, season)
    await writing
    assert rebuilt >= 2
    assert await leaderboards_match(platform)
    await check_ledger(platform)


async def test_nobody_reads_a_wrong_rank_while_boards_are_rebuilt_under_load(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    """Whoever reads sees everybody, with no less than was acknowledged before, and ranks that follow from scores."""
    board, season = await platform.catalog.board("main"), await platform.catalog.season("main", None)
    acknowledged: dict[UUID, int] = {}
    stop = asyncio.Event()

    async def write(some: list[UUID]) -> None:
        while not stop.is_set():
            asked = [CompletionRequest(p, i := new_id(), i.bytes, client_id=i.hex, kind_key="tap") for p in some]
            for player, done in zip(some, await complete_actions(platform, asked, marker), strict=True):
                assert isinstance(done, Completion)
                assert done.places[0].rank_current is not None
                acknowledged[player] = done.places[0].current or 0

    async def rebuild() -> int:
        rebuilt = 0
        while not stop.is_set():
            rebuilt += await rebuild_season(platform, board, season)
        return rebuilt

    await complete_actions(
        platform, [CompletionRequest(p, i := new_id(), i.bytes, client_id=i.hex, kind_key="tap") for p in crowd], marker
    )
    writers = [asyncio.create_task(write(crowd[part::3])) for part in range(3)]
    builder, epochs = asyncio.create_task(rebuild()), set[str]()
    try:
        while len(epochs) < 6:
            before = dict(acknowledged)
            page = (await read_page(platform, "main", 0, 100, None, Look())).page
            epochs.add(page.epoch)
            scores = {entry.player_id: entry.score for entry in page.entries}
            assert scores.keys() == set(crowd)
            assert page.total == len(crowd)
            assert all(scores[player] >= score for player, score in before.items())
            assert list(misplaced(board, page.entries, 0)) == []
            assert not [task for task in (*writers, builder) if task.done()]
    finally:
        stop.set()
        await asyncio.gather(*writers)
    assert await builder >= 5
    await marker.finish()
    assert await leaderboards_match(platform)


async def test_a_rebuild_takes_what_others_could_not_announce(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    season = await platform.catalog.season("main", None)
    asked = CompletionRequest(crowd[0], new_id(), b"x", client_id="x", kind_key="tap")
    await save_completions(platform, [asked], marker)  # never announced
    await platform.live.redis.delete(keys.leaderboard_meta(season.id))
    assert await restore_missing(platform) == 1
    assert await leaderboards_match(platform)
    assert (await platform.database.transact(outbox.backlog))[0] == 0


async def test_a_restored_board_holds_what_others_wrote_while_they_took_redis_for_dead(
    platform: Platform, crowd: list[UUID]
) -> None:
    """Another process met the outage and leaves Redis alone for a moment; its scores must not be missing afterwards."""
    season = await platform.catalog.season("main", None)
    other = open_platform(platform.settings, application="test")
    marker = OutboxMarker(other)
    await platform.live.redis.delete(keys.leaderboard_meta(season.id))
    other.live._down_until = asyncio.get_running_loop().time() + platform.settings.redis_retry_pause
    restoring = asyncio.create_task(restore_missing(platform))
    written = 0
    while other.live.down():
        written += 1
        name = str(written)
        player = crowd[written % PLAYERS]  # somebody else each time: a later score of theirs would make up for it
        asked = CompletionRequest(player, new_id(), name.encode(), client_id=name, kind_key="tap")
        await complete_actions(other, [asked], marker)
    assert written > 5
    assert await restoring == 1
    assert await leaderboards_match(platform)
    await marker.finish()
    await other.close()


async def test_a_builder_that_died_leaves_nothing_behind(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    rng = random.Random(5)
    await play(platform, crowd, marker, rng, 5)
    board, season = await platform.catalog.board("main"), await platform.catalog.season("main", None)
    await leaderboard.begin_rebuild(platform.live, season.id, "dead")
    await play(platform, crowd, marker, rng, 5)  # goes into both
    assert await platform.live.redis.exists(keys.leaderboard_part(season.id, "dead", "z"))
    assert await rebuild_season(platform, board, season)
    left = [name async for name in platform.live.redis.scan_iter(match=f"{keys.leaderboard(season.id)}:dead*")]
    assert left == []
    assert await leaderboards_match(platform)
    assert not await leaderboard.load(platform.live, season.id, board, "dead", [])
    assert not await leaderboard.finish_rebuild(platform.live, season.id, "dead", platform.live.run_id)


async def test_one_rebuilds_at_a_time_and_a_lapsed_lock_is_not_released(platform: Platform) -> None:
    board, season = await platform.catalog.board("main"), await platform.catalog.season("main", None)
    lock = keys.rebuild_lock(season.id)
    assert await locks.hold(platform.live, lock, "mine", 60)
    assert await locks.hold(platform.live, lock, "mine", 60)
    assert not await rebuild_season(platform, board, season)
    await locks.release(platform.live, lock, "another")
    assert not await rebuild_season(platform, board, season)
    await locks.release(platform.live, lock, "mine")
    assert await rebuild_season(platform, board, season)
