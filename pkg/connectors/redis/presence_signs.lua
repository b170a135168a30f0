-- Gives the time (ms), and all signs of nodes, each as its node and what was noted. KEYS: the signs.
local all = redis.call('HGETALL', KEYS[1])
table.insert(all, 1, string.format('%.0f', now()))
return all
