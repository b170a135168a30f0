-- Reads a page of a user's sessions. KEYS: the user's sessions, how many there were at most. ARGV: after (or empty),
-- limit, the user's own session.
-- Returns the life, the sessions, how many the list has lost (negative when that was not counted), and the own session's
-- score, false when it is not among them.
local from = '-'
if ARGV[1] ~= '' then from = '(' .. ARGV[1] end
return {life, redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, ARGV[2]),
  tonumber(redis.call('GET', KEYS[2]) or '0') - redis.call('ZCARD', KEYS[1]), redis.call('ZSCORE', KEYS[1], ARGV[3])}
