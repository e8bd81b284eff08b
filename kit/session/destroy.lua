-- Deletes a session and announces it.
--
-- KEYS[1] record ARGV user it has to belong to, channel, id to announce Returns
-- {0} when there is none of that user, {1}, or {1, error} when it is gone but
-- could not be announced

local user = redis.call('HGET', KEYS[1], 'user')
if user ~= ARGV[1] then
  return {0}
end
redis.call('DEL', KEYS[1])
local told = redis.pcall('PUBLISH', ARGV[2], ARGV[3])
if type(told) == 'table' and told.err then
  return {1, told.err}
end
return {1}
