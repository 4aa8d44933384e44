"""Places of players who ask in the same moment: their own, and those around somebody.

Called by the API's queues for reads. Whoever looks at the same board season in the same way shares one call to Redis
and one to Postgres; an answer is what a read of its own would have been.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Look
from scoreboard.live.around import Around
from scoreboard.usecases.pending_scores import PendingView, read_pending
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_board import BoardView, OwnStanding, read_around, read_own_standings

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Place:
    """A board season and how it is looked at; ``season_id`` None is the current one."""

    board_key: str
    season_id: int | None
    look: Look


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """Where a player stands, and what of the player waits for a decision."""

    own: OwnStanding
    pending: PendingView | None


async def read_own_places(platform: Platform, requests: Sequence[tuple[Place, UUID]]) -> list[OwnPlace | Refusal]:
    """The own place of each player, or why there is none: NOT_FOUND without a score and without points that wait.

    Raises:
        StoreUnavailable: nothing can be told of any of them.
    """

    async def work(place: Place, players: Sequence[UUID]) -> list[OwnPlace | Refusal]:
        found = await read_own_standings(platform, place.board_key, players, place.season_id, place.look)
        pending: dict[UUID, PendingView] = {}
        if place.look.at is None:
            view = found[0].view
            scores = {player: own.score for player, own in zip(players, found, strict=True)}
            pending = await read_pending(platform, view.board, view.season, scores, place.look.sight)
        return [
            Refusal(ErrorCode.NOT_FOUND, "You have no score on this board yet.")
            if own.score is None and player not in pending
            else OwnPlace(own, pending.get(player))
            for player, own in zip(players, found, strict=True)
        ]

    return await _by_place(requests, work)


async def read_places_around(platform: Platform, requests: Sequence[tuple[Place, Around]]) -> list[BoardView | Refusal]:
    """The entries around each player; NOT_FOUND for who has no score there. Raises as :func:`read_own_places`."""

    async def work(place: Place, asked: Sequence[Around]) -> list[BoardView | Refusal]:
        return await read_around(platform, place.board_key, asked, place.season_id, place.look)

    return await _by_place(requests, work)


async def _by_place(
    requests: Sequence[tuple[Place, Question]],
    work: Callable[[Place, Sequence[Question]], Awaitable[list[Answer | Refusal]]],
) -> list[Answer | Refusal]:
    """Do the work once for each place, and put the answers into the order of the requests."""
    groups: dict[Place, list[int]] = {}
    for index, (place, _) in enumerate(requests):
        groups.setdefault(place, []).append(index)
    answers: dict[int, Answer | Refusal] = {}
    for place, members in groups.items():
        try:
            found = await work(place, [requests[index][1] for index in members])
        except Refusal as refusal:
            answers.update(dict.fromkeys(members, refusal))
            continue
        answers.update(zip(members, found, strict=True))
    return [answers[index] for index in range(len(requests))]
