-- Reads a session's facts. KEYS: head, facts, traits, mentions.
-- Returns life, view, field, value…; {life} when there is no such session, {life, 'LOST'} when a key of it was lost.
local h = redis.call('HMGET', KEYS[1], 'view', 'facts')
if not h[1] then
  if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 then return {life, 'LOST'} end
  return {life}
end
if h[2] and h[2] ~= redis.call('HLEN', KEYS[2]) .. ' ' .. redis.call('HLEN', KEYS[3]) .. ' ' .. redis.call('ZCARD', KEYS[4]) then return {life, 'LOST'} end
local out = redis.call('HGETALL', KEYS[2])
table.insert(out, 1, life)
table.insert(out, 2, h[1])
return out
