-- Reads which messages of a session a user hid. KEYS: head, facts, traits, mentions of the user's own session.
-- ARGV: under what they stand, the first and the last index (20 digits), limit.
-- Returns life, view, entries; {life} when there is no such session, {life, 'LOST'} when a key of it was lost.
local h = redis.call('HMGET', KEYS[1], 'view', 'facts')
if not h[1] then
  if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 then return {life, 'LOST'} end
  return {life}
end
if h[2] and h[2] ~= redis.call('HLEN', KEYS[2]) .. ' ' .. redis.call('HLEN', KEYS[3]) .. ' ' .. redis.call('ZCARD', KEYS[4]) then return {life, 'LOST'} end
local found = redis.call('ZRANGEBYLEX', KEYS[4], '[' .. ARGV[1] .. ' ' .. ARGV[2], '[' .. ARGV[1] .. ' ' .. ARGV[3], 'LIMIT', 0, ARGV[4])
return {life, h[1], found}
