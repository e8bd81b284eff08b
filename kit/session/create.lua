-- Writes a new session record.
--
-- KEYS[1]  record
-- ARGV     hash of the secret, user, data, idle limit in ms, absolute limit in
--          ms; then name and value of more fields
-- Returns  server time in ms; 0 when the record exists

if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local idle, absolute = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'hash', ARGV[1], 'user', ARGV[2], 'data', ARGV[3], 'version', 1,
  'created', string.format('%.0f', now), 'seen', string.format('%.0f', now), 'ends', string.format('%.0f', now + absolute))
if #ARGV > 5 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 6))
end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(idle, absolute)))
return now
