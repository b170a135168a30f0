-- Asks that a partition's view be built anew beside itself. KEYS: view. ARGV: the request, and the session if it is one alone.
-- Returns OK and the request that is in force; BUSY when something else is asked; BUILDING when the view is not whole.
local v = redis.call('HMGET', KEYS[1], 'whole', 'lost', 'asked', 'session')
if not v[1] or v[1] == '0' or v[2] then return {'BUILDING'} end
if v[3] then
  if (v[4] or '') ~= ARGV[2] then return {'BUSY'} end
  return {'OK', v[3]}
end
redis.call('HSET', KEYS[1], 'asked', ARGV[1])
redis.call('HDEL', KEYS[1], 'beside', 'beside_run', 'beside_at', 'goal', 'done', 'said')
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'session', ARGV[2]) end
return {'OK', ARGV[1]}
