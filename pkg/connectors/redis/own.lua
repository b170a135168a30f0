-- Reads what others may be told of a user's own session. KEYS: head, facts, traits, mentions. ARGV: what traits begin with that are
-- read too, empty for none; fields of the facts.
-- Returns life, view and those fields' values, and where traits are read, 1 for a closed session, and of each trait field and value; {life} when there is no such session, {life, 'LOST'} when a key of it was lost.
local h = redis.call('HMGET', KEYS[1], 'view', 'facts')
if not h[1] then
  if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 then return {life, 'LOST'} end
  return {life}
end
if h[2] and h[2] ~= redis.call('HLEN', KEYS[2]) .. ' ' .. redis.call('HLEN', KEYS[3]) .. ' ' .. redis.call('ZCARD', KEYS[4]) then return {life, 'LOST'} end
local out = {life, h[1]}
for i = 2, #ARGV do out[1 + i] = h[2] and redis.call('HGET', KEYS[2], ARGV[i]) or '' end
if ARGV[1] == '' then return out end
out[#out + 1] = redis.call('HGET', KEYS[1], 'closed') or '0'
local all = h[2] and redis.call('HGETALL', KEYS[3]) or {}
for i = 1, #all, 2 do
  if string.sub(all[i], 1, #ARGV[1]) == ARGV[1] then out[#out + 1], out[#out + 2] = all[i], all[i + 1] end
end
return out
