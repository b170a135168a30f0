-- Notes which node a login has, if it has the one that it is thought to have. KEYS: the login. ARGV: that one, empty for none; the new
-- one; for how long (ms). Returns the one that it has now, empty for none.
local value, has = redis.call('GET', KEYS[1]), ''
if value then
  local at, id = string.match(value, '^(%d+) (.*)$')
  if not late(at) then has = id end
end
if has ~= ARGV[1] or ARGV[2] == '' then return has end
redis.call('SET', KEYS[1], string.format('%.0f ', now() + tonumber(ARGV[3])) .. ARGV[2], 'PX', ARGV[3])
return ARGV[2]
