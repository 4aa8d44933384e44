"""The Lua scripts that change leaderboards. Each is one atomic step; none decides anything about points.

Only commands of Redis 6.2 are used, so that every server works (Redis, Valkey, KeyDB).
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Script:
    """A named Lua script and the hash by which the server knows it."""

    name: str
    source: str

    @cached_property
    def sha(self) -> str:
        """SHA-1 of the source, as EVALSHA wants it (not a matter of security)."""
        return hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


# Places one player in one epoch of one board season, unless a newer version is there already.
# p (hash): player → "version|tie|name", or "version||" for a player taken from view; z (zset): tie:player by
# sort score; d (zset), c (hash): distinct scores and how many hold them, kept only for boards with dense ranks.
_PLACE = """
local function forget(base, tie, player, dense)
  local member = tie .. ':' .. player
  if dense then
    local s = redis.call('ZSCORE', base .. ':z', member)
    if s and redis.call('HINCRBY', base .. ':c', s, -1) <= 0 then
      redis.call('HDEL', base .. ':c', s)
      redis.call('ZREM', base .. ':d', s)
    end
  end
  redis.call('ZREM', base .. ':z', member)
end
local function place(base, player, version, score, tie, name, dense)
  local old = redis.call('HGET', base .. ':p', player)
  if old then
    local v, t = string.match(old, '^(%d+)|(%d*)|')
    if tonumber(v) >= tonumber(version) then return false end
    if t ~= '' then forget(base, t, player, dense) end
  end
  if score == '' then
    redis.call('HSET', base .. ':p', player, version .. '||' .. name)
    return true
  end
  redis.call('HSET', base .. ':p', player, version .. '|' .. tie .. '|' .. name)
  redis.call('ZADD', base .. ':z', score, tie .. ':' .. player)
  if dense then
    local s = redis.call('ZSCORE', base .. ':z', tie .. ':' .. player)
    redis.call('HINCRBY', base .. ':c', s, 1)
    redis.call('ZADD', base .. ':d', s, s)
  end
  return true
end
"""

# position: 0-based place in the order; rank: by the board's style. Both nil for who is not in view.
RANK = """
local function member_of(base, player)
  local old = redis.call('HGET', base .. ':p', player)
  if not old then return nil end
  local tie = string.match(old, '^%d+|(%d*)|')
  if tie == '' then return nil end
  return tie .. ':' .. player
end
local function rank_at(base, position, score, style)
  if style == 'ordinal' then return position + 1 end
  if style == 'dense' then return redis.call('ZRANK', base .. ':d', score) + 1 end
  return redis.call('ZCOUNT', base .. ':z', '-inf', '(' .. score) + 1
end
local function locate(base, player, style)
  local member = member_of(base, player)
  if not member then return nil end
  local position = redis.call('ZRANK', base .. ':z', member)
  if not position then return nil end
  return position, rank_at(base, position, redis.call('ZSCORE', base .. ':z', member), style)
end
"""

# KEYS: stream, stream meta, then one prefix for each season.
# ARGV: run id, stream length, fresh stream epoch, number of seasons, then for each season: size, style, number of
#       items, then for each item: player, version, score ('' removes), tie, name; at last the event ('' for none) and
#       how many numbers it takes.
# Returns {stream epoch, first number, {for each season: state, epoch, seq, changed, {rank before, rank, applied, …}}}.
# state: 1 ranked, 0 the board season is not there (or from a server that restarted): Postgres answers meanwhile.
PROJECT = Script(
    "project",
    _PLACE
    + RANK
    + """
local run, length, fresh = ARGV[1], ARGV[2], ARGV[3]
local seasons = tonumber(ARGV[4])
local a = 5
local out = {}
for k = 1, seasons do
  local prefix = KEYS[2 + k]
  local size, style, count = tonumber(ARGV[a]), ARGV[a + 1], tonumber(ARGV[a + 2])
  a = a + 3
  local dense = style == 'dense'
  local meta = redis.call('HMGET', prefix .. ':meta', 'epoch', 'run', 'building', 'seq')
  local ready = meta[1] and meta[2] == run
  local live = ready and (prefix .. ':' .. meta[1])
  local building = meta[3] and meta[3] ~= '' and (prefix .. ':' .. meta[3])
  local changed = 0
  local ranks = {}
  for i = 1, count do
    local player, version, score, tie, name = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
    a = a + 5
    local before, was, applied, after, is
    if live then
      before, was = locate(live, player, style)
      applied = place(live, player, version, score, tie, name, dense)
      after, is = before, was
      if applied then
        after, is = locate(live, player, style)
        if (before and before < size) or (after and after < size) then changed = 1 end
      end
    end
    if building then place(building, player, version, score, tie, name, dense) end
    ranks[3 * i - 2], ranks[3 * i - 1], ranks[3 * i] = was or 0, is or 0, applied and 1 or 0
  end
  local seq = tonumber(meta[4] or '0')
  if changed == 1 then
    seq = redis.call('HINCRBY', prefix .. ':meta', 'seq', 1)
    local tops = redis.call('SMEMBERS', prefix .. ':tops')
    for t = 1, #tops do redis.call('DEL', tops[t]) end
    redis.call('DEL', prefix .. ':tops')
  end
  out[k] = {ready and 1 or 0, meta[1] or '', seq, changed, ranks}
end
local event, numbers = ARGV[a], tonumber(ARGV[a + 1])
local first = 0
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if event ~= '' then
  if not epoch then
    epoch = fresh
    redis.call('HSET', KEYS[2], 'epoch', epoch)
  end
  first = redis.call('HINCRBY', KEYS[2], 'n', numbers) - numbers + 1
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', length, '*', 'n', first, 'e', epoch, 'r', cmsgpack.pack(out), 'b', event)
end
return {epoch or '', first, out}
""",
)

# KEYS: prefix. ARGV: building epoch, dense, items as in PROJECT, packed (MessagePack): as arguments of their own they
# cost the client more than everything else of a rebuild. Players who are new to it, nearly all, are placed with two
# commands for all of them, the others one by one. Returns 1, or 0 when the building epoch is gone.
LOAD = Script(
    "load",
    _PLACE
    + """
if redis.call('HGET', KEYS[1] .. ':meta', 'building') ~= ARGV[1] then return 0 end
local base = KEYS[1] .. ':' .. ARGV[1]
local items = cmsgpack.unpack(ARGV[3])
if #items == 0 then return 1 end
local dense = ARGV[2] == '1'
local players, new, fields, members, others = {}, {}, {}, {}, {}
for a = 1, #items, 5 do players[#players + 1] = items[a] end
local known = redis.call('HMGET', base .. ':p', unpack(players))
for k, player in ipairs(players) do
  local a = 5 * k
  if known[k] or new[player] or dense then
    others[#others + 1] = a
  else
    local version, score, tie, name = items[a - 3], items[a - 2], items[a - 1], items[a]
    new[player] = true
    fields[#fields + 1] = player
    if score == '' then
      fields[#fields + 1] = version .. '||' .. name
    else
      fields[#fields + 1] = version .. '|' .. tie .. '|' .. name
      members[#members + 1] = score
      members[#members + 1] = tie .. ':' .. player
    end
  end
end
if #fields > 0 then redis.call('HSET', base .. ':p', unpack(fields)) end
if #members > 0 then redis.call('ZADD', base .. ':z', unpack(members)) end
for _, a in ipairs(others) do
  place(base, items[a - 4], items[a - 3], items[a - 2], items[a - 1], items[a], dense)
end
return 1
""",
)

# KEYS: prefix. ARGV: building epoch, run id. Makes the built epoch the live one in one step.
# Returns 1, or 0 when it is gone.
SWITCH = Script(
    "switch",
    """
local meta = redis.call('HMGET', KEYS[1] .. ':meta', 'building', 'epoch', 'seq')
if meta[1] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1] .. ':meta', 'epoch', ARGV[1], 'run', ARGV[2], 'building', '')
redis.call('HINCRBY', KEYS[1] .. ':meta', 'seq', 1)
redis.call('DEL', KEYS[1] .. ':tops', unpack(redis.call('SMEMBERS', KEYS[1] .. ':tops')))
local old = meta[2] and {':z', ':p', ':d', ':c'} or {}
for _, part in ipairs(old) do redis.call('UNLINK', KEYS[1] .. ':' .. meta[2] .. part) end
return 1
""",
)
