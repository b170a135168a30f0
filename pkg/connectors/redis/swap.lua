-- Puts what was built beside a partition's view in its place. KEYS: view. ARGV: the view's id, the id of what was built, 1 or 2 by its side,
-- its lives, the offset it reaches up to, and when the lease ends (ms).
-- Returns OK, GAP (the view is not there as it was, or that is not built beside it), SUPERSEDED (a newer view is there), MOVED (the lives
-- are not those of now), LATE, or BEHIND (more was promised than that has).
local v = redis.call('HMGET', KEYS[1], 'id', 'whole', 'lost', 'beside', 'asked', 'promised', 'run', 'reached')
if v[1] == ARGV[2] then return 'OK' end
if v[1] and v[1] > ARGV[1] then return 'SUPERSEDED' end
if v[1] ~= ARGV[1] or v[2] == '0' or v[3] or v[4] ~= ARGV[2] then return 'GAP' end
if not string.find(ARGV[4], life, 1, true) then return 'MOVED' end
if late(ARGV[6]) then return 'LATE' end
if v[6] and tonumber(v[6]) > tonumber(ARGV[5]) then return 'BEHIND' end
-- What the one before was said to reach beyond that counts for nothing: this one has all of it too, and readers take less for an older copy.
local reached = ARGV[5]
if v[7] == ARGV[4] and tonumber(v[8]) > tonumber(reached) then reached = v[8] end
redis.call('HSET', KEYS[1], 'id', ARGV[2], 'whole', ARGV[3], 'run', ARGV[4], 'reached', reached, 'from', ARGV[1], 'left', ARGV[1],
  'done', v[5] or '', 'said', 'swapped')
redis.call('HDEL', KEYS[1], 'asked', 'beside', 'beside_run', 'beside_at', 'goal')
return 'OK'
