-- Removes what a session has on a side, unless it is of a newer view. KEYS: the session's on that side. ARGV: up to which id.
local h = redis.call('HMGET', KEYS[1], 'view', 'broken')
local of = h[2] or h[1]
if not of or of <= ARGV[1] then redis.call('UNLINK', unpack(KEYS)) end
return 'OK'
