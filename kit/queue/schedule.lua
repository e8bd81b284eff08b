-- Keeps a schedule. ARGV: name, spec, the time that the caller waits for in ms or
-- 0, the time after that, and a job as in enqueue.lua. Without a time to wait for
-- it registers: the spec and the next time, unless it is known with this spec; and
-- so, with a negative one, if another spec has been overdue for so long. Otherwise, at or after that time, the first to come adds the job and moves on.
-- Returns the next time (0 when another spec has taken over) and the clock.
local name = ARGV[1]
local at, spec = (call('HGET', S, name) or ''):match('^(%d+) (.*)$')
local slot, next = tonumber(ARGV[3]), tonumber(ARGV[4])
local mine = spec == ARGV[2]
if slot <= 0 then
	if not at or not mine and (slot == 0 or tonumber(at) < now + slot) then
		at = ARGV[4]
		call('HSET', S, name, at .. ' ' .. ARGV[2])
	elseif not mine then
		at = 0
	end
elseif not mine then
	at = 0
elseif tonumber(at) == slot and slot <= now then
	add(ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[11]))
	at = next
	call('HSET', S, name, ARGV[4] .. ' ' .. spec)
end
return { tonumber(at), now }
