-- Notes how far something is built beside a partition's view. KEYS: view. ARGV: the view's id, the id of what is built, its
-- lives, its progress, the log's end, and the request.
-- Returns OK, GAP (the view is not there and whole, or that is not asked), SUPERSEDED (something newer is built beside it), or MOVED (the lives are not those of now).
local v = redis.call('HMGET', KEYS[1], 'id', 'whole', 'lost', 'beside', 'session', 'left', 'asked')
if v[1] ~= ARGV[1] or v[2] == '0' or v[3] or v[7] ~= ARGV[6] then return 'GAP' end
if v[4] and v[4] > ARGV[2] then return 'SUPERSEDED' end
if not string.find(ARGV[3], life, 1, true) then return 'MOVED' end
redis.call('HSET', KEYS[1], 'beside', ARGV[2], 'beside_run', ARGV[3], 'beside_at', ARGV[4], 'goal', ARGV[5])
-- A session alone leaves nothing on the other side.
if not v[5] and (not v[6] or v[6] < ARGV[2]) then redis.call('HSET', KEYS[1], 'left', ARGV[2]) end
return 'OK'
