-- Part of apply.lua: how many have read what, in sessions of many.
-- The tally has, of present members: how many have read up to a seq ("m"), how many have got or read up to it ("g"), and
-- how many stays of theirs begin ("f") and end ("t") at it. Only what is not below the window's start: of nothing else
-- is asked who has seen it.
local added = {}
local function tell(kind, at, by)
  if at and not less(at, first) then added[kind .. at] = (added[kind .. at] or 0) + by end
end
local function tell_stays(stays, by)
  for from, to in string.gmatch(stays or '', '(%d+),%d+,(%d*)') do
    tell('f', from, by)
    if to ~= '' then tell('t', to, by) end
  end
end
-- What a row says of a present member, with the delivery marker.
local function standing(row, got)
  if not row or string.sub(row, 1, 1) == '0' then return nil, nil, nil end
  local _, marker, _, stays = parts(row)
  if less(marker, got) then return marker, got, stays end
  return marker, marker, stays
end
local function got_of(user)
  return n_traits > 0 and string.match(call('HGET', traits, '@g:' .. user) or '0', '^%d+') or '0'
end
local function recount(user)
  local got = got_of(user)
  local m, g, stays = standing(rows_were[user], got_were[user] or got)
  local now_m, now_g, now_stays = standing(rows[user], got)
  tell('m', m, -1)
  tell('g', g, -1)
  tell('m', now_m, 1)
  tell('g', now_g, 1)
  if stays ~= now_stays then
    tell_stays(stays, -1)
    tell_stays(now_stays, 1)
  end
end
-- Begins the tally with all the members there are.
local function count_all()
  local all = call('HGETALL', members)
  for k = 1, #all, 2 do
    local m, g, stays = standing(all[k + 1], got_of(all[k]))
    tell('m', m, 1)
    tell('g', g, 1)
    tell_stays(stays, 1)
  end
end
-- Removes what is below the window's start.
local function forget(from)
  local going = {}
  if tonumber(first) - tonumber(from) > length then
    for _, field in ipairs(call('HKEYS', tally)) do
      if less(string.sub(field, 2), first) then going[#going + 1] = field end
    end
  else
    while less(from, first) do
      for kind in string.gmatch('mgft', '.') do going[#going + 1] = kind .. from end
      from = after_of(from)
    end
  end
  for k = 1, #going, 1000 do call('HDEL', tally, unpack(going, k, math.min(k + 999, #going))) end
end
local function keep_tally()
  local missing = 0
  if h[9] then
    -- While building a loss stays one.
    missing = tonumber(h[9]) - call('HLEN', tally)
    for user in pairs(got_were) do row_of(user) end
    for user in pairs(rows_were) do recount(user) end
    forget(h[5])
  elseif n_members >= tally_from then
    count_all()
  else
    return
  end
  for field, by in pairs(added) do
    if by ~= 0 and call('HINCRBY', tally, field, by) == 0 then call('HDEL', tally, field) end
  end
  call('HSET', head, 'tally', call('HLEN', tally) + missing)
end
