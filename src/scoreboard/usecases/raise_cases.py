"""Bring players before a reviewer: open a case, or give the open one more evidence.

Called inside the transaction of whatever noticed something: a batch of completions, a verdict of the model, a report, a
moderator's request, an appeal.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from scoreboard.domain.review import (
    Clearance,
    ReviewCase,
    Suspect,
    extend_case,
    holds,
    is_new_evidence,
    merged,
    open_case,
)
from scoreboard.security.identifiers import new_id
from scoreboard.storage import review_cases, suspicion_events
from scoreboard.storage.database import Transaction


async def raise_cases(tx: Transaction, suspects: Sequence[Suspect], now: datetime) -> dict[UUID, UUID]:
    """Open or extend the cases of these players, and note what was seen of each.

    A verdict of hold or suspend holds from now on everything that the player completes, until the case is decided. Who
    was cleared of the same signals gets no case; the events are noted all the same. Locks the players' rows of
    ``player_suspicion``, then their open cases; it may be called with the former locked already. Only this and a
    decision write ``player_suspicion.holding``: a caller who saves the rest of that row leaves the column alone.

    Args:
        tx: the caller's transaction.
        suspects: any number for one player; four statements whatever their number.
        now: the database's clock.

    Returns:
        The open case of each player; players who were cleared of what was seen are left out.
    """
    players = merged(suspects)
    if not players:
        return {}
    cleared, open_cases = await _known(tx, players)
    cases = {}
    for player_id, suspect in players.items():
        case = open_cases.get(player_id)
        if case is not None:
            cases[player_id] = extend_case(case, suspect, now)
        elif is_new_evidence(suspect, cleared[player_id], now):
            cases[player_id] = open_case(new_id(), suspect, now)
    if cases:
        await review_cases.save(tx, list(cases.values()), [who for who, case in cases.items() if holds(case.verdict)])
    found = {player_id: case.id for player_id, case in cases.items()}
    events = [(event, found.get(player_id)) for player_id, suspect in players.items() for event in suspect.events]
    await suspicion_events.add(tx, events)
    return found


async def would_be_raised(tx: Transaction, suspects: Sequence[Suspect], now: datetime) -> set[UUID]:
    """Whose case :func:`raise_cases` would open or extend; the others were cleared of what was seen.

    Takes the same locks. For callers who act on an account before they raise the case: whoever gets none is left alone.
    """
    players = merged(suspects)
    if not players:
        return set()
    cleared, open_cases = await _known(tx, players)
    return {
        player_id
        for player_id, suspect in players.items()
        if player_id in open_cases or is_new_evidence(suspect, cleared[player_id], now)
    }


async def _known(
    tx: Transaction, players: Iterable[UUID]
) -> tuple[dict[UUID, Clearance | None], dict[UUID, ReviewCase]]:
    """What these players were cleared of, and their open cases, locked in this order."""
    return await review_cases.lock_clearances(tx, players), await review_cases.lock_open(tx, players)
