-- Reads how many present members have seen a message.
-- KEYS: head, members, facts, traits, mentions, tally. ARGV: seq, the message's sender, the field of their delivery marker.
-- Returns life, view, the number of members, how many of them may not see it by their stays, how many have read and have got it, those among
-- them too, the policy, the sender's row and delivery marker (false for none). The third is 'NONE' where no tally is kept,
-- 'BELOW' for what is below the window. {life} when there is no such session, {life, 'LOST'} when a key of it was lost: the head counts its siblings.
local h = redis.call('HMGET', KEYS[1], 'view', 'counts', 'first', 'policy', 'facts', 'tally')
if not h[1] then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {life, 'LOST'} end
  return {life}
end
if not h[6] then return {life, h[1], 'NONE'} end
local n_members, n_roster = string.match(h[2], '^(%d+) (%d+)')
if redis.call('HLEN', KEYS[6]) ~= tonumber(h[6]) or redis.call('HLEN', KEYS[2]) ~= tonumber(n_members) then return {life, 'LOST'} end
if h[5] and h[5] ~= redis.call('HLEN', KEYS[3]) .. ' ' .. redis.call('HLEN', KEYS[4]) .. ' ' .. redis.call('ZCARD', KEYS[5]) then return {life, 'LOST'} end
local seq = ARGV[1]
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
if less(seq, h[3]) then return {life, h[1], 'BELOW'} end
-- m: read up to a seq, g: got or read up to it, f and t: stays that begin and end at it. Each present member's stays hold the
-- message unless one begins after it, less those that end at it or after: all but the last.
local sum = {m = 0, g = 0, f = 0, t = 0}
local tally = redis.call('HGETALL', KEYS[6])
for k = 1, #tally, 2 do
  local kind, at = string.sub(tally[k], 1, 1), string.sub(tally[k], 2)
  if at == seq and kind ~= 'f' or less(seq, at) then sum[kind] = sum[kind] + tally[k + 1] end
end
return {life, h[1], n_roster, sum.f - sum.t, sum.m, sum.g, h[4], redis.call('HGET', KEYS[2], ARGV[2]), redis.call('HGET', KEYS[4], ARGV[3])}
