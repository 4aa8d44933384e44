"""Ranks: Redis, Postgres and a model in plain Python agree on every board, whatever comes in which order."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from scoreboard.domain.board import SCORE_LIMIT, Board, Order, RankStyle, TieRule
from scoreboard.domain.events import StandingChange
from scoreboard.live import leaderboard
from scoreboard.storage import standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform, open_platform
from tests.ranking_model import Row, rank
from tests.stage import Stores, patient

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAYERS = [UUID(int=(n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128) for n in range(1, 13)]
SCORES = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([SCORE_LIMIT, SCORE_LIMIT - 1, -SCORE_LIMIT, 1 - SCORE_LIMIT]),
    st.integers(-SCORE_LIMIT, SCORE_LIMIT),
)
BOARDS = st.builds(
    Board,
    key=st.just("any"),
    title=st.just("Any"),
    order=st.sampled_from(Order),
    tie_rule=st.sampled_from(TieRule),
    rank_style=st.sampled_from(RankStyle),
    size=st.integers(1, 5),
)
# A history of totals for each player, oldest first; None: hidden at that moment. Few moments, so that they collide.
HISTORIES = st.dictionaries(
    st.sampled_from(PLAYERS),
    st.lists(st.tuples(st.one_of(st.none(), SCORES), st.integers(0, 3)), min_size=1, max_size=4),
)


@pytest_asyncio.fixture(scope="module")
async def stage(stores: Stores):
    platform = open_platform(patient(await stores.environment()), application="test")
    async with platform.database._engine.connect() as connection:
        await connection.execute(
            text(
                "INSERT INTO players (id, username, username_key)"
                " SELECT id, 'ünï ' || id, id::text FROM unnest(CAST(:ids AS uuid[])) AS id"
            ),
            {"ids": PLAYERS},
        )
    yield platform
    await platform.close()


def change(season_id: int, player: UUID, version: int, score: int | None, moment: int) -> StandingChange:
    reached = START + timedelta(microseconds=moment)
    return StandingChange(season_id, "any", player, f"ünï {player}", None, score, reached, version)


async def store(platform: Platform, histories: dict[UUID, list[tuple[int | None, int]]]) -> int:
    """The newest totals in Postgres, in a season of their own."""

    async def work(tx: Transaction) -> int:
        season_id: int = (
            await tx.execute(
                text(
                    "INSERT INTO seasons (board_key, name, starts_at)"
                    " SELECT 'any', 'x', to_timestamp(count(*)) FROM seasons RETURNING id"
                )
            )
        ).scalar_one()
        for player, history in histories.items():
            score, moment = history[-1]
            await tx.execute(
                text(
                    "INSERT INTO scores (season_id, player_id, score, reached_at, version, visible)"
                    " VALUES (:season, :player, :score, :reached, :version, :visible)"
                ),
                {
                    "season": season_id,
                    "player": player,
                    "score": score or 0,
                    "reached": START + timedelta(microseconds=moment),
                    "version": len(history),
                    "visible": score is not None,
                },
            )
        return season_id

    return await platform.database.transact(work)


async def deliver(platform: Platform, board: Board, season_id: int, changes: list[StandingChange]) -> None:
    """Project in small groups; the ranks that come back are those of the model before and after each change."""
    seen: dict[UUID, StandingChange] = {}

    def places() -> dict[UUID, int]:
        rows = [Row(c.player_id, c.username, c.score, c.reached_at) for c in seen.values() if c.score is not None]
        return {entry.player_id: entry.rank for entry in rank(board, rows)}

    while changes:
        group, changes = changes[:3], changes[3:]
        projection = await leaderboard.project(
            platform.live,
            [(season_id, board, group)],
            event=b"",
            numbers=0,
            stream_length=1000,
            fresh_epoch="e",
        )
        for one, ranks in zip(group, projection.seasons[0].ranks, strict=True):
            before = places().get(one.player_id)
            known = seen.get(one.player_id)
            applied = known is None or known.version < one.version
            if applied:
                seen[one.player_id] = one
            assert (ranks.previous, ranks.current, ranks.applied) == (before, places().get(one.player_id), applied)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(board=BOARDS, histories=HISTORIES, seed=st.integers(0, 2**32))
async def test_redis_postgres_and_the_model_agree(
    stage: Platform, board: Board, histories: dict[UUID, list[tuple[int | None, int]]], seed: int
) -> None:
    rng = random.Random(seed)
    season_id = await store(stage, histories)
    changes = [
        change(season_id, player, version, score, moment)
        for player, history in histories.items()
        for version, (score, moment) in enumerate(history, 1)
    ]
    loaded = [one for one in changes if rng.random() < 0.3]
    delivered = changes + [one for one in changes if rng.random() < 0.5]
    rng.shuffle(delivered)
    run = await leaderboard.begin_rebuild(stage.live, season_id, "built")
    if rng.random() < 0.5:
        assert await leaderboard.finish_rebuild(stage.live, season_id, "built", run)
        await deliver(stage, board, season_id, delivered)
    else:  # beside a rebuild: rows from Postgres and projections reach the same epoch in any order
        assert await leaderboard.load(stage.live, season_id, board, "built", loaded)
        for one in delivered:
            await leaderboard.project(
                stage.live, [(season_id, board, [one])], event=b"", numbers=0, stream_length=9, fresh_epoch="e"
            )
        assert await leaderboard.load(stage.live, season_id, board, "built", loaded[::-1])
        assert await leaderboard.finish_rebuild(stage.live, season_id, "built", run)

    newest = {player: history[-1] for player, history in histories.items()}
    expected = rank(
        board,
        [
            Row(player, f"ünï {player}", score, START + timedelta(microseconds=moment))
            for player, (score, moment) in newest.items()
            if score is not None
        ],
    )
    stored = await stage.database.transact(lambda tx: standings.page(tx, board, season_id, 0, 100))
    assert stored == expected
    page = await leaderboard.read_range(stage.live, season_id, board, 0, -1)
    assert page is not None
    assert list(page.entries) == expected
    assert page.total == len(expected)
    start = rng.randrange(len(PLAYERS))
    part = await leaderboard.read_range(stage.live, season_id, board, start, start + 2)
    assert part is not None
    assert list(part.entries) == expected[start : start + 3]
    asked = rng.sample(PLAYERS, len(PLAYERS))
    found = await leaderboard.read_players(stage.live, season_id, board, asked)
    assert found is not None
    by_sql = await stage.database.transact(lambda tx: standings.of_players(tx, board, season_id, asked))
    places = {entry.player_id: (position, entry) for position, entry in enumerate(expected)}
    for player, standing in zip(asked, found.standings, strict=True):
        assert (None if standing is None else (standing.position, standing.entry)) == places.get(player)
        assert by_sql.get(player) == standing


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    board=BOARDS,
    scores=st.dictionaries(st.sampled_from(PLAYERS), SCORES),
    who=st.sampled_from(PLAYERS),
    wished=SCORES,
)
async def test_a_provisional_rank_is_the_one_that_the_score_would_have(
    stage: Platform, board: Board, scores: dict[UUID, int], who: UUID, wished: int
) -> None:
    season_id = await store(stage, {})
    assert await leaderboard.provisional_ranks(stage.live, [(season_id, board, who, wished)]) == [None]
    run = await leaderboard.begin_rebuild(stage.live, season_id, "built")
    changes = [change(season_id, player, 1, score, n) for n, (player, score) in enumerate(scores.items())]
    await leaderboard.load(stage.live, season_id, board, "built", changes)
    await leaderboard.finish_rebuild(stage.live, season_id, "built", run)
    rows = [Row(one.player_id, "", one.score, one.reached_at) for one in changes if one.score is not None]
    others = [row for row in rows if row.player_id != who]
    expected = rank(board, [*others, Row(who, "", wished, START + timedelta(hours=1))])
    [found] = await leaderboard.provisional_ranks(stage.live, [(season_id, board, who, wished)])
    assert found == next(entry.rank for entry in expected if entry.player_id == who)
