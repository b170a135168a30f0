-- Notes what a phone shows in a place, and its number. What is newer there stays, whoever is late. KEYS: the user's phones. ARGV: the place's field; the seq up to which nothing
-- is shown any more, or ''; the seq and what is shown now, or ''; the number's field; the number, or ''; for how long it is known (ms); the mark of the call that brought the
-- number, or ''. Seqs have 20 digits. Numbers are digits, or ? where nobody knows; with the mark of the call that is to change it, and ! if another call may have come after that.
-- Gives 1 if the number is contested, and how many fields there are.
local has = redis.call('HGET', KEYS[1], ARGV[1])
if has and ARGV[2] ~= '' and string.sub(has, 1, 20) <= ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  has = false
end
if ARGV[3] ~= '' and (not has or string.sub(has, 1, 20) <= string.sub(ARGV[3], 1, 20)) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
local contested = 0
if ARGV[5] ~= '' then
  local is, mine = redis.call('HGET', KEYS[1], ARGV[4]), '?' .. ARGV[7]
  local becomes = ARGV[5]
  if ARGV[7] ~= '' and is and is ~= becomes and is ~= mine then
    becomes = '?'
    if is ~= mine .. '!' then
      contested = 1
      if string.sub(is, 1, 1) == '?' and is ~= '?' then
        becomes = string.sub(is, -1) == '!' and is or is .. '!'
      end
    end
  end
  redis.call('HSET', KEYS[1], ARGV[4], becomes)
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {contested, redis.call('HLEN', KEYS[1])}
