"""The places around players: all that are asked for in a moment, in one call and of one state of the leaderboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.standing import Page
from scoreboard.live import keys, read_scripts, scripts
from scoreboard.live.leaderboard import entry_of, run_here
from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

# KEYS: prefix. ARGV: run id, style, then for each question: player, how many places on each side.
# Returns nil, or {epoch, seq, total, {entries for each player, empty for who has no place}}.
_READ_AROUND = Script(
    "read_around",
    scripts.RANK
    + read_scripts.PAGE
    + """
local meta = redis.call('HMGET', KEYS[1] .. ':meta', 'epoch', 'run', 'seq')
if not meta[1] or meta[2] ~= ARGV[1] then return nil end
local base = KEYS[1] .. ':' .. meta[1]
local out = {}
for i = 3, #ARGV, 2 do
  local member = member_of(base, ARGV[i])
  local position = member and redis.call('ZRANK', base .. ':z', member)
  local found = {}
  if position then
    local radius = tonumber(ARGV[i + 1])
    found = page(base, math.max(0, position - radius), position + radius, ARGV[2])
  end
  out[#out + 1] = found
end
return {meta[1], meta[3] or '0', redis.call('ZCARD', base .. ':z'), out}
""",
)


@dataclass(frozen=True, slots=True)
class Around:
    """A question: around whom, and how many places on each side."""

    player_id: UUID
    radius: int


async def read_around(
    live: Live, season_id: int, board: Board, asked: Sequence[Around], frozen: datetime | None = None
) -> list[Page | None] | None:
    """The pages around these players, None for who has no place; None altogether when the leaderboard is not there.

    Raises:
        LiveUnavailable: Redis cannot be asked.
    """
    arguments: list[str | int] = [str(board.rank_style)]
    for each in asked:
        arguments += [str(each.player_id), each.radius]
    names = [keys.leaderboard(season_id, frozen=frozen is not None)]
    answer = await run_here(live, _READ_AROUND, names, arguments, frozen)
    if answer is None:
        return None
    epoch, seq, total, found = answer
    return [
        Page(
            epoch.decode(),
            int(seq),
            total,
            tuple(entry_of(board, *flat[i : i + 5]) for i in range(0, len(flat), 5)),
        )
        if flat
        else None
        for flat in found
    ]
