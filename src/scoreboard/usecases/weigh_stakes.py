"""What is at stake in open cases: who would lead a season, or stand near its top, with the held points counted.

Run by the worker. A completion that raises a case has no time for it, and places move while a case waits.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from scoreboard.domain.board import Board, sort_score
from scoreboard.domain.errors import Refusal
from scoreboard.domain.freeze import Look, Sight
from scoreboard.domain.provisional import HeldSum, provisional_total
from scoreboard.domain.review import LEADS, TOP, ReviewCase, with_stakes
from scoreboard.domain.standing import Entry
from scoreboard.storage import review_cases, review_evidence, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.storage.review_evidence import OpenTotal
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_board import read_top

_CASES = 500
_TOP = 10


async def weigh_stakes(platform: Platform) -> int:
    """Bring the priorities of the open cases up to date. Returns how many changed.

    Raises:
        StoreUnavailable: the next round does it.
    """
    boards = await platform.catalog.boards()
    cases, totals, held = await platform.database.transact(_read)
    tops: dict[str, Sequence[Entry]] = {}
    for board_key in sorted({total.board_key for total in totals} & boards.keys()):
        try:
            tops[board_key] = (await read_top(platform, board_key, _TOP, look=Look(Sight.REAL))).page.entries
        except Refusal:  # it cannot be read now: the stakes stay as they are
            return 0
    stakes: dict[UUID, set[str]] = defaultdict(set)
    for total in totals:
        if total.board_key in tops:
            waiting = held.get((total.season_id, total.player_id))
            found = _stake(boards[total.board_key], total, waiting, tops[total.board_key])
            stakes[total.player_id] |= {f"{found}:{total.board_key}"} if found else set()
    weighed = [with_stakes(case, stakes[case.player_id]) for case in cases]
    changed = [new for new, old in zip(weighed, cases, strict=True) if new != old]
    if not changed:
        return 0
    return await platform.database.transact(lambda tx: review_cases.set_stakes(tx, changed))


async def _read(tx: Transaction) -> tuple[list[ReviewCase], list[OpenTotal], dict[tuple[int, UUID], HeldSum]]:
    cases = await review_queue.latest(tx, _CASES)
    players = [case.player_id for case in cases]
    held = await review_evidence.held_sums(tx, players)
    return cases, await review_evidence.open_totals(tx, players, {season for season, _ in held}), held


def _stake(board: Board, total: OpenTotal, held: HeldSum | None, top: Sequence[Entry]) -> str | None:
    score = total.score if held is None else provisional_total(board, total.score, total.reached_at, held)
    if score is None:
        return None
    others = [entry for entry in top if entry.player_id != total.player_id]
    if not others or sort_score(board, score) <= sort_score(board, others[0].score):
        return LEADS
    near = len(others) < _TOP - 1 or sort_score(board, score) < sort_score(board, others[-1].score)
    return TOP if near else None
