-- Notes which node a user's device has, if it has the one that it is thought to have. KEYS: the user's. ARGV: the device; that node, empty for
-- none; the new one; for how long (ms); of how many devices it is kept, the last ones. Returns the one that it has now, empty for none.
local device, has, at = ARGV[1], '', now()
local value = redis.call('HGET', KEYS[1], device)
if value then
  local ends, id = string.match(value, '^(%d+) (.*)$')
  if not late(ends) then has = id end
end
if has ~= ARGV[2] or ARGV[3] == '' then return has end
redis.call('HSET', KEYS[1], device, string.format('%.0f ', at + tonumber(ARGV[4])) .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[5]) then
  local oldest, first
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local ends = tonumber(string.match(all[i + 1], '^(%d+) '))
    if all[i] ~= device and (not first or ends < first) then oldest, first = all[i], ends end
  end
  redis.call('HDEL', KEYS[1], oldest)
end
return ARGV[3]
