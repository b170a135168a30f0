-- Notes that records below an offset are about to be told. KEYS: view. ARGV: the view's id, the offset.
-- Returns OK, GAP (there is no such view), or SUPERSEDED (a newer one is there).
local v = redis.call('HMGET', KEYS[1], 'id', 'promised')
if not v[1] or v[1] < ARGV[1] then return 'GAP' end
if v[1] ~= ARGV[1] then return 'SUPERSEDED' end
if not v[2] or tonumber(v[2]) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'promised', ARGV[2]) end
return 'OK'
