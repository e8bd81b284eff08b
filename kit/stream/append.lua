-- Appends one event. It names the event before it, by which readers notice that
-- events between were dropped.
-- KEYS: the stream, what groups have lost.
-- ARGV: payload, most events, most age in ms, whether to drop what groups need.
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
local stream = {}
if info.err then
	if not string.find(info.err, 'no such key', 1, true) then return info end
else
	for i = 1, #info, 2 do stream[info[i]] = info[i + 1] end
end
local first, newest = stream['first-entry'], stream['last-entry']
first, newest = first and first[1], newest and newest[1]
local last = newest or stream['last-generated-id'] or '0-0' -- it may have had events

-- before tells whether one id is smaller than another.
local function before(a, b)
	local am, as = string.match(a, '^(%d+)-(%d+)$')
	local bm, bs = string.match(b, '^(%d+)-(%d+)$')
	if am ~= bm then return #am < #bm or #am == #bm and am < bm end
	return #as < #bs or #as == #bs and as < bs
end

-- Trimming comes first: if it is denied, nothing was appended. One step takes
-- few events, since Lua has to read them to know where to cut, and Redis serves
-- nobody meanwhile. A group that lags is asked before any of them is read.
local atonce = 100
local length, most, age = stream['length'] or 0, tonumber(ARGV[2]), tonumber(ARGV[3])
local force = ARGV[4] == '1'
local excess, oldest = 0, nil
if most > 0 then
	excess = length + 1 - most
	if excess <= math.min(math.floor(most / 10), 1000) then excess = 0 end
end
if age > 0 and first then
	local now = redis.call('TIME')
	oldest = string.format('%.0f-0', tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) - age)
	if not before(first, oldest) then oldest = nil end
end

if excess > 0 or oldest then
	-- What each group needs begins with the oldest event that it has not
	-- acknowledged.
	local needs, least = {}, nil
	for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
		local g = {}
		for i = 1, #group, 2 do g[group[i]] = group[i + 1] end
		local from = g['last-delivered-id']
		if g['pending'] > 0 then
			local pending = redis.call('XPENDING', KEYS[1], g['name'])[2]
			if pending and before(pending, from) then from = pending end
		end
		needs[g['name']] = from
		if not least or before(from, least) then least = from end
	end
	local drop = math.min(excess, atonce)
	if not least and not oldest then
		redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', length - math.min(drop, length))
	elseif force or not least or before(first, least) then
		-- The id from which on events stay.
		local cut = first
		if excess > 0 then
			local some = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', drop + 1)
			if #some > drop then
				cut = some[#some][1]
			else -- none stays beside the new one
				local ms, seq = string.match(last, '^(%d+)-(%d+)$')
				cut = string.format('%s-%.0f', ms, tonumber(seq) + 1)
			end
		end
		if oldest and before(cut, oldest) then
			local some = redis.call('XRANGE', KEYS[1], '-', '(' .. oldest, 'COUNT', atonce + 1)
			local reached = #some > atonce and some[#some][1] or oldest
			if before(cut, reached) then cut = reached end
		end
		if not force and least and before(least, cut) then cut = least end
		if force then
			local dropped = redis.call('XREVRANGE', KEYS[1], '(' .. cut, '-', 'COUNT', 1)[1]
			for name, from in pairs(needs) do
				if dropped and before(from, dropped[1]) then redis.call('HSET', KEYS[2], name, dropped[1]) end
			end
		end
		redis.call('XTRIM', KEYS[1], 'MINID', '=', cut)
	end
end
return redis.call('XADD', KEYS[1], '*', 'prev', last, 'event', ARGV[1])
