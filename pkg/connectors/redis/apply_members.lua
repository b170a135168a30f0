-- Part of apply.lua: who is in, since when, in what role, and up to where they have read.
local function pad(n) return string.rep('0', 20 - #n) .. n end
-- The number after n.
local function after_of(n)
  local nines = #string.match(n, '9*$')
  local rest = string.sub(n, 1, #n - nines)
  if rest == '' then rest = '0' end
  return string.sub(rest, 1, -2) .. string.char(string.byte(rest, -1) + 1) .. string.rep('0', nines)
end
local function mark(user, marker, marker_index)
  local was = marks[user]
  if not was or less(was, marker) then marks[user], marks_index[user] = marker, marker_index end
end
local function put(user, row) rows[user], dirty[user] = row, true end
-- What the rows and delivery markers were before the call, for the tally.
local rows_were, got_were = {}, {}
-- The user's row; false for who never was in.
local function row_of(user)
  if rows[user] == nil then
    rows[user] = not fresh and call('HGET', members, user)
    rows_were[user] = rows[user]
  end
  local was, marker = rows[user], marks[user]
  if marker then
    marks[user] = nil
    if was then
      local row = raise(was, marker, marks_index[user])
      if row ~= was then put(user, row) end
    end
  end
  return rows[user]
end
local function write_rows()
  for user in pairs(marks) do row_of(user) end
  local args = {}
  for user in pairs(dirty) do
    args[#args + 1], args[#args + 2] = user, rows[user]
    if #args >= 2000 then
      n_members = n_members + call('HSET', members, unpack(args))
      args = {}
    end
  end
  if #args > 0 then n_members = n_members + call('HSET', members, unpack(args)) end
end

local function come(user, role)
  local was = row_of(user)
  local n, stays = 0, ''
  if was then
    local _, _, _, rest = parts(was)
    local space = string.find(rest, ' ', 1, true)
    n, stays = tonumber(string.sub(rest, 1, space - 1)), string.sub(rest, space + 1)
  end
  if n >= most_stays then
    n, stays = n - 1, string.sub(stays, string.find(stays, ';', 1, true) + 1)
  end
  put(user, role .. ' ' .. seq .. ' ' .. index .. ' ' .. (n + 1) .. ' ' .. stays .. seq .. ',' .. index .. ',')
end
local function go(user)
  local was = row_of(user)
  if was then put(user, '0' .. string.sub(was, 2) .. seq .. ',' .. index .. ';') end
end
-- Takes comers from at on, and then goers; gives where the goers end.
local function membership(at)
  local comers, listed = tonumber(ARGV[at]), {}
  for k = at + 1, at + 2 * comers, 2 do
    come(ARGV[k], ARGV[k + 1])
    listed[#listed + 1], listed[#listed + 2] = '0', ARGV[k]
  end
  if comers > 0 then n_roster = n_roster + call('ZADD', roster, unpack(listed)) end
  at = at + 2 * comers + 1
  local goers = tonumber(ARGV[at])
  for k = at + 1, at + goers do go(ARGV[k]) end
  if goers > 0 then n_roster = n_roster - call('ZREM', roster, unpack(ARGV, at + 1, at + goers)) end
end
local function set_role(user, role)
  local was = row_of(user)
  if was then put(user, role .. string.sub(was, 2)) end
end
