-- Notes what a node says of itself, and forgets those whose time is over. KEYS: the nodes. ARGV: its id, what it says, for how long (ms).
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
  local at = string.match(redis.call('HGET', KEYS[1], id), '^(%d+) ')
  if late(at) then redis.call('HDEL', KEYS[1], id) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now() + tonumber(ARGV[3])) .. ARGV[2])
return 'OK'
