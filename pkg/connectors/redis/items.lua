-- Reads timeline events of the window with what became of their messages.
-- KEYS: head, window, states, reactions, emojis. ARGV: f(orward)|b(ackward), first, last, limit, and who reads, or nothing.
-- Returns life, view, the last seq, and of each event its seq, value, state, newest body, reactions to it (as apply_facts.lua has
-- them), and of each of these whether it is the reader's; {life} when there is no such session, {life, 'LOST'} when a key of it was lost.
local h = redis.call('HMGET', KEYS[1], 'view', 'counts', 'first', 'reacted', 'seq')
local view = h[1]
if not view then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {life, 'LOST'} end
  return {life}
end
if redis.call('XLEN', KEYS[2]) .. ' ' .. redis.call('HLEN', KEYS[3]) ~= string.match(h[2], '%d+ %d+$') then return {life, 'LOST'} end
if h[4] and h[4] ~= redis.call('ZCARD', KEYS[4]) .. ' ' .. redis.call('HLEN', KEYS[5]) then return {life, 'LOST'} end
local entries
if ARGV[1] == 'f' then
  entries = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', ARGV[3] .. '-0', 'COUNT', ARGV[4])
else
  entries = redis.call('XREVRANGE', KEYS[2], ARGV[3] .. '-0', ARGV[2] .. '-0', 'COUNT', ARGV[4])
end
-- What lies below the window is not told: whether it is still known depends on when the window was cut.
local function told(event)
  if not event or event == '0' or #event < #h[3] or #event == #h[3] and event < h[3] then return '0' end
  return event
end
-- What people have reacted with, and which of it the reader has.
local function reactions(seq)
  local target = string.rep('0', 20 - #seq) .. seq
  local all, mine, at = h[4] and redis.call('HGET', KEYS[5], target) or '', '', 1
  while ARGV[5] and at <= #all do
    local space = string.find(all, ' ', at, true)
    local stop = string.find(all, '\0', space, true)
    mine = mine .. (redis.call('ZSCORE', KEYS[4], target .. string.sub(all, space, stop) .. ARGV[5]) and '1' or '0')
    at = stop + 1
  end
  return all, mine
end
local out = {life, view, h[5]}
for _, e in ipairs(entries) do
  local seq = string.match(e[1], '^%d+')
  local value, target = e[2][2], e[2][4]
  local reacted, mine = '', ''
  if target == '' then
    target = seq
    reacted, mine = reactions(seq)
  end
  local state, body = redis.call('HGET', KEYS[3], target) or '', ''
  local r, d, o = string.match(state, '^(%S+) (%S+) (%S+)$')
  r, d, o = told(r), told(d), told(o)
  if state ~= '' then state = r .. ' ' .. d .. ' ' .. o end
  if o ~= '0' and r == '0' and d == '0' then
    local over = redis.call('XRANGE', KEYS[2], o .. '-0', o .. '-0')
    if over[1] then body = over[1][2][2] end
  end
  out[#out + 1] = seq
  out[#out + 1] = value
  out[#out + 1] = state
  out[#out + 1] = body
  out[#out + 1] = reacted
  out[#out + 1] = mine
end
return out
