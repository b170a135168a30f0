-- Part of apply.lua: the timeline, and the changes one by one.
if opening then take_facts(opening, true) end

-- Readers take the session for one of another view: TRY_AGAIN, never something short. Of which it is they see behind the mark.
local function put_aside()
  call('UNLINK', unpack(KEYS))
  -- The first change's kind and place tell which call did it.
  call('HSET', head, 'view', '!' .. view, 'broken', view, 'by', table.concat(ARGV, ' ', begins, math.min(#ARGV, begins + 2)), 'counts', '0 0 0 0 0')
  return 'BROKEN'
end
-- While building nothing before the changes can be missing here: a gap is the log's own.
local function gap()
  if building then return put_aside() end
  return 'GAP'
end

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
