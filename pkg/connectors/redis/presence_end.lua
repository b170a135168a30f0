-- Takes a connection away. KEYS: the user's. ARGV: its id, how long ago it ended (ms), for how long the rest is kept (ms).
redis.call('HDEL', KEYS[1], 'c:' .. ARGV[1])
seen(KEYS[1], now() - tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'OK'
