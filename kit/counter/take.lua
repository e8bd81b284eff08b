-- Takes from several amounts, or from none. KEYS: a hash. ARGV: field, how much,
-- and so on. Returns 1 and what is left of each, or 0 and what there is.
local left, enough = { 1 }, true
for i = 1, #ARGV, 2 do
	local have = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
	left[#left + 1] = have
	if have < tonumber(ARGV[i + 1]) then enough = false end
end
if not enough then
	left[1] = 0
	return left
end
for i = 1, #ARGV, 2 do
	left[1 + (i + 1) / 2] = redis.call('HINCRBY', KEYS[1], ARGV[i], '-' .. ARGV[i + 1])
end
return left
