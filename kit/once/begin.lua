-- Begins the work of a key. KEYS: the key, a hash: f the fingerprint, o who works,
-- a the answer, d who gave it. ARGV: who, the lease in ms, the fingerprint.
-- Returns run, mismatch, running and for how many ms its lease lasts, or done and
-- the answer. One who repeats a call whose answer was lost is told to run again.
local f = redis.call('HMGET', KEYS[1], 'f', 'o', 'a')
if not f[1] or f[2] == ARGV[1] then
	redis.call('HSET', KEYS[1], 'f', ARGV[3], 'o', ARGV[1])
	redis.call('PEXPIRE', KEYS[1], ARGV[2])
	return { 'run', '' }
end
if f[1] ~= ARGV[3] then return { 'mismatch', '' } end
if f[2] then return { 'running', tostring(redis.call('PTTL', KEYS[1])) } end
return { 'done', f[3] }
