-- Notes that nothing is left on the other side. KEYS: view. ARGV: up to which id that was looked after.
local v = redis.call('HMGET', KEYS[1], 'left', 'beside')
if v[1] == ARGV[1] and not v[2] then redis.call('HDEL', KEYS[1], 'left') end
return 'OK'
