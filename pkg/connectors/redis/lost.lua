-- Notes that something of a view was lost. KEYS: view. ARGV: its id, what was lost.
-- Does nothing when another view has taken its place: what the reader missed belonged to the one before.
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then redis.call('HSET', KEYS[1], 'lost', ARGV[2]) end
return 'OK'
