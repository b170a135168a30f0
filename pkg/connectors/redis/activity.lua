-- Reads when something last happened in a session. KEYS: head, members. ARGV: user.
-- Returns life, view and the time, 0 for who is not in; {life} when there is no such session.
local h = redis.call('HMGET', KEYS[1], 'view', 'at')
if not h[1] then return {life} end
local m = redis.call('HGET', KEYS[2], ARGV[1])
if not m or string.sub(m, 1, 1) == '0' then return {life, h[1], '0'} end
return {life, h[1], h[2] or '0'}
