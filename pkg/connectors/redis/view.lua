-- Opens a partition's view, or declares it whole. KEYS: view. ARGV: id, 1 when whole; then also the
-- lives of all masters, and the offset it reaches up to.
-- Returns OK, GAP (the view to be declared whole is there no more), SUPERSEDED (a newer one is there), or
-- MOVED (the lives are not those of now).
local id = redis.call('HGET', KEYS[1], 'id')
if id and id > ARGV[1] then return 'SUPERSEDED' end
if ARGV[2] == '1' then
  if id ~= ARGV[1] then return 'GAP' end
  if not string.find(ARGV[3], life, 1, true) then return 'MOVED' end
  redis.call('HSET', KEYS[1], 'whole', '1', 'run', ARGV[3], 'reached', ARGV[4])
else
  -- A new building makes good whatever was lost.
  redis.call('UNLINK', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'whole', '0')
end
return 'OK'
