-- Appends one event. It names the event before it, by which readers notice that
-- events between were dropped. KEYS: the stream, what groups have lost. ARGV:
-- payload, most events, most age in ms, whether to drop what groups need.
local last = '0-0'
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest then
	last = newest[1]
else
	local info = redis.pcall('XINFO', 'STREAM', KEYS[1]) -- it may have had events
	if info.err then
		if not string.find(info.err, 'no such key', 1, true) then return info end
	else
		for i = 1, #info, 2 do
			if info[i] == 'last-generated-id' then last = info[i + 1] end
		end
	end
end

-- before tells whether one id is smaller than another.
local function before(a, b)
	local am, as = string.match(a, '^(%d+)-(%d+)$')
	local bm, bs = string.match(b, '^(%d+)-(%d+)$')
	if am ~= bm then return #am < #bm or #am == #bm and am < bm end
	return #as < #bs or #as == #bs and as < bs
end

-- trim drops what is before an id, as far as the groups let it.
local function trim(cut)
	local force, cuts = ARGV[4] == '1', {}
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
	if force then
		local dropped = redis.call('XREVRANGE', KEYS[1], '(' .. cut, '-', 'COUNT', 1)[1]
		for name, needs in pairs(cuts) do
			if dropped and before(needs, dropped[1]) then redis.call('HSET', KEYS[2], name, dropped[1]) end
		end
	end
	redis.call('XTRIM', KEYS[1], 'MINID', '=', cut)
end

-- Trimming comes first: if it is denied, nothing was appended. It takes at most
-- so many in one step, which must stay short.
local atonce = 1000
local most, age = tonumber(ARGV[2]), tonumber(ARGV[3])
local cut
if most > 0 then
	local excess = redis.call('XLEN', KEYS[1]) + 1 - most
	if excess > math.min(math.floor(most / 10), 1000) then
		local drop = math.min(excess, atonce)
		local some = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', drop + 1)
		if #some > drop then
			cut = some[#some][1]
		else -- none stays beside the new one
			local ms, seq = string.match(last, '^(%d+)-(%d+)$')
			cut = string.format('%s-%.0f', ms, tonumber(seq) + 1)
		end
	end
end
if age > 0 and newest then
	local now = redis.call('TIME')
	local oldest = string.format('%.0f-0', tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) - age)
	local some = redis.call('XRANGE', KEYS[1], '-', '(' .. oldest, 'COUNT', 1)
	if #some > 0 then
		some = redis.call('XRANGE', KEYS[1], '-', '(' .. oldest, 'COUNT', atonce + 1)
		local reached = #some > atonce and some[#some][1] or oldest
		if not cut or before(cut, reached) then cut = reached end
	end
end
if cut then trim(cut) end
return redis.call('XADD', KEYS[1], '*', 'prev', last, 'event', ARGV[1])
