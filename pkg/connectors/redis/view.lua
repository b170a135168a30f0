-- Opens a partition's view, or declares it whole. KEYS: view. ARGV: id; 0 to open it, else that it is whole, 1 or 2 by its side; then also the
-- lives of all masters, and the offset it reaches up to.
-- Returns OK, GAP (the view to be declared whole is there no more), SUPERSEDED (a newer one is there), or
-- MOVED (the lives are not those of now).
local id = redis.call('HGET', KEYS[1], 'id')
if id and id > ARGV[1] then return 'SUPERSEDED' end
if ARGV[2] ~= '0' then
  if id ~= ARGV[1] then return 'GAP' end
  if not string.find(ARGV[3], life, 1, true) then return 'MOVED' end
  local reached, was = ARGV[4], redis.call('HMGET', KEYS[1], 'run', 'reached')
  -- Who says less in the same lives comes late.
  if was[1] == ARGV[3] and tonumber(was[2]) > tonumber(reached) then reached = was[2] end
  redis.call('HSET', KEYS[1], 'whole', ARGV[2], 'run', ARGV[3], 'reached', reached)
  return 'OK'
end
-- A new building makes good whatever was lost, and does what was asked. What is left on the other side is still to be removed.
local function second(view) return string.sub(view, -1) == '~' end
local left = ''
for _, field in ipairs({'id', 'left', 'beside'}) do
  local was = redis.call('HGET', KEYS[1], field)
  if was and second(was) ~= second(ARGV[1]) and was > left then left = was end
end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'whole', '0')
if left ~= '' then redis.call('HSET', KEYS[1], 'left', left) end
return 'OK'
