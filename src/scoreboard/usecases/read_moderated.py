"""Players as moderators see them: found by the beginning of the name, or one with all cases."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player
from scoreboard.domain.review import ReviewCase
from scoreboard.storage import players, review_cases, review_evidence, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.usecases.case_views import HeldTotal
from scoreboard.usecases.platform import Platform

_MOST = 20
_CASES = 50
UNKNOWN_PLAYER = "There is no such player."


class FoundPlayer(msgspec.Struct, frozen=True):
    """A player in a list. ``open_case`` is the id of the case that waits for a decision."""

    id: UUID
    username: str
    role: str
    status: str
    suspended_until: datetime | None
    protected: bool
    created_at: datetime
    open_case: UUID | None


class PastCase(msgspec.Struct, frozen=True):
    """A case of a player in short."""

    id: UUID
    number: int
    source: str
    verdict: str
    status: str
    decision: str | None
    opened_at: datetime
    decided_at: datetime | None


class ModeratedPlayer(msgspec.Struct, frozen=True):
    """A player with what reviewers know. ``suspicion`` is the value of its last change, 0..1; ``holding``: all that
    the player completes waits.
    """

    player: FoundPlayer
    suspicion: float
    holding: bool
    cleared_until: datetime | None
    held: HeldTotal
    cases: tuple[PastCase, ...]


async def search_players(platform: Platform, beginning: str, reader: UUID) -> tuple[FoundPlayer, ...]:
    """At most twenty players whose names begin so, in the order of their names. Raises StoreUnavailable.

    Nobody is told of a case about themselves.
    """

    async def work(tx: Transaction) -> tuple[FoundPlayer, ...]:
        found = await _found(tx, await players.search(tx, beginning, _MOST))
        return tuple(msgspec.structs.replace(one, open_case=None) if one.id == reader else one for one in found)

    return await platform.database.transact(work)


async def _found(tx: Transaction, who: Sequence[Player]) -> list[FoundPlayer]:
    cases = await review_queue.open_of(tx, [player.id for player in who])
    return [
        FoundPlayer(
            player.id,
            player.username,
            str(player.role),
            str(player.status),
            player.suspended_until,
            player.protected,
            player.created_at,
            cases.get(player.id),
        )
        for player in who
    ]


async def read_moderated(platform: Platform, player_id: UUID, reader: UUID) -> ModeratedPlayer:
    """One player. Raises Refusal NOT_FOUND, FORBIDDEN for oneself, or StoreUnavailable."""
    if player_id == reader:
        words = "This is your own account; somebody else has to look at what is known about it."
        raise Refusal(ErrorCode.FORBIDDEN, words)
    return await platform.database.transact(lambda tx: moderated(tx, player_id))


async def moderated(tx: Transaction, player_id: UUID) -> ModeratedPlayer:
    """One player, as of the caller's transaction. Raises Refusal NOT_FOUND."""
    player = await players.find(tx, player_id)
    if player is None:
        raise Refusal(ErrorCode.NOT_FOUND, UNKNOWN_PLAYER)
    [found] = await _found(tx, [player])
    suspicion, holding, cleared_until = await review_cases.suspicion_of(tx, player_id)
    held = (await review_evidence.held_counts(tx, [player_id])).get(player_id, (0, 0))
    cases = await review_queue.of_player(tx, player_id, _CASES)
    return ModeratedPlayer(found, suspicion, holding, cleared_until, HeldTotal(*held), tuple(map(_past, cases)))


def _past(case: ReviewCase) -> PastCase:
    return PastCase(
        case.id,
        case.number,
        str(case.source),
        str(case.verdict),
        str(case.status),
        case.decision and str(case.decision),
        case.opened_at,
        case.decided_at,
    )
