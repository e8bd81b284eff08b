-- Has a job wait for those of others that are unfinished. Returns how many, or
-- nothing when one of them is not there or will not be completed.
local function await(id, others)
	local unfinished = {}
	for _, other in ipairs(others) do
		local m = load(other)
		if not m or m.c or call('ZSCORE', X, other) then return end
		if not call('ZSCORE', F, other) then unfinished[#unfinished + 1] = 'w:' .. other end
	end
	for _, field in ipairs(unfinished) do
		call('HSET', C, field, (call('HGET', C, field) or '') .. id .. '\n')
	end
	return #unfinished
end
