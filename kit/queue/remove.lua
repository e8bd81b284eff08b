-- Deletes finished jobs. ARGV: ids. Returns how many were.
local gone = 0
for _, id in ipairs(ARGV) do
	if call('ZREM', X, id) + call('ZREM', F, id) > 0 then
		forget(id)
		gone = gone + 1
	end
end
return gone
