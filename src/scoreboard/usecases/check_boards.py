"""Hold every leaderboard in Redis against Postgres, both ways, while scores go on; and closed seasons, and the stream.

Totals carry versions. A newer one in Redis was committed after Postgres was read, and is right; an older or another one
is looked at again when everything from before has been announced, and is wrong when nothing has changed by then.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from scoreboard.domain.board import Board, RankStyle
from scoreboard.domain.events import StandingChange
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.standing import Entry
from scoreboard.live import leaderboard
from scoreboard.live.placed import Placed, read_placed
from scoreboard.storage import catalog, outbox, proofs, scores, season_roots, seasons, standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.check_findings import Check, Findings
from scoreboard.usecases.platform import Platform

_PAGE = 500
_SETTLE = 0.2
"""Seconds between two looks; what is announced at all is announced within milliseconds of its commit."""
_SETTLE_TRIES = 50
OnProgress = Callable[[int, int], None]
_Pair = tuple[StandingChange | None, Placed | None]
"""What Postgres has of a player, and what Redis holds."""


async def check_boards(platform: Platform, sample: int | None, findings: Findings, on_progress: OnProgress) -> None:
    """Compare every running leaderboard, or ``sample`` players of each and its first places.

    Raises:
        LiveUnavailable, StoreUnavailable: nothing can be said.
    """
    boards = await platform.catalog.boards()
    for season in await platform.database.transact(seasons.unfinished):
        board = boards.get(season.board_key)
        if board is None:
            continue
        subject = f"{board.key}, {season.name}"
        if not await _is_ready(platform, season):
            words = f"The leaderboard of {subject} is not in Redis; Postgres answers, more slowly."
            findings.add(Check.BOARDS, subject, words)
            continue
        await _check(platform, board, season, sample, findings, on_progress)


async def _is_ready(platform: Platform, season: Season) -> bool:
    """The worker brings back what is missing; give it the time."""
    for _ in range(_SETTLE_TRIES):
        if await leaderboard.is_ready(platform.live, season.id):
            return True
        await asyncio.sleep(_SETTLE)
    return False


async def _check(
    platform: Platform, board: Board, season: Season, sample: int | None, findings: Findings, on_progress: OnProgress
) -> None:
    total = await platform.database.transact(lambda tx: scores.count(tx, season.id))
    total, done, suspected = min(total, sample or total), 0, dict[UUID, _Pair]()
    last = proofs.LOWEST
    if sample is not None:
        some = [player.id for player in await platform.database.transact(lambda tx: proofs.some_players(tx, sample))]
        for start in range(0, len(some), _PAGE):
            await _compare(platform, board, season, some[start : start + _PAGE], suspected)
            on_progress(min(start + _PAGE, len(some)), len(some))
        findings.looked(Check.BOARDS, len(some))
    while sample is None:
        changes = await platform.database.transact(
            lambda tx, a=last: proofs.changes_after(tx, season.id, a, _PAGE)  # type: ignore[misc]
        )
        if not changes:
            break
        await _weigh(platform, board, season, changes, suspected)
        findings.looked(Check.BOARDS, len(changes))
        last, done = changes[-1].player_id, done + len(changes)
        on_progress(done, max(total, done))
    await _check_places(platform, board, season, sample, suspected, findings)
    await _look_again(platform, board, season, suspected, findings)


async def _compare(
    platform: Platform, board: Board, season: Season, players: Sequence[UUID], into: dict[UUID, _Pair]
) -> None:
    """Look at some players, in Postgres first."""
    found = await platform.database.transact(lambda tx: scores.changes(tx, {(season.id, one) for one in players}))
    await _weigh(platform, board, season, list(found.values()), into)
    unknown = [player for player in players if (season.id, player) not in found]
    held = await read_placed(platform.live, season.id, board, unknown) if unknown else []
    into |= {player: (None, one) for player, one in zip(unknown, held or (), strict=False) if one and one.shown}


async def _weigh(
    platform: Platform, board: Board, season: Season, changes: Sequence[StandingChange], into: dict[UUID, _Pair]
) -> None:
    held = await read_placed(platform.live, season.id, board, [change.player_id for change in changes])
    if held is None:
        return  # dropped meanwhile: it is being built again from Postgres
    for change, placed in zip(changes, held, strict=True):
        if not _fits(change, placed):
            into[change.player_id] = (change, placed)


def _fits(change: StandingChange, placed: Placed | None) -> bool:
    if placed is None:
        return change.score is None
    if placed.version != change.version:
        return placed.version > change.version
    return placed.shown == _shown(change)


def _shown(change: StandingChange) -> tuple[int, datetime] | None:
    return None if change.score is None else (change.score, change.reached_at)


async def _check_places(
    platform: Platform, board: Board, season: Season, sample: int | None, into: dict[UUID, _Pair], findings: Findings
) -> None:
    """From the leaderboard's side: everybody in it belongs there, and the ranks follow from scores and moments."""
    start = 0
    while sample is None or start < sample:
        page = await leaderboard.read_range(platform.live, season.id, board, start, start + _PAGE - 1)
        if page is None or not page.entries:
            return
        subject = f"{board.key}, {season.name}"
        for words in misplaced(board, page.entries, start):
            findings.add(Check.BOARDS, subject, f"In the leaderboard of {subject} {words}.")
        await _compare(platform, board, season, [entry.player_id for entry in page.entries], into)
        start += len(page.entries)


def misplaced(board: Board, entries: Sequence[Entry], start: int) -> Iterable[str]:
    """What is wrong with the ranks of neighbouring entries, of which the first has the 0-based place ``start``."""
    if start == 0 and entries[0].rank != 1:
        yield f"the first place has rank {entries[0].rank}"
    for place, (one, following) in enumerate(pairwise(entries), start + 1):
        if board.rank_style is RankStyle.ORDINAL:
            rank = place + 1
        elif one.score == following.score:
            rank = one.rank
        else:
            rank = one.rank + 1 if board.rank_style is RankStyle.DENSE else place + 1
        if following.rank != rank:
            yield f"place {place + 1} has rank {following.rank}, and should have {rank}"


async def _look_again(
    platform: Platform, board: Board, season: Season, suspected: dict[UUID, _Pair], findings: Findings
) -> None:
    if not suspected:
        return
    await _announced(platform)
    again: dict[UUID, _Pair] = {}
    players = list(suspected)
    for start in range(0, len(players), _PAGE):
        await _compare(platform, board, season, players[start : start + _PAGE], again)
    for player, pair in suspected.items():
        if again.get(player) == pair:
            change, placed = pair
            name = change.username if change else str(player)
            findings.add(Check.BOARDS, name, f"{_words(board, season, name, change, placed)}.")


async def _announced(platform: Platform) -> None:
    """Wait until whatever was committed before this moment has been announced, as long as that may take."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(_SETTLE_TRIES):
        await asyncio.sleep(_SETTLE)
        _, oldest = await platform.database.transact(outbox.backlog)
        if oldest < loop.time() - began:
            return


def _words(board: Board, season: Season, name: str, change: StandingChange | None, placed: Placed | None) -> str:
    truth = _shown(change) if change else None
    shown = placed.shown if placed else None

    def told(pair: tuple[int, datetime] | None) -> str:
        return "nothing" if pair is None else f"{pair[0]} (reached {pair[1].isoformat()})"

    return f"The leaderboard of {board.key}, {season.name} shows {told(shown)} for {name}; Postgres has {told(truth)}"


async def check_archive(platform: Platform, findings: Findings, on_progress: OnProgress) -> None:
    """Closed seasons: their final standings are those of their totals, and have the checksum that was written down.

    Raises:
        StoreUnavailable: Postgres cannot be used.
    """
    known = await platform.database.transact(season_roots.known_seasons)
    closed = [season_id for season_id, season in known.items() if season.checksum is not None]
    for done, season_id in enumerate(closed):
        wrong = await platform.database.transact(lambda tx, s=season_id: _closed_fault(tx, s))  # type: ignore[misc]
        findings.looked(Check.ARCHIVE, 1)
        if wrong:
            subject = f"{known[season_id].board_key}, {known[season_id].name}"
            findings.add(Check.ARCHIVE, subject, f"The final standings of {subject} {wrong}.")
        on_progress(done + 1, len(closed))


async def _closed_fault(tx: Transaction, season_id: int) -> str:
    await tx.freeze()
    [(season, closed_at)] = (await seasons.share_known(tx, [season_id], locked=False)).values()
    if season.status is not SeasonStatus.CLOSED or closed_at is None:
        return ""
    if await standings.final_checksum(tx, season_id) != await seasons.checksum(tx, season_id):
        return "do not have the checksum that the season was closed with"
    board = await catalog.board_at(tx, season.board_key, closed_at)
    differing = await standings.final_differs(tx, board, season_id) if board is not None else 0
    return f"differ from its totals in {differing:,} places" if differing else ""
