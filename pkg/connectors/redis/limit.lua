-- Takes of what a key may still do. What it has is kept as when it will have its whole burst again. KEYS: the key. ARGV: between two (us), the
-- burst, how many are asked for. Returns how many are granted, and when there is none after what time there will be one (us).
local t = redis.call('TIME')
local at, each, n = t[1] * 1000000 + t[2], tonumber(ARGV[1]), tonumber(ARGV[3])
local most, full = tonumber(ARGV[2]) * each, tonumber(redis.call('GET', KEYS[1]) or '0')
if full < at then full = at end
-- After a failover to a clock that is behind, a burst at most is owed.
if full > at + most then full = at + most end
local room = math.floor((most - (full - at)) / each)
if room < 1 then return {0, full + each - at - most} end
if n > room then n = room end
full = full + n * each
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - at) / 1000))
return {n, 0}
