-- Stands before the scripts that note when a user was last seen.
local function seen(key, at)
  if at > tonumber(redis.call('HGET', key, 'seen') or '0') then redis.call('HSET', key, 'seen', string.format('%.0f', at)) end
end
