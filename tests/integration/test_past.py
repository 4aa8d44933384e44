"""Past boards: what the database folds is what the domain folds, in every order, with snapshots and without."""

import contextlib
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2 as httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from scoreboard.domain.board import Board, Operator, Order
from scoreboard.domain.errors import Refusal
from scoreboard.domain.freeze import Look
from scoreboard.domain.refold import Effective, refold
from scoreboard.storage import actions, past, seasons, snapshots
from scoreboard.storage.database import Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.keep_snapshots import take_snapshot
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_board import read_page, read_standings
from tests.amending import Line, expected
from tests.arena import furnished
from tests.conftest import Api
from tests.integration.test_corrections_story import Story
from tests.stage import register

NAMES = ["ada", "bob", "eve", "kim"]
START = datetime(2026, 1, 1, tzinfo=UTC)
BOARDS = [
    Board("sum", "S"),
    Board("best", "B", operator=Operator.BEST),
    Board("low", "L", operator=Operator.BEST, order=Order.ASC),
    Board("latest", "N", operator=Operator.LATEST),
]
histories = st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), min_size=1, max_size=25)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.key)
async def test_the_database_folds_as_the_domain_does(api: Api, board: Board) -> None:
    """Random histories in one statement each, the fold of the product put over them."""
    seen: list[list[tuple[int, int]]] = []

    @settings(max_examples=60, deadline=None, database=None)
    @given(histories)
    def gather(history: list[tuple[int, int]]) -> None:
        seen.append(history)

    gather()
    _, _, fold = past.totals_query(board).partition("SELECT player_id FROM amended)) ")
    assert fold
    source = (
        "WITH history AS (SELECT * FROM unnest(CAST(:players AS uuid[]), CAST(:seqs AS bigint[]),"
        " CAST(:ats AS timestamptz[]), CAST(:points AS bigint[])) AS h(player_id, seq, at, points)) "
    )
    for history in seen:
        rows = [
            (UUID(int=who), seq, START + timedelta(seconds=seq), points) for seq, (who, points) in enumerate(history, 1)
        ]
        players, seqs, ats, points = (list(column) for column in zip(*rows, strict=True))
        values = {"players": players, "seqs": seqs, "ats": ats, "points": points}

        async def work(tx: Transaction, values: dict[str, object] = values) -> dict[UUID, tuple[int, datetime]]:
            found = await tx.execute(text(source + fold), values)
            return {row.player_id: (row.score, row.reached_at) for row in found}

        played: dict[UUID, list[Effective]] = defaultdict(list)
        for player, seq, at, worth in rows:
            played[player].append(Effective(seq, player, at, worth))
        expected = {}
        for player, done in played.items():
            total = refold(board, 1, player, done)
            assert total is not None
            expected[player] = (total.score, total.reached_at)
        assert await api.platform.database.transact(work) == expected


# --- A story ---------------------------------------------------------------------------------------------------------


async def test_a_past_board_is_what_was_done_by_then_as_far_as_it_counts_today(
    platform: Platform, marker: OutboxMarker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chance plays, corrects, hides and closes. Each remembered moment is then read with and without snapshots."""
    monkeypatch.setattr(snapshots, "_PLAYERS", 2)  # so that they are taken in parts
    arena = await furnished(platform, marker)
    story = Story(arena, random.Random(22))
    for name in NAMES:
        await arena.person(name)
    moments = [await platform.database.transact(actions.clock)]
    steps = (story.run, story.run, story.run, story.sprint, story.hold, story.decide, story.correct, story.undo)
    seen: dict[datetime, dict[int, list[Line]]] = {}
    for step in range(60):
        chosen = story.chance.choice((*steps, story.hide, story.close))
        if chosen != story.decide or story.held:
            with contextlib.suppress(Refusal):
                await chosen(story.chance.choice(NAMES))
        if step % 6 == 0:
            moments.append(await platform.database.transact(actions.clock))
        if step % 20 == 10:
            for season in await platform.database.transact(seasons.unfinished):
                board = await platform.catalog.board(season.board_key)
                assert await take_snapshot(platform, board, season, moments[-1])
    await arena.sql("UPDATE players SET status = 'active'")
    await arena.sql("UPDATE scores SET visible = NOT empty")
    platform.catalog.invalidate()
    taken = await arena.sql("SELECT count(*) FROM snapshots")
    assert taken[0][0] >= 10
    for moment in moments:
        by_hand = seen[moment] = await expected(platform, moment)
        for row in await arena.sql("SELECT id, board_key, status, starts_at, ends_at FROM seasons"):
            if row.starts_at > moment or (row.status == "closed" and row.ends_at <= moment):
                continue
            await shows(platform, row.board_key, row.id, moment, by_hand[row.id])
    assert len({str(lines) for lines in seen.values()}) > 5, "the story stood still"
    assert not any(seen[moments[0]].values())


async def shows(platform: Platform, board_key: str, season_id: int, moment: datetime, lines: list[Line]) -> None:
    look = Look(at=moment)
    view = await read_page(platform, board_key, 0, 100, season_id, look)
    assert [Line(e.player_id, e.score, e.reached_at) for e in view.page.entries] == lines, (board_key, moment)
    assert view.page.total == len(lines)
    assert view.as_of == moment
    people = [line.player_id for line in lines]
    found = await read_standings(platform, board_key, people, season_id, look)
    assert [one and one.position for one in found.standings.standings] == list(range(len(lines)))
    beyond = await read_page(platform, board_key, len(lines), 5, season_id, look)
    assert (beyond.page.entries, beyond.page.total) == ((), len(lines))


# --- Over HTTP -------------------------------------------------------------------------------------------------------


async def test_boards_and_standings_can_be_asked_for_as_they_were(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    await ada.score("match", points=10)
    [(before,)] = await api.sql("SELECT clock_timestamp()")
    await bob.score("match", points=20)
    await ada.score("match", points=5)

    async def top(at: datetime | str) -> httpx.Response:
        return await api.client.get("/api/v1/boards/dense/top", params={"at": str(at)})

    past = (await top(before.isoformat())).json()
    assert [(entry["username"], entry["score"]) for entry in past["entries"]] == [(ada.username, 10)]
    assert datetime.fromisoformat(past["as_of"]) == before
    assert past["freeze"] is None
    assert [e["score"] for e in (await top(utc_now().isoformat())).json()["entries"]] == [20, 15]
    assert (await top("2001-01-01T00:00:00Z")).json()["entries"] == []
    assert (await top("0001-01-01T00:00:00+14:00")).json()["entries"] == []
    at = {"at": before.isoformat()}
    mine = await ada.get("/api/v1/boards/dense/me", **at)
    assert (mine.json()["score"], mine.json()["rank"], mine.json()["total"]) == (10, 1, 1)
    assert (await bob.get("/api/v1/boards/dense/me", **at)).status_code == 404
    around = await ada.get("/api/v1/boards/dense/around", **at)
    assert [entry["score"] for entry in around.json()["entries"]] == [10]
    page = await api.client.get("/api/v1/boards/dense/entries", params=at)
    assert [entry["score"] for entry in page.json()["entries"]] == [10]
    found = await api.client.post("/api/v1/boards/dense/lookup", params=at, json={"player_ids": [ada.id, bob.id]})
    assert [entry["score"] for entry in found.json()["entries"]] == [10]


@pytest.mark.parametrize(
    "at", ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "yesterday", "2020-01-01T00:00:00", ""]
)
@pytest.mark.parametrize("path", ["top", "entries"])
async def test_a_moment_that_has_not_come_or_is_none_is_refused(api: Api, at: str, path: str) -> None:
    reply = await api.client.get(f"/api/v1/boards/dense/{path}", params={"at": at})
    assert (reply.status_code, reply.json()["code"]) == (400, "VALIDATION_ERROR")
    assert "query/at" in reply.json()["errors"][0]["pointer"]
