-- Reads a page of present members. KEYS: head, members, roster, facts, traits, mentions. ARGV: after (or empty), limit.
-- Returns life, view and what it read; {life} when there is no such session, {life, 'LOST'} when a key of it was lost.
local h = redis.call('HMGET', KEYS[1], 'view', 'counts', 'facts')
local view = h[1]
if not view then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {life, 'LOST'} end
  return {life}
end
if redis.call('HLEN', KEYS[2]) .. ' ' .. redis.call('ZCARD', KEYS[3]) ~= string.match(h[2], '^%d+ %d+') then return {life, 'LOST'} end
if h[3] and h[3] ~= redis.call('HLEN', KEYS[4]) .. ' ' .. redis.call('HLEN', KEYS[5]) .. ' ' .. redis.call('ZCARD', KEYS[6]) then return {life, 'LOST'} end
local function trait(name, user) return h[3] and redis.call('HGET', KEYS[5], name .. user) or '' end
local from = '-'
if ARGV[1] ~= '' then from = '(' .. ARGV[1] end
local users = redis.call('ZRANGEBYLEX', KEYS[3], from, '+', 'LIMIT', 0, ARGV[2])
local out = {life, view}
for _, u in ipairs(users) do
  out[#out + 1] = u
  out[#out + 1] = redis.call('HGET', KEYS[2], u) or ''
  for k = 3, #ARGV do out[#out + 1] = trait(ARGV[k], u) end
end
return out
