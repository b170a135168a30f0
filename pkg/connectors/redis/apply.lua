-- Applies consecutive changes to one session's part of the view.
-- KEYS: head, window, states, members, roster, gone, facts, traits, mentions, tally, reactions, emojis (one hash slot)
-- ARGV: view id, window length, most stays of a member, 1 while building from the log's
-- start, from how many members on a tally is kept, the last event's log time, then changes; see arguments.go.
-- Returns OK, GAP (what is here does not reach up to the changes, or is not whole),
-- SUPERSEDED (a newer view is here), or BROKEN (put aside by this call, because the log's own
-- events of the session don't follow on each other; the same call again says so again, since its
-- answer may have been lost).
-- 64-bit numbers are decimal strings throughout: Lua's own would round them.
-- This file has what there is and what comes most often. The others follow it as one script, for all else: apply_members.lua,
-- apply_facts.lua, apply_tally.lua and apply_changes.lua, which takes change by change and writes what they come to.
local head, window, states, members, roster, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local facts, traits, mentions, tally, reactions, emojis = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local view, length, most_stays, building = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local tally_from, at, begins = tonumber(ARGV[5]), ARGV[6], 7 -- where the changes begin

local call = redis.call

local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local h = call('HMGET', head, 'view', 'seq', 'index', 'counts', 'first', 'holes', 'broken', 'facts', 'tally', 'reacted')
local there, seq, index, first = h[7] or h[1], h[2], h[3], h[5]
local holes = tonumber(h[6] or '0')
if there and there ~= view then
  if there > view then return 'SUPERSEDED' end
  call('UNLINK', unpack(KEYS))
  there, holes, first, h[8], h[9], h[10] = false, 0, false, false, false, false
elseif h[7] then
  if call('HGET', head, 'by') == table.concat(ARGV, ' ', begins, math.min(#ARGV, begins + 2)) then return 'BROKEN' end
  return 'OK'
end
-- How much each key holds: the head has "members roster gone window states", so that a lost key is noticed.
local n_members, n_roster, n_gone, n_window, n_states = 0, 0, 0, 0, 0
if there and building then
  -- What was lost is noticed all the same, by who comes next: the head goes on counting from here.
  n_members, n_roster, n_gone, n_window, n_states = string.match(h[4], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  n_members, n_roster, n_gone, n_window, n_states = tonumber(n_members), tonumber(n_roster), tonumber(n_gone), tonumber(n_window), tonumber(n_states)
elseif there then
  n_members, n_roster, n_gone, n_window, n_states = call('HLEN', members), call('ZCARD', roster), call('ZCARD', gone), call('XLEN', window), call('HLEN', states)
  if h[4] ~= n_members .. ' ' .. n_roster .. ' ' .. n_gone .. ' ' .. n_window .. ' ' .. n_states then return 'GAP' end
  -- Facts, traits and mentions are counted apart, since most sessions have none.
  if h[8] and h[8] ~= call('HLEN', facts) .. ' ' .. call('HLEN', traits) .. ' ' .. call('ZCARD', mentions) then return 'GAP' end
  if h[9] and tonumber(h[9]) ~= call('HLEN', tally) then return 'GAP' end
  if h[10] and h[10] ~= call('ZCARD', reactions) .. ' ' .. call('HLEN', emojis) then return 'GAP' end
elseif call('EXISTS', unpack(KEYS, 2)) > 0 then
  -- Left over from an evicted head.
  if not building then return 'GAP' end
  call('UNLINK', unpack(KEYS, 2))
end

-- A member is "role marker marker_index n stays": role 0 for who is out, n stays "from,from_index,to,to_index;…",
-- the last one "from,from_index," while in. Plain finds, since the stays may be long.
local function parts(was)
  local a = string.find(was, ' ', 1, true)
  local b = string.find(was, ' ', a + 1, true)
  local c = string.find(was, ' ', b + 1, true)
  return string.sub(was, 1, a - 1), string.sub(was, a + 1, b - 1), string.sub(was, b + 1, c - 1), string.sub(was, c + 1)
end
local function raise(was, marker, marker_index)
  local role, old, _, rest = parts(was)
  if not less(old, marker) then return was end
  return role .. ' ' .. marker .. ' ' .. marker_index .. ' ' .. rest
end
local function write_head(...)
  call('HSET', head, 'seq', seq, 'index', index, 'first', first, 'at', at,
    'counts', string.format('%d %d %d %d %d', n_members, n_roster, n_gone, n_window, n_states), ...)
end
-- Each member's row is read once a call and written once, at its end: rows has what it is by now, dirty those to be
-- written. Until something asks for the row, a marker is only noted: marks has the highest, and its index.
local rows, dirty, marks, marks_index = {}, {}, {}, {}

-- Nearly all there is are sessions that begin and messages that simply follow: done before anything else is set up.
local result, i, changed, fresh, opened = nil, begins, false, false, nil
local opening = nil -- where the facts of a session that begins stand, if it has any
if not there and ARGV[i] == 'C' then
  there, fresh, changed, seq, index, first = true, true, true, ARGV[i + 1], '0', ARGV[i + 1]
  call('XADD', window, seq .. '-0', 'v', ARGV[i + 3], 't', '')
  n_window = 1
  local listed, row, comers = {}, ' ' .. seq .. ' 0 1 ' .. seq .. ',0,', tonumber(ARGV[i + 9])
  i = i + 10
  for k = i, i + 2 * comers - 2, 2 do
    local user = ARGV[k]
    rows[user], dirty[user] = ARGV[k + 1] .. row, true
    listed[#listed + 1], listed[#listed + 2] = '0', user
  end
  if comers > 0 then n_roster = call('ZADD', roster, unpack(listed)) end
  i = i + 2 * comers + 1
  opened = {'view', view, 'kind', ARGV[i], 'title', ARGV[i + 1], 'base', ARGV[i + 2], 'policy', ARGV[i + 3], 'closed', '0'}
  if ARGV[i + 4] ~= '0' then opening = i + 4 end
  i = i + 5 + 3 * tonumber(ARGV[i + 4])
end
while there and ARGV[i] == 'S' and ARGV[i + 2] == seq and holes == 0 do
  local n = tonumber(ARGV[i + 1])
  if (n_states > 0 or h[10]) and n_window + n > length then break end
  i = i + 3
  for _ = 1, n do
    seq, index = ARGV[i], ARGV[i + 3]
    call('XADD', window, seq .. '-0', 'v', ARGV[i + 1], 't', '')
    marks[ARGV[i + 2]], marks_index[ARGV[i + 2]] = seq, index
    i = i + 4
  end
  n_window, changed = n_window + n, true
end
-- Who is in a session that begins has no row yet.
local tallied = h[9] or math.max(n_members, n_roster) >= tally_from
if i > #ARGV and not opening and not tallied then
  local written = {}
  for user, row in pairs(rows) do
    if marks[user] then row = raise(row, marks[user], marks_index[user]) end
    written[#written + 1], written[#written + 2] = user, row
  end
  for user, marker in pairs(marks) do
    local was = not fresh and call('HGET', members, user)
    if was then written[#written + 1], written[#written + 2] = user, raise(was, marker, marks_index[user]) end
  end
  if #written > 0 then n_members = n_members + call('HSET', members, unpack(written)) end
  if n_window > length then
    n_window = n_window - call('XTRIM', window, 'MAXLEN', length)
    first = string.match(call('XRANGE', window, '-', '+', 'COUNT', 1)[1][1], '^%d+')
  end
  if opened then write_head(unpack(opened)) else write_head() end
  return 'OK'
end
