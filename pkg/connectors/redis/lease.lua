-- Stands before the scripts that swap: until when one may is said by the clock of where it is done.
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function late(lease) return now() > tonumber(lease) end
