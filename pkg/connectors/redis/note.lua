-- Notes what changed. KEYS: a partition's changes. ARGV: for how many ms to keep it, how many entries at most, and
-- the new ones. The first entry there ever was is empty: who finds it missed nothing.
local changes, keep, most = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
if redis.call('EXISTS', changes) == 0 then redis.call('XADD', changes, '*', 'c', '') end
local last = redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)[1][1]
for i = 3, #ARGV do redis.call('XADD', changes, '*', 'c', ARGV[i]) end
-- What was last stays however old it is: who was there missed nothing.
local now = redis.call('TIME')
local oldest = math.min(now[1] * 1000 + math.floor(now[2] / 1000) - keep, tonumber(string.match(last, '^%d+')))
redis.call('XTRIM', changes, 'MINID', string.format('%.0f', oldest))
redis.call('XTRIM', changes, 'MAXLEN', most)
return 'OK'
