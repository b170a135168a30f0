-- Reads a session's head, a user's membership, how many messages after the marker are gone, and how many others mention
-- the user.
-- KEYS: head, members, gone, facts, traits, mentions. ARGV: user, how many indexes follow that the user hid, those (20 digits each),
-- then fields of the facts and traits.
-- Returns life, view, head, member, gone, those fields' values, and mentions; {life} when there is no such session, {life, 'LOST'} when a key of it
-- was lost: the head counts its siblings.
local h = redis.call('HMGET', KEYS[1], 'view', 'seq', 'index', 'kind', 'title', 'base', 'policy', 'closed', 'first', 'counts', 'at', 'facts')
if not h[1] then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {life, 'LOST'} end
  return {life}
end
local n_members, n_roster, n_gone = string.match(h[10], '^(%d+) (%d+) (%d+)')
if redis.call('HLEN', KEYS[2]) ~= tonumber(n_members) or redis.call('ZCARD', KEYS[3]) ~= tonumber(n_gone) then return {life, 'LOST'} end
h[10] = n_roster
local more = {}
if h[12] then
  if h[12] ~= redis.call('HLEN', KEYS[4]) .. ' ' .. redis.call('HLEN', KEYS[5]) .. ' ' .. redis.call('ZCARD', KEYS[6]) then return {life, 'LOST'} end
  local before = 2 + tonumber(ARGV[2])
  for i = before + 1, #ARGV do
    local key = KEYS[4]
    if string.sub(ARGV[i], 1, 1) == '@' then key = KEYS[5] end
    more[i - before] = redis.call('HGET', key, ARGV[i]) or ''
  end
end
local mentioned = h[12] and not string.find(h[12], ' 0$')
h[12] = nil
local m = redis.call('HGET', KEYS[2], ARGV[1])
local gone, mentions = 0, 0
local function pad(n) return string.rep('0', 20 - #n) .. n end
if m then
  local marker_index = string.match(m, '^%S+ %S+ (%S+) ')
  -- Unread ends with the stay.
  local upper = string.match(string.sub(m, -22), ',(%d+);$') or h[3]
  gone = redis.call('ZLEXCOUNT', KEYS[3], '(' .. pad(marker_index), '[' .. pad(upper))
  local seen = {}
  for i = 3, 2 + tonumber(ARGV[2]) do
    local index = ARGV[i]
    if index > pad(marker_index) and index <= pad(upper) and not redis.call('ZSCORE', KEYS[3], index) then gone = gone + 1 end
    seen[index] = true
  end
  if mentioned then
    for _, who in ipairs({ARGV[1], '*'}) do
      local some = redis.call('ZRANGEBYLEX', KEYS[6], '(' .. who .. ' ' .. pad(marker_index), '[' .. who .. ' ' .. pad(upper))
      for _, entry in ipairs(some) do
        local index = string.sub(entry, -20)
        if not seen[index] and not redis.call('ZSCORE', KEYS[3], index) then mentions, seen[index] = mentions + 1, true end
      end
    end
  end
end
return {life, h[1], h, m, gone, more, mentions}
