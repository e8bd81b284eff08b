-- Adds to an amount, up to a limit (or -1 for none). KEYS: a hash. ARGV: field, how
-- much, the limit. Returns what there is then.
local have = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
local more, most = tonumber(ARGV[2]), tonumber(ARGV[3])
if most >= 0 and have + more > most then more = math.max(most - have, 0) end
if more == 0 then return have end
return redis.call('HINCRBY', KEYS[1], ARGV[1], string.format('%.0f', more))
