-- Applies consecutive changes to one session's part of the view.
-- KEYS: head, window, states, members, roster, gone (one hash slot)
-- ARGV: view id, window length, most stays of a member, 1 while building from the log's
-- start, then changes; see arguments() in apply.go.
-- Returns OK, GAP (what is here does not reach up to the changes, or is not whole),
-- SUPERSEDED (a newer view is here), or BROKEN (put aside just now, because the log's own
-- events of the session don't follow on each other).
-- 64-bit numbers are decimal strings throughout: Lua's own would round them.
local head, window, states, members, roster, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local view, length, most_stays, building = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'

local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function pad(n) return string.rep('0', 20 - #n) .. n end
-- The number after n.
local function after_of(n)
  local nines = #string.match(n, '9*$')
  local rest = string.sub(n, 1, #n - nines)
  if rest == '' then rest = '0' end
  return string.sub(rest, 1, -2) .. string.char(string.byte(rest, -1) + 1) .. string.rep('0', nines)
end

local h = redis.call('HMGET', head, 'view', 'seq', 'index', 'members', 'roster', 'gone', 'window', 'states', 'holes', 'hole_at', 'first', 'broken')
local there, seq, index, first = h[1], h[2], h[3], h[11]
local holes, hole_at = tonumber(h[9] or '0'), h[10] or '0'
if h[12] then there = h[12] end
if there and there ~= view then
  if there > view then return 'SUPERSEDED' end
  redis.call('UNLINK', head, window, states, members, roster, gone)
  there, holes, hole_at, first = false, 0, '0', false
elseif h[12] then
  return 'OK'
end
if there then
  if redis.call('HLEN', members) ~= tonumber(h[4]) or redis.call('ZCARD', roster) ~= tonumber(h[5])
    or redis.call('ZCARD', gone) ~= tonumber(h[6]) or redis.call('XLEN', window) ~= tonumber(h[7])
    or redis.call('HLEN', states) ~= tonumber(h[8]) then
    return 'GAP'
  end
elseif redis.call('EXISTS', window, states, members, roster, gone) > 0 then
  -- Left over from an evicted head.
  if not building then return 'GAP' end
  redis.call('UNLINK', window, states, members, roster, gone)
end

-- Readers take the session for one of another view: TRY_AGAIN, never something short.
local function put_aside()
  redis.call('UNLINK', head, window, states, members, roster, gone)
  redis.call('HSET', head, 'view', '', 'broken', view, 'members', 0, 'roster', 0, 'gone', 0, 'window', 0, 'states', 0)
  return 'BROKEN'
end
-- While building nothing before the changes can be missing here: a gap is the log's own.
local function gap()
  if building then return put_aside() end
  return 'GAP'
end

-- A member is "role marker marker_index stays", role 0 for who is out, stays "from,from_index,to,to_index;…",
-- the last one "from,from_index," while in.
local function come(user, role)
  local was = redis.call('HGET', members, user)
  local stays = was and string.match(was, '^%S+ %S+ %S+ (.*)$') or ''
  local _, n = string.gsub(stays, ';', '')
  for _ = most_stays, n do stays = string.match(stays, '^[^;]*;(.*)$') end
  redis.call('HSET', members, user, role .. ' ' .. seq .. ' ' .. index .. ' ' .. stays .. seq .. ',' .. index .. ',')
  redis.call('ZADD', roster, 0, user)
end
local function go(user)
  local was = redis.call('HGET', members, user)
  if was then redis.call('HSET', members, user, '0' .. string.sub(was, 2) .. seq .. ',' .. index .. ';') end
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

local result, i, changed = 'OK', 5, false
-- What nobody can read is shown by its seq alone, up to before.
local function fill(before)
  while holes > 0 and less(seq, before) do
    seq, holes = after_of(seq), holes - 1
    redis.call('XADD', window, seq .. '-0', 'v', '', 't', '')
    changed = true
  end
  holes = 0
  redis.call('HSET', head, 'holes', 0)
end
-- A message's state stays for as long as the window holds the message or what became of it.
local function trim()
  local excess = redis.call('XLEN', window) - length
  if excess > 0 then
    local going = redis.call('HLEN', states) > 0 and redis.call('XRANGE', window, '-', '+', 'COUNT', excess) or {}
    redis.call('XTRIM', window, 'MAXLEN', length)
    first = string.match(redis.call('XRANGE', window, '-', '+', 'COUNT', 1)[1][1], '^%d+')
    for _, e in ipairs(going) do
      local target = e[2][4]
      if target == '' then target = string.match(e[1], '^%d+') end
      local r, d, o = string.match(redis.call('HGET', states, target) or '', '^(%S+) (%S+) (%S+)$')
      if r and less(target, first) and less(r, first) and less(d, first) and less(o, first) then
        redis.call('HDEL', states, target)
      end
    end
  end
end

while i <= #ARGV do
  local kind = ARGV[i]
  if kind == 'H' then
    -- H, offset: an outcome that counts and cannot be read stands here. It may have taken the next seq.
    if not there then return put_aside() end
    if less(hole_at, ARGV[i + 1]) then
      holes, hole_at = holes + 1, ARGV[i + 1]
      redis.call('HSET', head, 'holes', holes, 'hole_at', hole_at)
    end
    i = i + 2
  elseif kind == 'M' then
    -- M, user, marker, marker_index
    if not there then return gap() end
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
      return gap()
    end
    if less(seq, new) then
      if holes > 0 then fill(ARGV[i + 2]) end
      if ARGV[i + 2] ~= seq then
        result = gap()
        if result == 'BROKEN' then return result end
        break
      end
      if not first then first = new end
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
  trim()
  redis.call('HSET', head, 'seq', seq, 'index', index, 'first', first,
    'members', redis.call('HLEN', members), 'roster', redis.call('ZCARD', roster), 'gone', redis.call('ZCARD', gone),
    'window', redis.call('XLEN', window), 'states', redis.call('HLEN', states))
end
return result
