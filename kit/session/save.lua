-- Writes a session's data if nobody else did since it was read, and changes its
-- secret if asked to.
--
-- KEYS[1]  record
-- ARGV     hash of the secret, hash from now on, version that was read, data,
--          idle and absolute limit in ms
-- Returns  {'gone'}, {'saved', version} or {'conflict', version, data}

local r = redis.call('HMGET', KEYS[1], 'hash', 'version', 'ends', 'data', 'created', 'idle')
if not r[1] or r[1] ~= ARGV[1] then
  return {'gone'}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local left = math.min(tonumber(r[3]), tonumber(r[5]) + tonumber(ARGV[6])) - now
if left <= 0 then
  return {'gone'}
end
if r[2] ~= ARGV[3] then
  return {'conflict', tonumber(r[2]), r[4]}
end
local version = tonumber(r[2]) + 1
redis.call('HSET', KEYS[1], 'hash', ARGV[2], 'data', ARGV[4],
  'version', string.format('%.0f', version), 'seen', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(tonumber(ARGV[5]), tonumber(r[6] or ARGV[5]), left)))
return {'saved', version}
