-- Stands before the scripts that say by whom they were answered. The engine's own run id
-- tells: it is new after every start, and a replica that takes over has its own.
local life = string.sub(string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), 1, 16)
