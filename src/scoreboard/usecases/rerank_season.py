"""Rank a closed season again after totals in it were amended: its final standings, its checksum, a line in the audit
log that holds the checksum before and after.
"""

from dataclasses import dataclass

from scoreboard.domain.board import Board
from scoreboard.domain.season import Season
from scoreboard.storage import audit, seasons, standings
from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Reranked:
    """A season that was ranked again. Entries are those of its new standings."""

    season: Season
    entries: int
    checksum_before: bytes
    checksum_after: bytes


async def rerank_season(tx: Transaction, board: Board, season: Season) -> Reranked:
    """Write the final standings of a closed season anew.

    Args:
        tx: holds the season's row, so that nobody else writes its standings.
        board: the board by whose rules the season was closed.
        season: which one.
    """
    before = await seasons.checksum(tx, season.id)
    await standings.forget_final(tx, season.id)
    entries = await standings.save_final(tx, board, season.id)
    after = await standings.final_checksum(tx, season.id)
    await seasons.set_checksum(tx, season.id, after)
    return Reranked(season, entries, before, after)


async def record_rerank(tx: Transaction, reranked: Reranked, first_seq: int, last_seq: int) -> None:
    """Note in the audit log that a closed season was ranked again, and by which entries of the ledger. Call it last."""
    detail = {
        "entries": reranked.entries,
        "checksum_before": reranked.checksum_before.hex(),
        "checksum_after": reranked.checksum_after.hex(),
        "first_seq": first_seq,
        "last_seq": last_seq,
    }
    subject = f"{reranked.season.board_key}/{reranked.season.id}"
    await audit.record(tx, "season.reranked", subject, detail=detail)
