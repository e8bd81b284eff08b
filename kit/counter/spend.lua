-- Spends from the budget of the period. KEYS: a hash: p the end of the period that
-- n was used in. ARGV: periods, how much, the budget. Returns whether it was spent,
-- what is left and when the period ends.
local used = redis.call('HMGET', KEYS[1], 'p', 'n')
local n = used[1] == string.format('%.0f', period_end) and tonumber(used[2]) or 0
local want, budget = tonumber(ARGV[2]), tonumber(ARGV[3])
if n + want > budget then return { 0, math.max(budget - n, 0), period_end } end
if want > 0 then
	redis.call('HSET', KEYS[1], 'p', string.format('%.0f', period_end), 'n', string.format('%.0f', n + want))
	redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', period_end + 60000))
end
return { 1, budget - n - want, period_end }
