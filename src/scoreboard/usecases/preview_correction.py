"""What a correction would change, before anybody decides on it. Nothing is locked and nothing is changed.

``apply_correction`` looks the same way before it acts, so that it can tell what it changed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scoreboard.domain.correction import BoardChanges, Scope, digest_of, require_scope
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.domain.score import Total
from scoreboard.storage import corrections, standings
from scoreboard.storage.corrections import Found
from scoreboard.storage.database import Transaction
from scoreboard.usecases.amendment_rows import AmendmentRows, look_at_rows
from scoreboard.usecases.platform import Platform


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be taken back. ``digest`` stands for exactly these actions; ``points`` is their sum."""

    scope: Scope
    found: tuple[Found, ...]
    players: int
    points: int
    digest: str
    boards: tuple[BoardChanges, ...]


async def preview_correction(platform: Platform, scope: Scope) -> Preview:
    """Look, in one state of the database.

    Raises:
        Refusal: VALIDATION_ERROR for a scope that is empty or too large; INVALID_SCORE when a board could not hold
            what would be left of a player's total.
        StoreUnavailable: Postgres cannot be asked, or takes too long.
    """

    async def work(tx: Transaction) -> Preview:
        await tx.freeze()
        found = await find_actions(tx, platform, scope)
        _, boards = await what_moves(tx, platform, found)
        return Preview(
            scope,
            tuple(found),
            len({one.player_id for one in found}),
            sum(one.points for one in found),
            digest_of((one.seq, one.action_id) for one in found),
            boards,
        )

    return await platform.database.transact(work)


async def find_actions(tx: Transaction, platform: Platform, scope: Scope) -> list[Found]:
    """The actions that a correction of this scope takes back. Raises as :func:`preview_correction`."""
    require_scope(scope)
    limit = platform.settings.correction_actions_limit
    found = await corrections.in_scope(tx, scope, limit + 1)
    if len(found) > limit:
        words = f"More than {limit} actions fit this; choose a shorter interval, or fewer at a time."
        raise Refusal(ErrorCode.VALIDATION_ERROR, words)
    return found


async def what_moves(
    tx: Transaction, platform: Platform, found: Sequence[Found]
) -> tuple[AmendmentRows, tuple[BoardChanges, ...]]:
    """What taking these actions back changes on every board season in which they count, and the rows that say so."""
    types = {one.action_id: EntryType.VOIDED for one in found}
    rows = await look_at_rows(tx, await platform.catalog.boards(), types, platform.settings.amendment_chunk)
    by_season: dict[int, list[Total]] = defaultdict(list)
    for (season_id, _), total in rows.changed.items():
        by_season[season_id].append(total)
    changes = []
    for season_id, totals in sorted(by_season.items()):
        board, season = rows.boards[season_id], rows.seasons[season_id]
        moved, count = await standings.compare(tx, board, season, totals, platform.settings.correction_changes_shown)
        more = count - len(moved)
        changes.append(BoardChanges(board.key, board.title, season_id, str(season.status), tuple(moved), more))
    return rows, tuple(changes)
