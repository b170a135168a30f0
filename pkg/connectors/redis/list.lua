-- Adds to a user's sessions. KEYS: the user's sessions, how many there were at most. ARGV: sessions.
-- Entries are never taken out, so a list that is shorter than it was has lost some.
redis.call('ZADD', KEYS[1], unpack(ARGV))
local n = redis.call('ZCARD', KEYS[1])
if n > tonumber(redis.call('GET', KEYS[2]) or '0') then redis.call('SET', KEYS[2], n) end
return 'OK'
