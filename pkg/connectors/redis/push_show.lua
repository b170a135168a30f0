-- Notes what a phone shows in a place, and its number. What is newer there stays, whoever is late. KEYS: the user's phones. ARGV: the place's field; the seq up to which nothing
-- is shown any more, or ''; the seq and what is shown now, or ''; the number's field; the number, or ''; for how long it is known (ms). Seqs have 20 digits.
local has = redis.call('HGET', KEYS[1], ARGV[1])
if has and ARGV[2] ~= '' and string.sub(has, 1, 20) <= ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  has = false
end
if ARGV[3] ~= '' and (not has or string.sub(has, 1, 20) <= string.sub(ARGV[3], 1, 20)) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], ARGV[4], ARGV[5]) end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return redis.call('HLEN', KEYS[1])
