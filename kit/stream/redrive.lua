-- Gives dead letters back to their group. KEYS: dead letters, retries. ARGV:
-- ids. Returns how many there were.
local moved = 0
if redis.acl_check_cmd and not redis.acl_check_cmd('XDEL', KEYS[1], '1-1') then return redis.error_reply('NOPERM redrive needs XDEL') end
for _, id in ipairs(ARGV) do
	local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
	if entry then
		local f = {}
		for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
		redis.call('XADD', KEYS[2], '*', 'event', f['event'], 'position', f['position'])
		redis.call('XDEL', KEYS[1], id)
		moved = moved + 1
	end
end
return moved
