"""The Lua scripts that read leaderboards: each answers from one state of one board season.

Only commands of Redis 6.2 are used, as in ``scripts``.
"""

from scoreboard.live.scripts import RANK, Script

# The entries from one 0-based place to another: {player, score, tie, name, rank, …}.
PAGE = """
local function page(base, start, stop, style)
  local rows = redis.call('ZRANGE', base .. ':z', start, stop, 'WITHSCORES')
  local out = {}
  local last, rank
  for i = 1, #rows, 2 do
    local tie, player = string.match(rows[i], '^(%d+):(.+)$')
    local score = rows[i + 1]
    if style == 'ordinal' or score ~= last then rank = rank_at(base, start + (i - 1) / 2, score, style) end
    last = score
    local n = #out
    out[n + 1], out[n + 2], out[n + 3], out[n + 5] = player, score, tie, rank
    local row = redis.call('HGET', base .. ':p', player)
    out[n + 4] = row and string.match(row, '^%d+|%d*|(.*)$') or ''
  end
  return out
end
"""

# KEYS: prefix. ARGV: run id, style, start, stop (0-based, inclusive). Returns nil, or {epoch, seq, total, entries}.
READ_RANGE = Script(
    "read_range",
    RANK
    + PAGE
    + """
local meta = redis.call('HMGET', KEYS[1] .. ':meta', 'epoch', 'run', 'seq')
if not meta[1] or meta[2] ~= ARGV[1] then return nil end
local base = KEYS[1] .. ':' .. meta[1]
local entries = page(base, tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[2])
return {meta[1], meta[3] or '0', redis.call('ZCARD', base .. ':z'), entries}
""",
)

# KEYS: prefix. ARGV: run id, style, players.
# Returns nil, or {epoch, seq, total, {{position, score, tie, name, rank} or {} for each player}}.
READ_PLAYERS = Script(
    "read_players",
    RANK
    + """
local meta = redis.call('HMGET', KEYS[1] .. ':meta', 'epoch', 'run', 'seq')
if not meta[1] or meta[2] ~= ARGV[1] then return nil end
local base = KEYS[1] .. ':' .. meta[1]
local out = {}
for i = 3, #ARGV do
  local row = redis.call('HGET', base .. ':p', ARGV[i])
  local tie, name = string.match(row or '', '^%d+|(%d+)|(.*)$')
  local member = tie and (tie .. ':' .. ARGV[i])
  local position = member and redis.call('ZRANK', base .. ':z', member)
  if position then
    local score = redis.call('ZSCORE', base .. ':z', member)
    out[i - 2] = {position, score, tie, name, rank_at(base, position, score, ARGV[2])}
  else
    out[i - 2] = {}
  end
end
return {meta[1], meta[3] or '0', redis.call('ZCARD', base .. ':z'), out}
""",
)

# KEYS: one prefix for each question. ARGV: run id, then for each: style, whether of equal scores the newest comes
#       first, player, sort score. Returns for each the rank that the player would have, 0 without a leaderboard.
PROVISIONAL_RANKS = Script(
    "provisional_ranks",
    RANK
    + """
local out = {}
for k = 1, #KEYS do
  local a = 4 * k - 2
  local style, latest, player, score = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local meta = redis.call('HMGET', KEYS[k] .. ':meta', 'epoch', 'run')
  out[k] = 0
  if meta[1] and meta[2] == ARGV[1] then
    local base = KEYS[k] .. ':' .. meta[1]
    local member = member_of(base, player)
    local own = member and redis.call('ZSCORE', base .. ':z', member)
    local ahead
    if style == 'dense' then
      ahead = redis.call('ZCOUNT', base .. ':d', '-inf', '(' .. score)
      if own and tonumber(own) < tonumber(score) and redis.call('HGET', base .. ':c', own) == '1' then
        ahead = ahead - 1
      end
    else
      local with_equal = style == 'ordinal' and latest == '0'
      ahead = redis.call('ZCOUNT', base .. ':z', '-inf', (with_equal and '' or '(') .. score)
      if own and (tonumber(own) < tonumber(score) or (with_equal and tonumber(own) == tonumber(score))) then
        ahead = ahead - 1
      end
    end
    out[k] = ahead + 1
  end
end
return out
""",
)

# KEYS: prefix, top key. ARGV: run id. Returns nil, or {the kept top, how many players are ranked now}.
READ_TOP = Script(
    "read_top",
    """
local meta = redis.call('HMGET', KEYS[1] .. ':meta', 'epoch', 'run')
if not meta[1] or meta[2] ~= ARGV[1] then return nil end
local kept = redis.call('GET', KEYS[2])
if not kept then return nil end
return {kept, redis.call('ZCARD', KEYS[1] .. ':' .. meta[1] .. ':z')}
""",
)

# KEYS: prefix, top key. ARGV: epoch, seq, seconds, encoded top. Keeps it only while it is still the newest.
KEEP_TOP = Script(
    "keep_top",
    """
local meta = redis.call('HMGET', KEYS[1] .. ':meta', 'epoch', 'seq')
if meta[1] ~= ARGV[1] or (meta[2] or '0') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[3])
redis.call('SADD', KEYS[1] .. ':tops', KEYS[2])
return 1
""",
)
