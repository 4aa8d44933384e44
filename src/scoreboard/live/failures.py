"""Failed proofs of identity, counted over all pods, and who is blocked for having too many.

Asked for failures only: a good request costs nothing here. Subjects are opaque names (an address comes hashed).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoreboard.live import keys
from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

# KEYS: the blocks, then one counter for each subject. ARGV: failures that block, seconds of the window, seconds of a
# block, then for each subject: its name, how many kinds of failure, then for each kind its name and how many.
# A window begins with the first failure. Returns for each subject who is to be blocked by this call:
# {index, failures, microseconds of the first, of now, kind, how many, …}; nobody is blocked twice at once.
_COUNT = Script(
    "count_failures",
    """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local most, window, block = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local a, out = 4, {}
for k = 2, #KEYS do
  local subject, kinds = ARGV[a], tonumber(ARGV[a + 1])
  a = a + 2
  if redis.call('HSETNX', KEYS[k], 'first', string.format('%.0f', now)) == 1 then
    redis.call('PEXPIRE', KEYS[k], math.ceil(window * 1000))
  end
  local n = 0
  for _ = 1, kinds do
    n = redis.call('HINCRBY', KEYS[k], 'n', ARGV[a + 1])
    redis.call('HINCRBY', KEYS[k], 'k:' .. ARGV[a], ARGV[a + 1])
    a = a + 2
  end
  if n >= most then
    local row = {k - 1, n, redis.call('HGET', KEYS[k], 'first'), string.format('%.0f', now)}
    local fields = redis.call('HGETALL', KEYS[k])
    for f = 1, #fields, 2 do
      if string.sub(fields[f], 1, 2) == 'k:' then
        row[#row + 1] = string.sub(fields[f], 3)
        row[#row + 1] = fields[f + 1]
      end
    end
    redis.call('DEL', KEYS[k])
    local known = tonumber(redis.call('ZSCORE', KEYS[1], subject) or '0')
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + block * 1000000), subject)
    redis.call('PEXPIRE', KEYS[1], math.ceil(block * 1000) + 1000)
    if known <= now then out[#out + 1] = row end
  end
end
return out
""",
)

# KEYS: the blocks. Forgets those that are over. Returns {subject, milliseconds left, …}.
_BLOCKS = Script(
    "read_blocks",
    """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local rows, out = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), {}
for r = 1, #rows, 2 do
  out[r] = rows[r]
  out[r + 1] = math.ceil((tonumber(rows[r + 1]) - now) / 1000)
end
return out
""",
)


@dataclass(frozen=True, slots=True)
class TooMany:
    """A subject whose failures have reached the bound, with how many there were of each kind.

    Moments are microseconds since 1970 on Redis's clock.
    """

    subject: str
    failures: int
    first_us: int
    last_us: int
    kinds: Mapping[str, int]


async def count_failures(
    live: Live, failures: Mapping[str, Mapping[str, int]], *, most: int, window: float, block: float
) -> list[TooMany]:
    """Add failures, and block the subjects that have too many.

    Args:
        live: Redis.
        failures: for each subject how many there were of each kind.
        most: so many within ``window`` block.
        window: seconds, counted from a subject's first failure.
        block: seconds.

    Returns:
        Those who are blocked from now on. Only the call that brought the last failure gets them.

    Raises:
        LiveUnavailable: nothing was counted.
    """
    subjects = list(failures)
    arguments: list[str | int] = [most, f"{window:.3f}", f"{block:.3f}"]
    for subject in subjects:
        arguments += [subject, len(failures[subject])]
        for kind, count in failures[subject].items():
            arguments += [kind, count]
    names = [keys.BLOCKS, *(keys.failures(subject) for subject in subjects)]
    return [_too_many(subjects, row) for row in await live.run(_COUNT, names, arguments)]


def _too_many(subjects: Sequence[str], row: Sequence[bytes | int]) -> TooMany:
    index, failures, first, last, *kinds = row
    counted = {bytes(kind).decode(): int(count) for kind, count in zip(kinds[::2], kinds[1::2], strict=True)}
    return TooMany(subjects[int(index) - 1], int(failures), int(first), int(last), counted)


async def read_blocks(live: Live) -> dict[str, float]:
    """Everybody who is blocked now, each with the seconds left. Raises LiveUnavailable."""
    rows = await live.run(_BLOCKS, [keys.BLOCKS], [])
    return {rows[r].decode(): rows[r + 1] / 1000 for r in range(0, len(rows), 2)}
