"""What can be listened to: a board's current season, one season of a board, or one's own news."""

import re
from dataclasses import dataclass

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Sight

ME_NAME = "me"
_BOARD = re.compile(r"board:([a-z0-9][a-z0-9_-]{0,63})(?:@([0-9]{1,15}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Channel:
    """A name from a ``subscribe`` message, understood. ``board`` None means: my own news.

    ``sight`` is what the listener may see of the board while it is frozen.
    """

    name: str
    board: str | None = None
    season: int | None = None
    sight: Sight = Sight.PUBLIC

    @property
    def follows(self) -> bool:
        """Whether it moves on to a board's next season."""
        return self.board is not None and self.season is None


ME = Channel(ME_NAME)


def board_channel(key: str, season: int | None = None) -> Channel:
    """The channel of a board, or of one of its seasons."""
    return Channel(f"board:{key}" if season is None else f"board:{key}@{season}", key, season)


def parse(name: str) -> Channel:
    """The channel with this name. Raises Refusal VALIDATION_ERROR."""
    if name == ME_NAME:
        return ME
    match = _BOARD.fullmatch(name)
    if match is None:
        raise Refusal(ErrorCode.VALIDATION_ERROR, 'A channel is "me", "board:<key>" or "board:<key>@<season id>".')
    return board_channel(match[1], int(match[2]) if match[2] else None)
