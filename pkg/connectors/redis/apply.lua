-- Applies consecutive changes to one session's part of the view.
-- KEYS: head, window, states, members, roster, gone, facts, traits, mentions, tally, reactions, emojis (one hash slot)
-- ARGV: view id, window length, most stays of a member, 1 while building from the log's
-- start, from how many members on a tally is kept, the last event's log time, then changes; see arguments.go.
-- Returns OK, GAP (what is here does not reach up to the changes, or is not whole),
-- SUPERSEDED (a newer view is here), or BROKEN (put aside by this call, because the log's own
-- events of the session don't follow on each other; the same call again says so again, since its
-- answer may have been lost).
-- 64-bit numbers are decimal strings throughout: Lua's own would round them.
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

local function pad(n) return string.rep('0', 20 - #n) .. n end
-- The number after n.
local function after_of(n)
  local nines = #string.match(n, '9*$')
  local rest = string.sub(n, 1, #n - nines)
  if rest == '' then rest = '0' end
  return string.sub(rest, 1, -2) .. string.char(string.byte(rest, -1) + 1) .. string.rep('0', nines)
end
local function mark(user, marker, marker_index)
  local was = marks[user]
  if not was or less(was, marker) then marks[user], marks_index[user] = marker, marker_index end
end
local function put(user, row) rows[user], dirty[user] = row, true end
-- What the rows and delivery markers were before the call, for the tally.
local rows_were, got_were = {}, {}
-- The user's row; false for who never was in.
local function row_of(user)
  if rows[user] == nil then
    rows[user] = not fresh and call('HGET', members, user)
    rows_were[user] = rows[user]
  end
  local was, marker = rows[user], marks[user]
  if marker then
    marks[user] = nil
    if was then
      local row = raise(was, marker, marks_index[user])
      if row ~= was then put(user, row) end
    end
  end
  return rows[user]
end
local function write_rows()
  for user in pairs(marks) do row_of(user) end
  local args = {}
  for user in pairs(dirty) do
    args[#args + 1], args[#args + 2] = user, rows[user]
    if #args >= 2000 then
      n_members = n_members + call('HSET', members, unpack(args))
      args = {}
    end
  end
  if #args > 0 then n_members = n_members + call('HSET', members, unpack(args)) end
end

-- Readers take the session for one of another view: TRY_AGAIN, never something short.
local function put_aside()
  call('UNLINK', unpack(KEYS))
  -- The first change's kind and place tell which call did it.
  call('HSET', head, 'view', '', 'broken', view, 'by', table.concat(ARGV, ' ', begins, math.min(#ARGV, begins + 2)), 'counts', '0 0 0 0 0')
  return 'BROKEN'
end
-- While building nothing before the changes can be missing here: a gap is the log's own.
local function gap()
  if building then return put_aside() end
  return 'GAP'
end

local function come(user, role)
  local was = row_of(user)
  local n, stays = 0, ''
  if was then
    local _, _, _, rest = parts(was)
    local space = string.find(rest, ' ', 1, true)
    n, stays = tonumber(string.sub(rest, 1, space - 1)), string.sub(rest, space + 1)
  end
  if n >= most_stays then
    n, stays = n - 1, string.sub(stays, string.find(stays, ';', 1, true) + 1)
  end
  put(user, role .. ' ' .. seq .. ' ' .. index .. ' ' .. (n + 1) .. ' ' .. stays .. seq .. ',' .. index .. ',')
end
local function go(user)
  local was = row_of(user)
  if was then put(user, '0' .. string.sub(was, 2) .. seq .. ',' .. index .. ';') end
end
-- Takes comers from at on, and then goers; gives where the goers end.
local function membership(at)
  local comers, listed = tonumber(ARGV[at]), {}
  for k = at + 1, at + 2 * comers, 2 do
    come(ARGV[k], ARGV[k + 1])
    listed[#listed + 1], listed[#listed + 2] = '0', ARGV[k]
  end
  if comers > 0 then n_roster = n_roster + call('ZADD', roster, unpack(listed)) end
  at = at + 2 * comers + 1
  local goers = tonumber(ARGV[at])
  for k = at + 1, at + goers do go(ARGV[k]) end
  if goers > 0 then n_roster = n_roster - call('ZREM', roster, unpack(ARGV, at + 1, at + goers)) end
end
local function set_role(user, role)
  local was = row_of(user)
  if was then put(user, role .. string.sub(was, 2)) end
end
-- Facts are of the session; traits, which begin with '@', of its members. Mentions are "user index", of "*" for all.
local n_facts, n_traits, n_mentions = string.match(h[8] or '0 0 0', '^(%d+) (%d+) (%d+)$')
n_facts, n_traits, n_mentions = tonumber(n_facts), tonumber(n_traits), tonumber(n_mentions)
local counted = false
-- Reactions are "seq emoji NUL user", the seq padded. By such a seq emojis has what they come to: "count emoji NUL…", fifty
-- of these at most. Those of messages that the window holds no more are of no use; see sweep.
local n_reactions, n_emojis = string.match(h[10] or '0 0', '^(%d+) (%d+)$')
n_reactions, n_emojis = tonumber(n_reactions), tonumber(n_emojis)
local reacted = false
local function react(entry, off)
  local target = string.sub(entry, 1, 20)
  local step = off and -call('ZREM', reactions, entry) or call('ZADD', reactions, '0', entry)
  if step == 0 then return end
  local emoji = string.sub(entry, 22, string.find(entry, '\0', 22, true) - 1)
  local was, now, at, found = call('HGET', emojis, target) or '', {}, 1, false
  while at <= #was do
    local space = string.find(was, ' ', at, true)
    local stop = string.find(was, '\0', space, true)
    local n, of = tonumber(string.sub(was, at, space - 1)), string.sub(was, space + 1, stop - 1)
    if of == emoji then n, found = n + step, true end
    if n > 0 then now[#now + 1] = string.format('%d %s\0', n, of) end
    at = stop + 1
  end
  if not found then now[#now + 1] = '1 ' .. emoji .. '\0' end
  n_reactions, reacted = n_reactions + step, true
  if #now == 0 then
    n_emojis = n_emojis - call('HDEL', emojis, target)
  else
    n_emojis = n_emojis + call('HSET', emojis, target, table.concat(now))
  end
end
-- What is revoked or deleted shows none any more.
local function unreact(target)
  if n_emojis > 0 then n_emojis, reacted = n_emojis - call('HDEL', emojis, target), true end
end
-- Takes out some reactions to what the window holds no more: as many as a call can bring, and more.
local function sweep()
  if n_reactions == 0 then return end
  local old = call('ZRANGEBYLEX', reactions, '-', '(' .. pad(first), 'LIMIT', 0, 1000)
  if #old == 0 then return end
  n_reactions, reacted = n_reactions - call('ZREM', reactions, unpack(old)), true
  local target
  for _, entry in ipairs(old) do
    local of = string.sub(entry, 1, 20)
    if of ~= target then target, n_emojis = of, n_emojis - call('HDEL', emojis, of) end
  end
end
local function fact(op, field, value)
  if op == 'e' then return react(field, value == '') end
  if op == 'm' then
    n_mentions, counted = n_mentions + call('ZADD', mentions, '0', field .. ' ' .. pad(value)), true
    return
  end
  local key, more = facts, 0
  if string.sub(field, 1, 1) == '@' then key = traits end
  if op == 's' then
    more = call('HSET', key, field, value)
  elseif op == 'd' then
    if (key == facts and n_facts or n_traits) > 0 then more = -call('HDEL', key, field) end
  elseif op == 'i' then
    more = 1 - call('HEXISTS', key, field)
    call('HINCRBY', key, field, value)
  else
    -- Raise "seq index".
    local was = call('HGET', key, field)
    if not was or less(string.match(was, '^%d+'), string.match(value, '^%d+')) then
      more = call('HSET', key, field, value)
      local user = string.match(field, '^@g:(.*)$')
      if user and not got_were[user] then got_were[user] = string.match(was or '0', '^%d+') end
    end
  end
  if more ~= 0 then
    counted = true
    if key == facts then n_facts = n_facts + more else n_traits = n_traits + more end
  end
end
-- Takes facts from at on: their number, then (operation, field, value)…; gives where they end.
local function take_facts(at, take)
  local n = tonumber(ARGV[at])
  if take then
    for k = at + 1, at + 3 * n, 3 do fact(ARGV[k], ARGV[k + 1], ARGV[k + 2]) end
  end
  return at + 1 + 3 * n
end
if opening then take_facts(opening, true) end
local fields = {}
local function became(what, target, target_index)
  local was = call('HGET', states, target) or '0 0 0'
  local r, d, o = string.match(was, '^(%S+) (%S+) (%S+)$')
  if what == 'r' then r = seq elseif what == 'd' then d = seq else o = seq end
  n_states = n_states + call('HSET', states, target, r .. ' ' .. d .. ' ' .. o)
  if what ~= 'o' then
    n_gone = n_gone + call('ZADD', gone, '0', pad(target_index))
    unreact(pad(target))
  end
end

local function add(value, target)
  call('XADD', window, seq .. '-0', 'v', value, 't', target)
  n_window, changed = n_window + 1, true
end
-- What nobody can read is shown by its seq alone, up to before.
local function fill(before)
  while holes > 0 and less(seq, before) do
    seq, holes = after_of(seq), holes - 1
    add('', '')
  end
  holes = 0
  call('HSET', head, 'holes', 0)
end
-- Takes the event's place. Nil when it took it; 'SEEN', or the answer that ends the call.
local function place(new, prev, value, target)
  if not there then return gap() end
  if not less(seq, new) then return 'SEEN' end
  if holes > 0 then fill(prev) end
  if prev ~= seq then return gap() end
  seq = new
  add(value, target)
end
-- A message's state stays for as long as the window holds the message or what became of it.
local function trim()
  local excess = n_window - length
  if excess <= 0 then return end
  local going = n_states > 0 and call('XRANGE', window, '-', '+', 'COUNT', excess) or {}
  n_window = n_window - call('XTRIM', window, 'MAXLEN', length)
  first = string.match(call('XRANGE', window, '-', '+', 'COUNT', 1)[1][1], '^%d+')
  for _, e in ipairs(going) do
    local target = e[2][4]
    if target == '' then target = string.match(e[1], '^%d+') end
    local r, d, o = string.match(call('HGET', states, target) or '', '^(%S+) (%S+) (%S+)$')
    if r and less(target, first) and less(r, first) and less(d, first) and less(o, first) then
      n_states = n_states - call('HDEL', states, target)
    end
  end
  sweep()
end

-- The tally has, of present members: how many have read up to a seq ("m"), how many have got or read up to it ("g"), and
-- how many stays of theirs begin ("f") and end ("t") at it. Only what is not below the window's start: of nothing else
-- is asked who has seen it.
local added = {}
local function tell(kind, at, by)
  if at and not less(at, first) then added[kind .. at] = (added[kind .. at] or 0) + by end
end
local function tell_stays(stays, by)
  for from, to in string.gmatch(stays or '', '(%d+),%d+,(%d*)') do
    tell('f', from, by)
    if to ~= '' then tell('t', to, by) end
  end
end
-- What a row says of a present member, with the delivery marker.
local function standing(row, got)
  if not row or string.sub(row, 1, 1) == '0' then return nil, nil, nil end
  local _, marker, _, stays = parts(row)
  if less(marker, got) then return marker, got, stays end
  return marker, marker, stays
end
local function got_of(user)
  return n_traits > 0 and string.match(call('HGET', traits, '@g:' .. user) or '0', '^%d+') or '0'
end
local function recount(user)
  local got = got_of(user)
  local m, g, stays = standing(rows_were[user], got_were[user] or got)
  local now_m, now_g, now_stays = standing(rows[user], got)
  tell('m', m, -1)
  tell('g', g, -1)
  tell('m', now_m, 1)
  tell('g', now_g, 1)
  if stays ~= now_stays then
    tell_stays(stays, -1)
    tell_stays(now_stays, 1)
  end
end
-- Begins the tally with all the members there are.
local function count_all()
  local all = call('HGETALL', members)
  for k = 1, #all, 2 do
    local m, g, stays = standing(all[k + 1], got_of(all[k]))
    tell('m', m, 1)
    tell('g', g, 1)
    tell_stays(stays, 1)
  end
end
-- Removes what is below the window's start.
local function forget(from)
  local going = {}
  if tonumber(first) - tonumber(from) > length then
    for _, field in ipairs(call('HKEYS', tally)) do
      if less(string.sub(field, 2), first) then going[#going + 1] = field end
    end
  else
    while less(from, first) do
      for kind in string.gmatch('mgft', '.') do going[#going + 1] = kind .. from end
      from = after_of(from)
    end
  end
  for k = 1, #going, 1000 do call('HDEL', tally, unpack(going, k, math.min(k + 999, #going))) end
end
local function keep_tally()
  local missing = 0
  if h[9] then
    -- While building a loss stays one.
    missing = tonumber(h[9]) - call('HLEN', tally)
    for user in pairs(got_were) do row_of(user) end
    for user in pairs(rows_were) do recount(user) end
    forget(h[5])
  elseif n_members >= tally_from then
    count_all()
  else
    return
  end
  for field, by in pairs(added) do
    if by ~= 0 and call('HINCRBY', tally, field, by) == 0 then call('HDEL', tally, field) end
  end
  call('HSET', head, 'tally', call('HLEN', tally) + missing)
end

-- Takes the places after prev up to last, of which nothing will be shown.
local function pass(last, prev)
  if not there then return gap() end
  if not less(seq, last) then return 'SEEN' end
  if holes > 0 then fill(prev) end
  if less(seq, prev) then return gap() end
  seq, changed = last, true
end

local closed = false
while i <= #ARGV do
  local kind = ARGV[i]
  if kind == 'H' then
    -- H, offset: an outcome that counts and cannot be read stands here. It may have taken the next seq.
    if not there then return put_aside() end
    if less(call('HGET', head, 'hole_at') or '0', ARGV[i + 1]) then
      holes = holes + 1
      call('HSET', head, 'holes', holes, 'hole_at', ARGV[i + 1])
    end
    i = i + 2
  elseif kind == 'M' then
    -- M, user, marker, marker_index
    if not there then return gap() end
    mark(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    i = i + 4
  elseif kind == 'N' then
    -- N, facts: of an event that has no seq, so that it may be applied again
    if not there then return gap() end
    i = take_facts(i + 1, true)
  elseif kind == 'S' then
    -- S, n, prev, (seq, value, sender, index)…: n messages, the first after prev
    local n, prev = tonumber(ARGV[i + 1]), ARGV[i + 2]
    i = i + 3
    for _ = 1, n do
      local new = ARGV[i]
      result = place(new, prev, ARGV[i + 1], '')
      if not result then
        index = ARGV[i + 3]
        mark(ARGV[i + 2], seq, index)
      elseif result ~= 'SEEN' then
        break
      end
      prev = new
      i = i + 4
    end
    if result and result ~= 'SEEN' then break end
  elseif kind == 'P' then
    -- P, seq, prev, index, n, (sender, seq, index)…: messages after prev up to seq that the window holds no more
    -- when all there is to apply now is applied, each sender's last one
    local n = tonumber(ARGV[i + 4])
    result = pass(ARGV[i + 1], ARGV[i + 2])
    if not result then
      index = ARGV[i + 3]
      for k = i + 5, i + 4 + 3 * n, 3 do mark(ARGV[k], ARGV[k + 1], ARGV[k + 2]) end
    elseif result ~= 'SEEN' then
      break
    end
    i = i + 5 + 3 * n
  else
    -- C|E, seq, prev, value, became, target, target_index, promoted, closed,
    -- number of comers, (user, role)…, number of goers, user…, for C: kind, title, base, policy, for
    -- E: number of roles, (user, role)…, of the head's fields, (name, value)…, and for both the facts
    local goers_at = i + 10 + 2 * tonumber(ARGV[i + 9])
    local rest_at = goers_at + 1 + tonumber(ARGV[goers_at])
    local fields_at, facts_at = 0, rest_at + 4
    if kind == 'E' then
      fields_at = rest_at + 1 + 2 * tonumber(ARGV[rest_at])
      facts_at = fields_at + 1 + 2 * tonumber(ARGV[fields_at])
    end
    local after = take_facts(facts_at, false)
    local target = ARGV[i + 5]
    result = place(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], target)
    if not result then
      membership(i + 9)
      if ARGV[i + 4] ~= '' then became(ARGV[i + 4], target, ARGV[i + 6]) end
      if ARGV[i + 7] ~= '' then set_role(ARGV[i + 7], '3') end
      closed = closed or ARGV[i + 8] == '1'
      if kind == 'E' then
        for k = rest_at + 1, fields_at - 1, 2 do set_role(ARGV[k], ARGV[k + 1]) end
        for k = fields_at + 1, facts_at - 1 do fields[#fields + 1] = ARGV[k] end
      end
      take_facts(facts_at, true)
    elseif result ~= 'SEEN' then
      break
    end
    i = after
  end
end
if result == 'BROKEN' then return result end
write_rows()
if changed then
  trim()
  if opened then write_head(unpack(opened)) else write_head() end
  if closed then call('HSET', head, 'closed', '1') end
  if #fields > 0 then call('HSET', head, unpack(fields)) end
end
if there then keep_tally() end
if reacted then call('HSET', head, 'reacted', n_reactions .. ' ' .. n_emojis) end
if counted then call('HSET', head, 'facts', n_facts .. ' ' .. n_traits .. ' ' .. n_mentions) end
if result == 'GAP' then return result end
return 'OK'
