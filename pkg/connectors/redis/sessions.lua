-- Reads a page of a user's sessions. KEYS: the user's. ARGV: after (or empty), limit.
-- Returns the life and the sessions.
local from = '-'
if ARGV[1] ~= '' then from = '(' .. ARGV[1] end
return {life, redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, ARGV[2])}
