-- Replaces an entry of a user's. What is settled stays so, and of what was delivered nothing else comes to be said: who writes may be late.
-- KEYS: the hash of entries. ARGV: the entry's id, its value, for how long (ms). Values begin with o (open), s (settled) or d (delivered).
local stands = string.sub(redis.call('HGET', KEYS[1], ARGV[1]) or 'o', 1, 1)
local comes = string.sub(ARGV[2], 1, 1)
if stands == 'd' or stands == 's' and comes ~= 'd' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
