-- Applies consecutive changes to one session's part of the view.
-- KEYS: head, window, states, members, roster, gone (one hash slot)
-- ARGV: view id, window length, then changes; see arguments() in apply.go.
-- Returns OK, GAP (what is here does not reach up to the changes, or is not whole), or
-- SUPERSEDED (a newer view is here).
-- 64-bit numbers are decimal strings throughout: Lua's own would round them.
local head, window, states, members, roster, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local view, length = ARGV[1], tonumber(ARGV[2])

local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function pad(n) return string.rep('0', 20 - #n) .. n end

local h = redis.call('HMGET', head, 'view', 'seq', 'index', 'members', 'roster', 'gone', 'window', 'states', 'hole')
local there, seq, index, hole = h[1], h[2], h[3], h[9] == '1'
if there and there ~= view then
  if there > view then return 'SUPERSEDED' end
  redis.call('DEL', head, window, states, members, roster, gone)
  there, hole = false, false
end
if there then
  if redis.call('HLEN', members) ~= tonumber(h[4]) or redis.call('ZCARD', roster) ~= tonumber(h[5])
    or redis.call('ZCARD', gone) ~= tonumber(h[6]) or redis.call('XLEN', window) ~= tonumber(h[7])
    or redis.call('HLEN', states) ~= tonumber(h[8]) then
    return 'GAP'
  end
else
  -- Left over from an evicted head, if anything.
  redis.call('DEL', window, states, members, roster, gone)
end

-- A member is "role marker marker_index stays", stays "from,from_index,to,to_index;…",
-- the last one "from,from_index," while in.
local function come(user, role)
  local was = redis.call('HGET', members, user)
  local stays = was and string.match(was, '^%S+ %S+ %S+ (.*)$') or ''
  redis.call('HSET', members, user, role .. ' ' .. seq .. ' ' .. index .. ' ' .. stays .. seq .. ',' .. index .. ',')
  redis.call('ZADD', roster, 0, user)
end
local function go(user)
  local was = redis.call('HGET', members, user)
  if was then redis.call('HSET', members, user, was .. seq .. ',' .. index .. ';') end
  redis.call('ZREM', roster, user)
end
local function promote(user)
  local was = redis.call('HGET', members, user)
  if was then redis.call('HSET', members, user, '3' .. string.sub(was, 2)) end
end
local function mark(user, marker, marker_index)
  local was = redis.call('HGET', members, user)
  if not was then return end
  local role, old, stays = string.match(was, '^(%S+) (%S+) %S+ (.*)$')
  if less(old, marker) then
    redis.call('HSET', members, user, role .. ' ' .. marker .. ' ' .. marker_index .. ' ' .. stays)
  end
end
local function became(what, target, target_index)
  local was = redis.call('HGET', states, target) or '0 0 0'
  local r, d, o = string.match(was, '^(%S+) (%S+) (%S+)$')
  if what == 'r' then r = seq elseif what == 'd' then d = seq else o = seq end
  redis.call('HSET', states, target, r .. ' ' .. d .. ' ' .. o)
  if what ~= 'o' then redis.call('ZADD', gone, 0, pad(target_index)) end
end

local result, i, changed = 'OK', 3, false
while i <= #ARGV do
  local kind = ARGV[i]
  if kind == 'H' then
    -- An outcome that counts and cannot be read stands here: it may have taken the next seq.
    if there then
      hole = true
      redis.call('HSET', head, 'hole', '1')
    end
    i = i + 1
  elseif kind == 'M' then
    -- M, user, marker, marker_index
    if not there then result = 'GAP' break end
    mark(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    i = i + 4
  else
    -- C|E, seq, prev, value, sender, index, became, target, target_index, promoted, closed,
    -- number of comers, (user, role)…, number of goers, user…, and for C: kind, title, base, policy
    local new = ARGV[i + 1]
    local comers = tonumber(ARGV[i + 11])
    local goers_at = i + 12 + 2 * comers
    local goers = tonumber(ARGV[goers_at])
    local after = goers_at + 1 + goers
    if kind == 'C' then
      if not there then
        there, seq, index = true, ARGV[i + 2], '0'
        redis.call('HSET', head, 'view', view, 'kind', ARGV[after], 'title', ARGV[after + 1], 'base', ARGV[after + 2], 'policy', ARGV[after + 3], 'closed', '0')
      end
      after = after + 4
    elseif not there then
      result = 'GAP'
      break
    end
    if less(seq, new) then
      if ARGV[i + 2] ~= seq and not (hole and less(seq, ARGV[i + 2])) then result = 'GAP' break end
      if hole then
        hole = false
        redis.call('HDEL', head, 'hole')
      end
      seq, changed = new, true
      local target = ARGV[i + 7]
      redis.call('XADD', window, seq .. '-0', 'v', ARGV[i + 3], 't', target)
      for k = 0, comers - 1 do come(ARGV[i + 12 + 2 * k], ARGV[i + 13 + 2 * k]) end
      for k = 1, goers do go(ARGV[goers_at + k]) end
      if ARGV[i + 5] ~= '' then
        index = ARGV[i + 5]
        mark(ARGV[i + 4], seq, index)
      end
      if ARGV[i + 6] ~= '' then became(ARGV[i + 6], target, ARGV[i + 8]) end
      if ARGV[i + 9] ~= '' then promote(ARGV[i + 9]) end
      if ARGV[i + 10] == '1' then redis.call('HSET', head, 'closed', '1') end
    end
    i = after
  end
end
if changed then
  redis.call('XTRIM', window, 'MAXLEN', length)
  local first = redis.call('XRANGE', window, '-', '+', 'COUNT', 1)
  redis.call('HSET', head, 'seq', seq, 'index', index, 'first', string.match(first[1][1], '^%d+'),
    'members', redis.call('HLEN', members), 'roster', redis.call('ZCARD', roster), 'gone', redis.call('ZCARD', gone),
    'window', redis.call('XLEN', window), 'states', redis.call('HLEN', states))
end
return result
