"""Released, rejected, voided, restored: totals, leaderboards and final standings are what they would otherwise be."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Order, TieRule
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.live import leaderboard
from scoreboard.security.identifiers import new_id
from scoreboard.storage import standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.amend_actions import Amended, Amendment, amend_actions, announce_amended
from scoreboard.usecases.amendment_rows import look_at_rows
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from tests.amending import Line, amend, expected, hold, join, play
from tests.ledger_check import check_ledger, leaderboards_match
from tests.stage import Stores, patient

SUM, BEST, LOW, NEWEST = (
    Board("sum", "Sum"),
    Board("best", "Best", operator=Operator.BEST, tie_rule=TieRule.LATEST),
    Board("low", "Lowest", operator=Operator.BEST, order=Order.ASC),
    Board("newest", "Newest", operator=Operator.LATEST),
)
BOARDS = (SUM, BEST, LOW, NEWEST)
KINDS = (
    ActionKind("run", "Run", min_points=-1000, max_points=1000, direct=True, boards=("sum", "best", "low", "newest")),
    ActionKind("add", "Add", min_points=-(2**53), max_points=2**53, direct=True, boards=("sum",)),
)


@pytest.fixture
async def platform(stores: Stores) -> AsyncIterator[Platform]:
    platform = open_platform(patient(await stores.environment()), application="test")
    await configure(platform, BOARDS, KINDS, managed_by="test")
    await rebuild_leaderboards(platform, None, lambda done, total: None)
    yield platform
    await platform.close()


async def shown(platform: Platform, board: Board) -> list[Line]:
    """The board in Redis."""
    season = await platform.catalog.season(board.key, None)
    page = await leaderboard.read_range(platform.live, season.id, board, 0, -1)
    assert page is not None
    return [Line(entry.player_id, entry.score, entry.reached_at) for entry in page.entries]


async def stored(platform: Platform, board: Board) -> list[Line]:
    """The board as Postgres ranks it."""
    season = await platform.catalog.season(board.key, None)
    page = await platform.database.transact(lambda tx: standings.page(tx, board, season.id, 0, 10**6))
    return [Line(entry.player_id, entry.score, entry.reached_at) for entry in page]


async def all_agree(platform: Platform) -> dict[str, list[Line]]:
    """Redis, Postgres and a fold of the ledger by hand say the same. Returns what they say."""
    by_hand = await expected(platform)
    found = {}
    for board in BOARDS:
        season = await platform.catalog.season(board.key, None)
        assert await stored(platform, board) == by_hand[season.id], board.key
        assert await shown(platform, board) == by_hand[season.id], board.key
        found[board.key] = by_hand[season.id]
    await check_ledger(platform)
    assert await leaderboards_match(platform)
    return found


async def test_void_and_restore_give_back_what_was_there(platform: Platform, marker: OutboxMarker) -> None:
    ada, bob = await join(platform, "ada"), await join(platform, "bob")
    first = await play(platform, marker, ada, "run", 50)
    await play(platform, marker, bob, "run", 50)
    second = await play(platform, marker, ada, "run", -20)
    before = await all_agree(platform)
    amended = await amend(platform, EntryType.VOIDED, first, second)
    assert (amended.actions, amended.players, amended.points) == ((first, second), (ada,), 30)
    assert amended.last_seq == amended.first_seq + 1 == 5
    assert [line.player_id for line in (await all_agree(platform))["sum"]] == [bob]
    again = await amend(platform, EntryType.RESTORED, second)
    assert min(change.after.version for change in again.changes) > 2  # it went on
    await all_agree(platform)
    await amend(platform, EntryType.RESTORED, first)
    assert await all_agree(platform) == before
    await amend(platform, EntryType.VOIDED, first)  # a second turn
    await amend(platform, EntryType.RESTORED, first)
    assert await all_agree(platform) == before


async def test_a_release_keeps_the_original_moment(platform: Platform, marker: OutboxMarker) -> None:
    ada, bob = await join(platform, "ada"), await join(platform, "bob")
    held = await hold(platform, ada, "run", 30)
    await play(platform, marker, bob, "run", 30)
    assert [line.player_id for line in (await all_agree(platform))["sum"]] == [bob]
    amended = await amend(platform, EntryType.RELEASED, held)
    assert amended.changes[0].before is None
    orders = await all_agree(platform)
    assert [line.player_id for line in orders["sum"]] == [ada, bob]  # equal scores: ada was first
    assert [line.player_id for line in orders["best"]] == [bob, ada]  # the other tie rule


async def test_a_rejected_action_counts_only_when_it_is_restored(platform: Platform, marker: OutboxMarker) -> None:
    ada = await join(platform, "ada")
    held = await hold(platform, ada, "run", 30)
    amended = await amend(platform, EntryType.REJECTED, held)
    assert (amended.changes, amended.first_seq) == ((), 2)
    assert not (await all_agree(platform))["sum"]
    for entry_type in (EntryType.RELEASED, EntryType.VOIDED, EntryType.REJECTED):
        with pytest.raises(Refusal, match="can only be"):
            await amend(platform, entry_type, held)
    await play(platform, marker, ada, "run", 1)
    assert (await all_agree(platform))["sum"][0].score == 1
    await amend(platform, EntryType.RESTORED, held)
    assert (await all_agree(platform))["sum"][0].score == 31


async def test_who_lost_everything_can_score_again(platform: Platform, marker: OutboxMarker) -> None:
    ada = await join(platform, "ada")
    await amend(platform, EntryType.VOIDED, await play(platform, marker, ada, "run", 30))
    assert not (await all_agree(platform))["low"]
    await play(platform, marker, ada, "run", 40)
    orders = await all_agree(platform)
    assert [orders[key][0].score for key in ("sum", "best", "low", "newest")] == [40] * 4


async def test_what_happens_while_an_amendment_looks_is_not_lost(platform: Platform, marker: OutboxMarker) -> None:
    """Another amendment of the same player, and more play, between the look and the locks."""
    ada, bob = await join(platform, "ada"), await join(platform, "bob")
    one, two, three = [await play(platform, marker, ada, "run", points) for points in (1, 20, 300)]
    hers = await play(platform, marker, bob, "run", 5)
    await amend(platform, EntryType.VOIDED, three)
    boards, chunk = await platform.catalog.boards(), platform.settings.amendment_chunk
    wanted = {one: EntryType.VOIDED, hers: EntryType.VOIDED}

    async def work(tx: Transaction) -> Amended:
        looked = await look_at_rows(tx, boards, wanted, chunk)
        await amend(platform, EntryType.VOIDED, two)
        await amend(platform, EntryType.RESTORED, three)
        await play(platform, marker, ada, "run", 7)
        await play(platform, marker, bob, "run", 6)
        return await amend_actions(tx, platform, [Amendment(*pair) for pair in wanted.items()], looked=looked)

    amended = await platform.database.transact(work)
    await announce_amended(platform, amended)
    orders = await all_agree(platform)
    assert [line.score for line in orders["sum"]] == [307, 6]


async def test_an_action_is_amended_by_one_of_two(platform: Platform, marker: OutboxMarker) -> None:
    ada = await join(platform, "ada")
    played = [await play(platform, marker, ada, "run", 1) for _ in range(3)]
    results = await asyncio.gather(
        *(amend(platform, EntryType.VOIDED, *played) for _ in range(4)), return_exceptions=True
    )
    assert len([result for result in results if isinstance(result, Amended)]) == 1
    refused = [result for result in results if isinstance(result, Refusal)]
    assert [refusal.code for refusal in refused] == [ErrorCode.CONFLICT] * 3
    with pytest.raises(Refusal, match="twice"):
        await amend(platform, EntryType.RESTORED, played[0], played[0])
    with pytest.raises(Refusal, match="no such action"):
        await amend(platform, EntryType.VOIDED, new_id())
    await all_agree(platform)


async def test_a_first_score_at_the_same_time_is_not_lost(platform: Platform, marker: OutboxMarker) -> None:
    """A release and a completion both make the player's total: one of them starts again and sees the other's."""
    for number in range(10):
        ada = await join(platform, f"ada{number}")
        held = await hold(platform, ada, "run", 5)
        await asyncio.gather(amend(platform, EntryType.RELEASED, held), play(platform, marker, ada, "run", 2))
    orders = await all_agree(platform)
    assert [line.score for line in orders["sum"]] == [7] * 10
