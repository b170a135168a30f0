-- Puts what was built of a session in the place of what the view has of it. KEYS: the session's, and as many that were built. ARGV: the view's
-- id, the id it was built under, and when the lease ends (ms).
-- Returns OK (also when it was done before), GAP (it does not reach as far as what is there), SUPERSEDED (what is there is of a newer view), or LATE.
local n = #KEYS / 2
local there, built = redis.call('HMGET', KEYS[1], 'view', 'seq', 'broken'), redis.call('HMGET', KEYS[n + 1], 'view', 'seq')
local of = there[3] or there[1]
if of and of > ARGV[1] then return 'SUPERSEDED' end
if not built[1] and there[1] == ARGV[1] then return 'OK' end
if built[1] ~= ARGV[2] then return 'GAP' end
if of == ARGV[1] and not there[3] and there[2] ~= built[2] then return 'GAP' end
if late(ARGV[3]) then return 'LATE' end
for i = 1, n do
  if redis.call('EXISTS', KEYS[n + i]) == 1 then
    redis.call('RENAME', KEYS[n + i], KEYS[i])
  else
    redis.call('UNLINK', KEYS[i])
  end
end
redis.call('HSET', KEYS[1], 'view', ARGV[1])
return 'OK'
