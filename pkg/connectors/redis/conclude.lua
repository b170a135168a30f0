-- Says what came of a request. KEYS: view. ARGV: the request, a word.
if redis.call('HGET', KEYS[1], 'asked') ~= ARGV[1] then return 'OK' end
redis.call('HSET', KEYS[1], 'done', ARGV[1], 'said', ARGV[2])
redis.call('HDEL', KEYS[1], 'asked', 'session', 'beside', 'beside_run', 'beside_at', 'goal')
return 'OK'
