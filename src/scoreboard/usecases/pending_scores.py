"""Held points and where they would lead: for the answer to a held completion, and for the owner's own standing."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.freeze import Sight, freeze_on
from scoreboard.domain.pending import HeldPoints, Pending, provisional_score
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.live import leaderboard
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import actions
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.platform import Platform


@dataclass(frozen=True, slots=True)
class PendingView:
    """What waits for a decision in a board season. ``score`` and ``rank`` are what it would make; None if unknown."""

    actions: int
    points: int
    score: int | None
    rank: int | None


async def load_pending(tx: Transaction, platform: Platform, player_ids: Iterable[UUID]) -> HeldPoints:
    """The held points of these players; of who has more than ``held_counted`` held actions only the first are read."""
    most = platform.settings.held_counted
    points: dict[tuple[int, UUID], list[int]] = {}
    read: Counter[UUID] = Counter()
    for player_id, season_ids, worth in await actions.held(tx, player_ids, most + 1):
        read[player_id] += 1
        for season_id in season_ids:
            points.setdefault((season_id, player_id), []).append(worth)
    cut = frozenset(player_id for player_id, number in read.items() if number > most)
    return HeldPoints({pair: tuple(found) for pair, found in points.items()}, cut)


async def try_load_pending(platform: Platform, player_ids: Collection[UUID]) -> HeldPoints:
    """The same in a transaction of its own. While Postgres cannot tell, nothing is known of any of them."""
    if not player_ids:
        return HeldPoints({})
    try:
        return await platform.database.transact(lambda tx: load_pending(tx, platform, player_ids))
    except StoreUnavailable:
        return HeldPoints({}, frozenset(player_ids))


async def provisional_ranks(
    platform: Platform, wanted: Sequence[tuple[int, Board, UUID, int | None]], sight: Sight = Sight.PUBLIC
) -> list[int | None]:
    """Where players would stand with these scores, by (season, board, player, score); None where nobody can tell.

    On a frozen board they are compared with what everybody sees of it.
    """
    now = utc_now()
    states: dict[datetime | None, list[int]] = {}
    for place, (_, board, _, score) in enumerate(wanted):
        if score is not None:
            freeze = freeze_on(board, now, sight)
            states.setdefault(None if freeze is None or freeze.real else freeze.since, []).append(place)
    found: list[int | None] = [None] * len(wanted)
    try:
        for frozen, places in states.items():
            known = [
                (season, board, player, score or 0) for season, board, player, score in map(wanted.__getitem__, places)
            ]
            ranks = await leaderboard.provisional_ranks(platform.live, known, frozen)
            for place, rank in zip(places, ranks, strict=True):
                found[place] = rank
    except LiveUnavailable:
        return [None] * len(wanted)
    return found


async def read_pending(
    platform: Platform,
    board: Board,
    season: Season,
    scores: Mapping[UUID, int | None],
    sight: Sight = Sight.PUBLIC,
) -> dict[UUID, PendingView]:
    """What of these players is held in a board season. Left out is of whom nothing is, and all while Postgres is away
    or takes longer than ``pending_wait``: the places, which come from Redis, must not wait for it.

    Args:
        platform: stores.
        board: the board.
        season: its season.
        scores: what counts now, by player; what is held is only shown to the player.
        sight: what of a frozen board the players may see.
    """

    async def work(tx: Transaction) -> dict[UUID, tuple[Pending, int, int]]:
        held = await load_pending(tx, platform, scores)
        found = {}
        for player_id in scores:
            pending = held.of(season.id, player_id)
            if not pending.whole:
                found[player_id] = (pending, *await actions.held_in(tx, player_id, season.id))
            elif pending.points:
                found[player_id] = (pending, len(pending.points), sum(pending.points))
        return found

    if platform.catalog.stale_since is not None:
        return {}
    try:
        found = await platform.database.read_within(platform.settings.pending_wait, work)
    except StoreUnavailable:
        return {}
    would_be = {
        player: provisional_score(board, scores[player], pending)
        for player, (pending, number, _) in found.items()
        if number
    }
    ranks: list[int | None] = [None] * len(would_be)
    if would_be and season.status is not SeasonStatus.CLOSED:
        wanted = [(season.id, board, player, score) for player, score in would_be.items()]
        ranks = await provisional_ranks(platform, wanted, sight)
    return {
        player: PendingView(found[player][1], found[player][2], score, rank)
        for (player, score), rank in zip(would_be.items(), ranks, strict=True)
    }
