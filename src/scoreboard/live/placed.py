"""What a leaderboard holds of players, with the versions of their totals: what a check compares with Postgres."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import Board, reached_at_of, sort_score
from scoreboard.live import keys
from scoreboard.live.leaderboard import run_here
from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

# KEYS: prefix. ARGV: run id, players.
# Returns nil, or for each player {version, tie, score}, {version} for one taken from view, {} for an unknown one.
_READ_PLACED = Script(
    "read_placed",
    """
local meta = redis.call('HMGET', KEYS[1] .. ':meta', 'epoch', 'run')
if not meta[1] or meta[2] ~= ARGV[1] then return nil end
local base = KEYS[1] .. ':' .. meta[1]
local out = {}
for i = 2, #ARGV do
  local row = redis.call('HGET', base .. ':p', ARGV[i])
  local version, tie = string.match(row or '', '^(%d+)|(%d*)|')
  if not version then
    out[i - 1] = {}
  elseif tie == '' then
    out[i - 1] = {version}
  else
    out[i - 1] = {version, tie, redis.call('ZSCORE', base .. ':z', tie .. ':' .. ARGV[i]) or ''}
  end
end
return out
""",
)


@dataclass(frozen=True, slots=True)
class Placed:
    """What a leaderboard holds of a player: which version of the total, and score and moment; None out of view."""

    version: int
    shown: tuple[int, datetime] | None


async def read_placed(live: Live, season_id: int, board: Board, players: Iterable[UUID]) -> list[Placed | None] | None:
    """What is held of these players, None for each who is unknown; None when the leaderboard is not there.

    Raises:
        LiveUnavailable: Redis cannot be asked.
    """
    asked = [str(player) for player in players]
    answer = await run_here(live, _READ_PLACED, [keys.leaderboard(season_id)], asked)
    return None if answer is None else [_placed(board, row) for row in answer]


def _placed(board: Board, row: Sequence[bytes]) -> Placed | None:
    if not row:
        return None
    version = int(row[0])
    if len(row) == 1 or not row[2]:  # a place in the order is missing: as good as not shown
        return Placed(version, None)
    return Placed(version, (sort_score(board, int(float(row[2]))), reached_at_of(board, row[1].decode())))
