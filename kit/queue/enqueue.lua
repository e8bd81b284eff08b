-- ARGV, for each job: id, meta, payload, delay in ms, due time in ms or 0, unique
-- name or '', priority, the ids to wait for. Returns for each '' or the id of the job that is in its way.
local after, coming = {}, {}
for i = 1, #ARGV, 8 do
	if ARGV[i + 7] ~= '' then after[i] = {} end
	for other in ARGV[i + 7]:gmatch('[^\n]+') do
		local m = load(other)
		if m and (m.c or call('ZSCORE', X, other)) or not m and not coming[other] then
			return redis.error_reply('NOJOB a job to wait for is not there, or will not be completed')
		end
		table.insert(after[i], other)
	end
	coming[ARGV[i]] = true
end
local taken = {}
for i = 1, #ARGV, 8 do
	taken[#taken + 1] = add(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), ARGV[i + 5],
		tonumber(ARGV[i + 6]), after[i])
end
return taken
