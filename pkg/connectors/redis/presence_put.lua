-- Puts a connection of a user's. KEYS: the user's. ARGV: its id, the node's round, what else is said of it, how many are kept, for how long (ms).
local at = now()
redis.call('HSET', KEYS[1], 'c:' .. ARGV[1], string.format('%.0f ', at) .. ARGV[2] .. ' ' .. ARGV[3])
if redis.call('HLEN', KEYS[1]) - redis.call('HEXISTS', KEYS[1], 'seen') > tonumber(ARGV[4]) then
  local oldest, first
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if all[i] ~= 'seen' and all[i] ~= 'c:' .. ARGV[1] then
      local put = tonumber(string.match(all[i + 1], '^(%d+) '))
      if not first or put < first then oldest, first = all[i], put end
    end
  end
  redis.call('HDEL', KEYS[1], oldest)
  seen(KEYS[1], first)
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 'OK'
