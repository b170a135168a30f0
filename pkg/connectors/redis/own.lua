-- Reads what others may be told of a user's own session. KEYS: head, facts, traits, mentions. ARGV: fields of the facts.
-- Returns life, view and those fields' values; {life} when there is no such session, {life, 'LOST'} when a key of it was lost.
local h = redis.call('HMGET', KEYS[1], 'view', 'facts')
if not h[1] then
  if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 then return {life, 'LOST'} end
  return {life}
end
if h[2] and h[2] ~= redis.call('HLEN', KEYS[2]) .. ' ' .. redis.call('HLEN', KEYS[3]) .. ' ' .. redis.call('ZCARD', KEYS[4]) then return {life, 'LOST'} end
local out = {life, h[1]}
for i = 1, #ARGV do out[2 + i] = h[2] and redis.call('HGET', KEYS[2], ARGV[i]) or '' end
return out
