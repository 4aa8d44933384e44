"""Corrections and their undoing: whatever came before, boards and final standings equal a rebuild from the ledger."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Order
from scoreboard.domain.correction import Scope
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.domain.player import PlayerStatus
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.configure import configure
from scoreboard.usecases.correction_views import CorrectionView, list_corrections, read_correction
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.preview_correction import preview_correction
from tests.amending import amend, hold
from tests.arena import BOARDS, WEEKLY, Arena, furnished
from tests.ledger_check import check_ledger, settled
from tests.stage import Stores, patient


async def test_preview_apply_undo(arena: Arena) -> None:
    ada, bob = await arena.person("ada"), await arena.person("bob")
    for name, points in (("ada", 9), ("bob", 5), ("ada", 3), ("eve", 1)):
        await arena.play(name, points)
    before = await arena.state()
    [(sum_season,)] = await arena.sql("SELECT id FROM seasons WHERE board_key = 'sum'")
    seen = await preview_correction(arena.platform, Scope(player_id=ada))
    assert await arena.state() == before  # a look changes nothing
    assert (len(seen.found), seen.players, seen.points) == (2, 1, 12)
    on_sum = next(board for board in seen.boards if board.board == "sum")
    assert (on_sum.season, on_sum.title, on_sum.season_status, on_sum.more) == (sum_season, "Sum", "open", 0)
    moves = [(c.username, c.rank_before, c.rank_after, c.score_before, c.score_after) for c in on_sum.changes]
    assert moves == [("ada", 1, None, 12, None), ("bob", 2, 1, 5, 5), ("eve", 3, 2, 1, 1)]
    done = await arena.correct(Scope(player_id=ada), "a bot")
    assert (done.number, done.actions, done.players, done.points, done.reason) == (1, 2, 1, 12, "a bot")
    assert done.boards == seen.boards
    assert done.applied_by is not None
    assert done.applied_by.username == "mo"
    after = await arena.state()
    assert [line.player_id for line in after[sum_season]] == [bob, arena.people["eve"]]
    undone = await arena.undo(done)
    assert (undone.not_restored, undone.number) == (0, 1)
    assert undone.undone_at is not None
    assert await arena.state() == before
    assert await read_correction(arena.platform, done.id) == undone
    assert await list_corrections(arena.platform, 10, 100) == ([undone], None)
    with pytest.raises(Refusal, match="undone already"):
        await arena.undo(done)
    audit = await arena.sql("SELECT event, actor_id, detail FROM audit_log WHERE event LIKE 'correction.%' ORDER BY id")
    assert [(row.event, row.actor_id) for row in audit] == [
        ("correction.applied", arena.moderator.id),
        ("correction.undone", arena.moderator.id),
    ]
    assert audit[1].detail["restored"] == 2


async def test_scopes_choose_what_fits_all_that_is_given(arena: Arena) -> None:
    first = await arena.play("ada", 1)
    await arena.play("ada", 2, "sprint")
    [(since,)] = await arena.sql("SELECT clock_timestamp()")
    last = await arena.play("ada", 3)
    await arena.play("bob", 2, "sprint")
    await arena.play("bob", None, "idle")
    await hold(arena.platform, arena.people["bob"], "run", 5)
    [(until,)] = await arena.sql("SELECT clock_timestamp()")

    async def found(**fields: Any) -> list[int]:
        seen = await preview_correction(arena.platform, Scope(**fields))
        return [one.seq for one in seen.found]

    assert await found(player_id=arena.people["ada"]) == [1, 2, 3]
    assert await found(action_id=last) == [3]
    assert await found(action_id=last, player_id=arena.people["bob"]) == []
    assert await found(kind="sprint") == [2, 4]
    assert await found(kind="idle") == [5]
    assert await found(since=since) == [3, 4, 5]  # what is held is not for corrections
    assert await found(until=since) == [1, 2]
    assert await found(since=since, until=until, kind="sprint") == [4]
    assert await found(since=until) == []
    [(moment,)] = await arena.sql("SELECT completed_at FROM actions WHERE id = :id", id=first)
    assert await found(since=moment, until=since) == [1, 2]  # since is included
    assert await found(until=moment) == []  # until is not
    for scope in (Scope(), Scope(since=until, until=since), Scope(since=since, until=since)):
        with pytest.raises(Refusal) as refused:
            await preview_correction(arena.platform, scope)
        assert refused.value.code is ErrorCode.VALIDATION_ERROR


async def test_a_preview_that_is_out_of_date_is_refused(arena: Arena) -> None:
    await arena.play("ada", 1)
    scope = Scope(kind="run")
    seen = await preview_correction(arena.platform, scope)
    await arena.play("bob", 1)
    before = await arena.state()
    with pytest.raises(Refusal, match="preview") as refused:
        await apply_correction(arena.platform, Wanted(scope, "late", seen.digest), arena.moderator)
    assert refused.value.code is ErrorCode.CONFLICT
    assert await arena.state() == before
    with pytest.raises(Refusal, match="nothing to take back"):
        await arena.correct(Scope(kind="idle"))
    digest = (await preview_correction(arena.platform, scope)).digest
    with pytest.raises(Refusal, match="no such case"):
        await apply_correction(arena.platform, Wanted(scope, "x", digest, new_id()), arena.moderator)
    assert not await arena.sql("SELECT 1 FROM corrections")


async def test_a_correction_is_bounded(stores: Stores) -> None:
    environment = await stores.environment(SCOREBOARD_CORRECTION_ACTIONS_LIMIT="2")
    platform = open_platform(patient(environment), application="test")
    marker = OutboxMarker(platform)
    arena = await furnished(platform, marker)
    for points in (1, 2):
        await arena.play("ada", points)
    assert (await arena.correct(Scope(kind="run"))).actions == 2
    for points in (1, 2, 3):
        await arena.play("ada", points)
    with pytest.raises(Refusal, match="More than 2 actions"):
        await arena.correct(Scope(kind="run"))
    await marker.finish()
    await platform.close()


async def test_a_closed_season_is_ranked_again_by_its_own_rules_and_back(arena: Arena) -> None:
    for name, points in (("ada", 9), ("bob", 5), ("eve", 5), ("ada", 1)):
        await arena.play(name, points)
    assert await arena.close_seasons()
    await arena.play("ada", 2)
    closed = "SELECT id, board_key, checksum FROM seasons WHERE status = 'closed' ORDER BY id"
    before, sealed = await arena.state(), await arena.sql(closed)
    assert len(sealed) == 3
    # The board changes its order later on: what is closed stays ranked as it was.
    season = next(row.id for row in sealed if row.board_key == "weekly")
    seen = await preview_correction(arena.platform, Scope(player_id=arena.people["ada"]))
    [weekly] = [board for board in seen.boards if board.season == season]
    assert weekly.season_status == "closed"
    moves = [(change.username, change.rank_before, change.rank_after) for change in weekly.changes]
    assert moves[0] == ("ada", 1, None)
    assert sorted(moves[1:]) == [("bob", 2, 1), ("eve", 2, 1)]  # dense ranks
    done = await arena.correct(Scope(player_id=arena.people["ada"]))
    during = await arena.state()
    assert [line.player_id for line in during[season]] == [arena.people["bob"], arena.people["eve"]]
    assert {row.checksum for row in await arena.sql(closed)}.isdisjoint({row.checksum for row in sealed})
    audit = await arena.sql("SELECT subject, detail FROM audit_log WHERE event = 'season.reranked' ORDER BY id")
    assert [row.subject for row in audit] == [f"{row.board_key}/{row.id}" for row in sealed]
    assert [row.detail["checksum_before"] for row in audit] == [bytes(row.checksum).hex() for row in sealed]
    await arena.undo(done)
    assert await arena.state() == before
    assert await arena.sql(closed) == sealed  # to the byte


async def test_a_board_that_changed_since_does_not_change_a_closed_season(arena: Arena) -> None:
    for name, points in (("ada", 9), ("bob", 5), ("eve", 1)):
        await arena.play(name, points)
    await arena.close_seasons()
    turned = Board("weekly", "Weekly, lowest first", schedule=WEEKLY, order=Order.ASC, operator=Operator.BEST)
    await configure(arena.platform, [turned], [], managed_by="test")
    [(season,)] = await arena.sql("SELECT id FROM seasons WHERE board_key = 'weekly' AND status = 'closed'")
    await arena.correct(Scope(player_id=arena.people["bob"]))
    final = await arena.final(season, BOARDS[1])
    assert [line.player_id for line in final] == [arena.people["ada"], arena.people["eve"]]


async def test_what_another_correction_voided_since_stays_void(arena: Arena) -> None:
    one, two = await arena.play("ada", 1), await arena.play("ada", 2)
    done = await arena.correct(Scope(player_id=arena.people["ada"]))
    await amend(arena.platform, EntryType.RESTORED, one, two)
    again = await arena.correct(Scope(action_id=one))
    undone = await arena.undo(done)  # the second counts by itself, the first is void because of somebody else
    assert undone.not_restored == 2
    assert [row.status for row in await arena.sql("SELECT status FROM actions ORDER BY ledger_seq")] == [
        "voided",
        "completed",
    ]
    await arena.state()
    assert (await arena.undo(again)).not_restored == 0
    await arena.state()


async def test_a_hidden_players_correction_moves_nobody(arena: Arena) -> None:
    await arena.play("ada", 9)
    await arena.play("bob", 1)
    await change_status(arena.platform, "ada", PlayerStatus.BANNED, by="test")
    seen = await preview_correction(arena.platform, Scope(player_id=arena.people["ada"]))
    assert [board.changes for board in seen.boards] == [()] * 5
    done = await arena.correct(Scope(player_id=arena.people["ada"]))
    await change_status(arena.platform, "ada", PlayerStatus.ACTIVE, by="test")
    rows = await arena.sql("SELECT 1 FROM scores WHERE player_id = :id AND visible", id=arena.people["ada"])
    assert not rows  # active again, but nothing of hers counts
    await arena.undo(done)
    rows = await arena.sql("SELECT visible FROM scores WHERE player_id = :id", id=arena.people["ada"])
    assert [row.visible for row in rows] == [True] * 5


async def test_what_a_board_could_not_hold_is_refused_as_a_whole(arena: Arena) -> None:
    wide = ActionKind("wide", "Wide", min_points=-(2**53), max_points=2**53, direct=True, boards=("sum",))
    await configure(arena.platform, [], [wide], managed_by="test")
    await arena.play("ada", 2**53, "wide")
    low = await arena.play("ada", -5, "wide")
    await arena.play("ada", 3, "wide")
    before = await arena.sql("SELECT score, version FROM scores")
    for attempt in (preview_correction(arena.platform, Scope(action_id=low)), arena.correct(Scope(action_id=low))):
        with pytest.raises(Refusal) as refused:
            await attempt
        assert refused.value.code is ErrorCode.INVALID_SCORE
    assert await arena.sql("SELECT score, version FROM scores") == before


async def test_play_goes_on_while_corrections_are_made(arena: Arena) -> None:
    names = [f"p{n}" for n in range(8)]
    for name in names:
        await arena.play(name, 5)
    stop = asyncio.Event()
    played: list[UUID] = []

    async def keep_playing(name: str) -> None:
        while not stop.is_set():
            played.append(await arena.play(name, 1))

    async def corrected(name: str) -> CorrectionView:
        """What was still under way at the preview may fit the scope when it is applied: then one looks again."""
        while True:
            [(now,)] = await arena.sql("SELECT clock_timestamp()")
            try:
                return await arena.correct(Scope(player_id=arena.people[name], until=now))
            except Refusal as refused:
                if refused.code is not ErrorCode.CONFLICT:
                    raise

    async def keep_correcting(name: str) -> None:
        for _ in range(3):
            await arena.undo(await corrected(name))

    people = [asyncio.create_task(keep_playing(name)) for name in names]
    await asyncio.gather(*(keep_correcting(name) for name in names))
    stop.set()
    await asyncio.gather(*people)
    assert len(played) > 100
    await settled(arena.platform)
    report = await check_ledger(arena.platform)
    assert set(played) <= report.actions
    await arena.state()
    [(deadlocks,)] = await arena.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0
