-- Notes a node's sign of life, and forgets those of long ago. KEYS: the signs. ARGV: the node, its floor, for how long it is good (ms), for how
-- long it is known after that (ms). Returns since when there are signs of the node: anew when they were lost.
local at = now()
local born = string.format('%.0f', at)
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local since, ends = string.match(all[i + 1], '^(%d+) %d+ (%d+) ')
  if all[i] == ARGV[1] then
    born = since
  elseif tonumber(ends) + tonumber(ARGV[4]) < at then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], born .. string.format(' %.0f %.0f ', at, at + tonumber(ARGV[3])) .. ARGV[2])
return born
