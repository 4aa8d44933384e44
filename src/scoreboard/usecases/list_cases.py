"""The queue of review cases, page by page, and single cases in the form of the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.review import LEADS, ReviewCase
from scoreboard.storage import actions, players, review_evidence, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.storage.review_queue import Place, QueueState
from scoreboard.usecases.case_views import CaseView, case_view, people_in
from scoreboard.usecases.platform import Platform


class Shelf(StrEnum):
    """Which cases are asked for."""

    OPEN = "open"
    MINE = "mine"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class CasePage:
    """Cases in order, where the next page begins (None at the end), and the queue in figures."""

    cases: tuple[CaseView, ...]
    next: Place | None
    queue: QueueState


async def list_cases(platform: Platform, who: UUID, shelf: Shelf, after: Place | None, limit: int) -> CasePage:
    """A page of the queue: open cases by urgency, then age; decided ones newest first.

    Cases about the reader are left out, for the reason of ``review_decision.may_look``. Raises StoreUnavailable.
    """
    boards = await platform.catalog.boards()

    async def work(tx: Transaction) -> CasePage:
        now = await actions.clock(tx)
        if shelf is Shelf.MINE:
            found = await review_queue.page_of(tx, who, now, after, limit + 1)
        elif shelf is Shelf.OPEN:
            found = await review_queue.open_page(tx, who, after, limit + 1)
        else:
            found = await review_queue.decided_page(tx, who, after, limit + 1)
        shown = found[:limit]
        following = _place(shelf, shown[-1]) if len(found) > limit else None
        views = await views_of(tx, boards, shown, now)
        return CasePage(tuple(views), following, await review_queue.state(tx, who, now))

    return await platform.database.transact(work)


def _place(shelf: Shelf, case: ReviewCase) -> Place:
    if shelf is Shelf.DECIDED and case.decided_at is not None:
        return 0, case.decided_at, case.id
    return case.priority, case.opened_at, case.id


async def views_of(
    tx: Transaction, boards: Mapping[str, Board], cases: Sequence[ReviewCase], now: datetime
) -> list[CaseView]:
    """These cases as lists show them, in order."""
    people = await players.find_many(tx, people_in(cases))
    facts = await review_queue.facts(tx, [case.id for case in cases])
    held = await review_evidence.held_counts(tx, {case.player_id for case in cases})
    return [
        case_view(case, people, facts[case.id], held.get(case.player_id, (0, 0)), _stakes_in_words(boards, case), now)
        for case in cases
    ]


def _stakes_in_words(boards: Mapping[str, Board], case: ReviewCase) -> tuple[str, ...]:
    words = []
    for stake in case.stakes:
        what, _, key = stake.partition(":")
        title = boards[key].title if key in boards else key
        words.append(f"leads {title}" if what == LEADS else f"near the top of {title}")
    return tuple(words)
