-- Reads who registered a token. KEYS: its holders. Returns life, and holder, time…, the newest first.
local out = redis.call('ZREVRANGE', KEYS[1], 0, -1, 'WITHSCORES')
table.insert(out, 1, life)
return out
