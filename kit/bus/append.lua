-- Appends one event. It names the event before it, by which readers notice that events between were dropped.
-- KEYS: the stream, what groups have lost. ARGV: payload, most events, most age in ms, whether to drop what groups need.
local last, length, first = '0-0', 0, nil
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
	if not string.find(info.err, 'no such key', 1, true) then return info end
else
	for i = 1, #info, 2 do
		if info[i] == 'last-generated-id' then last = info[i + 1] end
		if info[i] == 'length' then length = info[i + 1] end
		if info[i] == 'first-entry' and info[i + 1] then first = info[i + 1][1] end
	end
end

-- before tells whether one id is smaller than another.
local function before(a, b)
	local am, as = string.match(a, '^(%d+)-(%d+)$')
	local bm, bs = string.match(b, '^(%d+)-(%d+)$')
	if am ~= bm then return #am < #bm or #am == #bm and am < bm end
	return #as < #bs or #as == #bs and as < bs
end

-- Trimming comes first: if it is denied, nothing was appended.
local most, age, force = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local slack = math.min(math.floor(most / 10), 1000)
local cut
if most > 0 and length >= most + slack then
	-- At most so many in one step, which must stay short.
	local some = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.min(length + 1 - most, 1000) + 1)
	cut = some[#some][1]
end
if age > 0 and first then
	local now = redis.call('TIME')
	local oldest = string.format('%.0f-0', tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) - age)
	if before(first, oldest) and (not cut or before(cut, oldest)) then
		local some = redis.call('XRANGE', KEYS[1], '-', '(' .. oldest, 'COUNT', 1000)
		local reached = #some > 0 and some[#some][1] or first
		local after = redis.call('XRANGE', KEYS[1], '(' .. reached, '+', 'COUNT', 1)
		reached = #after > 0 and after[1][1] or oldest
		if not cut or before(cut, reached) then cut = reached end
	end
end
if cut then
	local cuts = {}
	for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
		local g = {}
		for i = 1, #group, 2 do g[group[i]] = group[i + 1] end
		local needs = g['last-delivered-id']
		if g['pending'] > 0 then
			local oldest = redis.call('XPENDING', KEYS[1], g['name'])[2]
			if oldest and before(oldest, needs) then needs = oldest end
		end
		cuts[g['name']] = needs
		if not force and before(needs, cut) then cut = needs end
	end
	if first and before(first, cut) then
		if force then
			local lastdropped = redis.call('XREVRANGE', KEYS[1], '(' .. cut, '-', 'COUNT', 1)
			for name, needs in pairs(cuts) do
				if #lastdropped > 0 and before(needs, lastdropped[1][1]) then redis.call('HSET', KEYS[2], name, lastdropped[1][1]) end
			end
		end
		redis.call('XTRIM', KEYS[1], 'MINID', '=', cut)
	end
end
return redis.call('XADD', KEYS[1], '*', 'prev', last, 'event', ARGV[1])
