-- Part of apply.lua: facts, traits, mentions, and reactions.
-- Facts are of the session; traits, which begin with '@', of its members. Mentions are "user index", of "*" for all.
local n_facts, n_traits, n_mentions = string.match(h[8] or '0 0 0', '^(%d+) (%d+) (%d+)$')
n_facts, n_traits, n_mentions = tonumber(n_facts), tonumber(n_traits), tonumber(n_mentions)
local counted = false
-- Reactions are "seq emoji NUL user", the seq padded. By such a seq emojis has what they come to: "count emoji NUL…", fifty
-- of these at most. Those of messages that the window holds no more are of no use; see sweep.
local n_reactions, n_emojis = string.match(h[10] or '0 0', '^(%d+) (%d+)$')
n_reactions, n_emojis = tonumber(n_reactions), tonumber(n_emojis)
local reacted = false
local function react(entry, off)
  local target = string.sub(entry, 1, 20)
  local step = off and -call('ZREM', reactions, entry) or call('ZADD', reactions, '0', entry)
  if step == 0 then return end
  local emoji = string.sub(entry, 22, string.find(entry, '\0', 22, true) - 1)
  local was, now, at, found = call('HGET', emojis, target) or '', {}, 1, false
  while at <= #was do
    local space = string.find(was, ' ', at, true)
    local stop = string.find(was, '\0', space, true)
    local n, of = tonumber(string.sub(was, at, space - 1)), string.sub(was, space + 1, stop - 1)
    if of == emoji then n, found = n + step, true end
    if n > 0 then now[#now + 1] = string.format('%d %s\0', n, of) end
    at = stop + 1
  end
  -- Of what is revoked one may still be taken back.
  if not found and step > 0 then now[#now + 1] = '1 ' .. emoji .. '\0' end
  n_reactions, reacted = n_reactions + step, true
  if #now == 0 then
    n_emojis = n_emojis - call('HDEL', emojis, target)
  else
    n_emojis = n_emojis + call('HSET', emojis, target, table.concat(now))
  end
end
-- What is revoked or deleted shows none any more.
local function unreact(target)
  if n_emojis > 0 then n_emojis, reacted = n_emojis - call('HDEL', emojis, target), true end
end
-- Takes out some reactions to what the window holds no more: as many as a call can bring, and more.
local function sweep()
  if n_reactions == 0 then return end
  local old = call('ZRANGEBYLEX', reactions, '-', '(' .. pad(first), 'LIMIT', 0, 1000)
  if #old == 0 then return end
  n_reactions, reacted = n_reactions - call('ZREM', reactions, unpack(old)), true
  local target
  for _, entry in ipairs(old) do
    local of = string.sub(entry, 1, 20)
    if of ~= target then target, n_emojis = of, n_emojis - call('HDEL', emojis, of) end
  end
end
local function fact(op, field, value)
  if op == 'e' then return react(field, value == '') end
  if op == 'm' then
    n_mentions, counted = n_mentions + call('ZADD', mentions, '0', field .. ' ' .. pad(value)), true
    return
  end
  local key, more = facts, 0
  if string.sub(field, 1, 1) == '@' then key = traits end
  if op == 's' then
    more = call('HSET', key, field, value)
  elseif op == 'd' then
    if (key == facts and n_facts or n_traits) > 0 then more = -call('HDEL', key, field) end
  elseif op == 'i' then
    more = 1 - call('HEXISTS', key, field)
    call('HINCRBY', key, field, value)
  else
    -- Raise "seq index".
    local was = call('HGET', key, field)
    if not was or less(string.match(was, '^%d+'), string.match(value, '^%d+')) then
      more = call('HSET', key, field, value)
      local user = string.match(field, '^@g:(.*)$')
      if user and not got_were[user] then got_were[user] = string.match(was or '0', '^%d+') end
    end
  end
  if more ~= 0 then
    counted = true
    if key == facts then n_facts = n_facts + more else n_traits = n_traits + more end
  end
end
-- Takes facts from at on: their number, then (operation, field, value)…; gives where they end.
local function take_facts(at, take)
  local n = tonumber(ARGV[at])
  if take then
    for k = at + 1, at + 3 * n, 3 do fact(ARGV[k], ARGV[k + 1], ARGV[k + 2]) end
  end
  return at + 1 + 3 * n
end
