-- Reads a session's head, a user's membership, and how many messages after the marker are gone.
-- KEYS: head, members, gone. ARGV: user.
-- Returns life, view, head, member, gone; {life} when there is no such session, {life, 'LOST'} when a key of it
-- was lost: the head counts its siblings.
local h = redis.call('HMGET', KEYS[1], 'view', 'seq', 'index', 'kind', 'title', 'base', 'policy', 'closed', 'first', 'counts')
if not h[1] then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {life, 'LOST'} end
  return {life}
end
local n_members, n_roster, n_gone = string.match(h[10], '^(%d+) (%d+) (%d+)')
if redis.call('HLEN', KEYS[2]) ~= tonumber(n_members) or redis.call('ZCARD', KEYS[3]) ~= tonumber(n_gone) then return {life, 'LOST'} end
h[10] = n_roster
local m = redis.call('HGET', KEYS[2], ARGV[1])
local gone = 0
local function pad(n) return string.rep('0', 20 - #n) .. n end
if m then
  local marker_index = string.match(m, '^%S+ %S+ (%S+) ')
  -- Unread ends with the stay.
  local upper = string.match(string.sub(m, -22), ',(%d+);$') or h[3]
  gone = redis.call('ZLEXCOUNT', KEYS[3], '(' .. pad(marker_index), '[' .. pad(upper))
end
return {life, h[1], h, m, gone}
