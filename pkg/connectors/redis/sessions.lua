-- Reads a page of a user's sessions. KEYS: the user's. ARGV: after (or empty), limit, the user's own session.
-- Returns the life, the sessions, and the own session's score, false when it is not among them.
local from = '-'
if ARGV[1] ~= '' then from = '(' .. ARGV[1] end
return {life, redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, ARGV[2]), redis.call('ZSCORE', KEYS[1], ARGV[3])}
