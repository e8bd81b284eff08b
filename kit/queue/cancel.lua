-- ARGV: id, how long dead letters are kept in ms. Returns the state that the job was
-- in: ready, delayed, waiting and blocked ones
-- are cancelled, an active one will be, others stay as they are.
local id = ARGV[1]
local m = load(id)
if not m then return '' end
if call('ZSCORE', X, id) then return 'dead' end
if call('ZSCORE', F, id) then return 'done' end
if m.n and call('ZSCORE', A, m.n .. ':' .. id) then
	call('HSET', C, 'c:' .. id, '1')
	return 'active'
end
local state
if call('ZREM', R, id) == 1 then
	state = 'ready'
	if m.k then unblock(m.k) end
elseif call('ZREM', D, id) == 1 then
	state = 'delayed'
elseif call('ZREM', V, id) == 1 then
	state = 'waiting'
elseif m.k then
	state = 'blocked'
	for _, member in ipairs(call('ZRANGEBYLEX', B, '[' .. m.k .. '\0', '(' .. m.k .. '\1')) do
		if member:match('^%z%d+%z(.*)$', #m.k + 1) == id then call('ZREM', B, member) end
	end
else
	return ''
end
cancelled(id, m, tonumber(ARGV[2]))
return state
