-- ARGV, for each job: id, meta, payload, delay in ms, due time in ms or 0, unique
-- name or '', priority. Returns for each '' or the id of the job that is in its way.
local taken = {}
for i = 1, #ARGV, 7 do
	taken[#taken + 1] = add(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), ARGV[i + 5],
		tonumber(ARGV[i + 6]))
end
return taken
