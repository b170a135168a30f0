-- Reads how far a session has come. KEYS: head. Returns life, view and seq; {life} when there is no such session.
local h = redis.call('HMGET', KEYS[1], 'view', 'seq')
if not h[1] then return {life} end
return {life, h[1], h[2]}
