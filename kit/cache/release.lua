-- Gives a lease back without a value. KEYS[1] the entry; ARGV[1] token, ARGV[2]
-- ms for which nobody should try to refresh a value that is still there,
-- ARGV[3] the kind byte of a pending record. Returns 1 when the token stood, 0
-- otherwise.
local key = KEYS[1]
local head = redis.call('GETRANGE', key, 0, 16)
if string.sub(head, 2) ~= ARGV[1] then
  return 0
end
if string.sub(head, 1, 1) == ARGV[3] then
  redis.call('DEL', key)
  return 1
end
local hold = math.max(redis.call('PTTL', key) - tonumber(ARGV[2]), 0)
redis.call('SETRANGE', key, 17, struct.pack('>I8', hold))
return 1
