-- Reads jobs. ARGV: 'ids' and ids, or a state, an offset and a count. Returns for
-- each id, state, meta, payload, result, progress and the time that its set is
-- ordered by.
local sets = { ready = R, delayed = D, active = A, dead = X, done = F, waiting = V }
local function state(id, m)
	for _, name in ipairs({ 'ready', 'delayed', 'dead', 'done', 'waiting' }) do
		local at = call('ZSCORE', sets[name], id)
		if at then return name, at end
	end
	local at = m.n and call('ZSCORE', A, m.n .. ':' .. id)
	if at then return 'active', at end
	return 'blocked', '0'
end

local ids = {}
if ARGV[1] == 'ids' then
	for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
else
	local set = sets[ARGV[1]] or B
	for _, member in ipairs(call('ZRANGE', set, ARGV[2], ARGV[2] + ARGV[3] - 1)) do
		ids[#ids + 1] = set == A and member:match('^%d+:(.*)$') or set == B and member:match('^.*%z(.*)$') or member
	end
end
local found = {}
for _, id in ipairs(ids) do
	local f = call('HMGET', J, 'm' .. id, 'p' .. id, 'r' .. id, 'g' .. id)
	if f[1] then
		local name, at = state(id, cjson.decode(f[1]))
		found[#found + 1] = { id, name, f[1], f[2] or '', f[3] or '', f[4] or '', at }
	end
end
return found
