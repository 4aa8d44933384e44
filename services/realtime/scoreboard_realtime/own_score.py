"""Whether a player's own score goes on from what a connection was told of it.

Batches of two API processes, or one that the worker announces for an API that died, may come in another order than they
were committed in. Each message tells the score before and after; where that does not fit, a snapshot takes its place.
"""

from collections.abc import Iterable
from enum import Enum, auto

from scoreboard_realtime.parcel import Parcel

Heard = dict[int, int | None]
"""Season id → the score that was told last. Other seasons are believed at the first message."""


class Step(Enum):
    """What a message is to somebody who has heard something before."""

    NEXT = auto()
    """It goes on from there, or tells of no score."""
    CONTAINED = auto()
    """A snapshot, read while it was under way, told of it already."""
    BROKEN = auto()
    """Something is missing in between, or came before: only a snapshot helps."""


def step(heard: Heard, parcel: Parcel) -> Step:
    """Hold a message against what was heard, and take note of it when it goes on from there."""
    season, data = parcel.content.get("season"), parcel.content.get("data") or {}
    score = data.get("score")
    if season is None or not isinstance(score, dict):
        return Step.NEXT
    previous, current = score["previous"], score["current"]
    if season not in heard or heard[season] == previous:
        heard[season] = current
        return Step.NEXT
    return Step.CONTAINED if heard[season] == current else Step.BROKEN


def unbroken(parcels: Iterable[Parcel]) -> bool:
    """Whether messages, oldest first, go on from one another."""
    heard: Heard = {}
    return all(step(heard, parcel) is Step.NEXT for parcel in parcels)
