-- Reads what a session's part of the view keeps to reckon with. KEYS: head, gone, mentions, reactions, tally.
-- Returns life, view, entries of the three, and the tally, false where none is kept; {life} when there is no such session.
local h = redis.call('HMGET', KEYS[1], 'view', 'tally')
if not h[1] then return {life} end
return {life, h[1], redis.call('ZRANGE', KEYS[2], 0, -1), redis.call('ZRANGE', KEYS[3], 0, -1), redis.call('ZRANGE', KEYS[4], 0, -1),
  h[2] and redis.call('HGETALL', KEYS[5])}
