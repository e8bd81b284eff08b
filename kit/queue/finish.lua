-- Ends a job's run. ARGV: member of active, id, how (done, failed, dead, snoozed,
-- released, cancelled), the pause in ms before the next attempt, the reason or the
-- result, how long a dead letter is kept in ms. Returns what has become of the
-- job, or '' when the lease was another's. A call that is repeated because its
-- answer was lost finds what it did.
local member, id, how, pause, text, keep = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local m = load(id)
if not m then return how == 'done' and 'done' or '' end
if call('ZREM', A, member) == 0 then
	if m.last == member then return m.how end
	return ''
end
leave(m.k)
if call('HEXISTS', C, 'c:' .. id) == 1 then
	if how == 'done' then call('HDEL', C, 'c:' .. id) else how = 'cancelled' end
end
m.last = member
if how == 'failed' then
	m.f, m.e = (m.f or 0) + 1, text
	call('HINCRBY', C, 'n:failed', 1)
	if m.f >= m.m then how = 'dead' end
elseif how == 'dead' then
	m.f = (m.f or 0) + 1
end
m.how = how
if how == 'done' then
	call('HINCRBY', C, 'n:done', 1)
	free(id, m)
	settle(id)
	if m.r then
		m.z = now
		save(id, m)
		if text ~= '' then call('HSET', J, 'r' .. id, text) end
		call('ZADD', F, now + m.r, id)
	else
		forget(id)
	end
elseif how == 'dead' then
	bury(id, m, text, keep)
elseif how == 'cancelled' then
	cancelled(id, m, keep)
elseif how == 'released' then
	save(id, m)
	ready(id, m, true)
else
	save(id, m)
	call('ZADD', D, now + pause, id)
	wake()
end
return how
