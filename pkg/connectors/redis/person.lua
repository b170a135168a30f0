-- Reads a session's head, a user's membership, and how many messages after the marker are gone.
-- KEYS: head, members, gone, facts, traits. ARGV: user, then fields of the facts and traits.
-- Returns life, view, head, member, gone, and those fields' values; {life} when there is no such session, {life, 'LOST'} when a key of it
-- was lost: the head counts its siblings.
local h = redis.call('HMGET', KEYS[1], 'view', 'seq', 'index', 'kind', 'title', 'base', 'policy', 'closed', 'first', 'counts', 'facts')
if not h[1] then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {life, 'LOST'} end
  return {life}
end
local n_members, n_roster, n_gone = string.match(h[10], '^(%d+) (%d+) (%d+)')
if redis.call('HLEN', KEYS[2]) ~= tonumber(n_members) or redis.call('ZCARD', KEYS[3]) ~= tonumber(n_gone) then return {life, 'LOST'} end
h[10] = n_roster
local more = {}
if h[11] then
  if h[11] ~= redis.call('HLEN', KEYS[4]) .. ' ' .. redis.call('HLEN', KEYS[5]) then return {life, 'LOST'} end
  for i = 2, #ARGV do
    local key = KEYS[4]
    if string.sub(ARGV[i], 1, 1) == '@' then key = KEYS[5] end
    more[i - 1] = redis.call('HGET', key, ARGV[i]) or ''
  end
end
h[11] = nil
local m = redis.call('HGET', KEYS[2], ARGV[1])
local gone = 0
local function pad(n) return string.rep('0', 20 - #n) .. n end
if m then
  local marker_index = string.match(m, '^%S+ %S+ (%S+) ')
  -- Unread ends with the stay.
  local upper = string.match(string.sub(m, -22), ',(%d+);$') or h[3]
  gone = redis.call('ZLEXCOUNT', KEYS[3], '(' .. pad(marker_index), '[' .. pad(upper))
end
return {life, h[1], h, m, gone, more}
