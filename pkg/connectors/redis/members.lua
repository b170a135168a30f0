-- Reads a page of present members. KEYS: head, members, roster. ARGV: after (or empty), limit.
local view = redis.call('HGET', KEYS[1], 'view')
if not view then return {} end
local from = '-'
if ARGV[1] ~= '' then from = '(' .. ARGV[1] end
local users = redis.call('ZRANGEBYLEX', KEYS[3], from, '+', 'LIMIT', 0, ARGV[2])
local out = {view}
for _, u in ipairs(users) do
  out[#out + 1] = u
  out[#out + 1] = redis.call('HGET', KEYS[2], u) or ''
end
return out
