-- Gives what nodes say of themselves whose time is not over. KEYS: the nodes.
local all = {}
for _, value in ipairs(redis.call('HVALS', KEYS[1])) do
  local at, said = string.match(value, '^(%d+) (.*)$')
  if not late(at) then all[#all + 1] = said end
end
return all
