-- Takes the lease of an entry that is there but not good enough.
-- KEYS[1] the entry; ARGV[1] the id of the record that the caller saw,
-- ARGV[2] the new token, ARGV[3] the length of the lease in ms,
-- ARGV[4] the pending record that replaces an invalid one, or '' to keep the
-- value and only claim its refresh.
-- Returns 1 when the caller holds the lease, 0 when the entry changed since, is
-- gone, or is being refreshed already.
local key = KEYS[1]
if redis.call('GETRANGE', key, 1, 16) ~= ARGV[1] then
  return 0
end
if ARGV[4] ~= '' then
  redis.call('SET', key, ARGV[4], 'PX', ARGV[3])
  return 1
end
-- A refresh is held while the entry has more life left than the hold says, so
-- that the server's clock alone decides.
local left = redis.call('PTTL', key)
local hold = struct.unpack('>I8', redis.call('GETRANGE', key, 17, 24))
if left < 0 or left > hold then
  return 0
end
hold = math.max(left - tonumber(ARGV[3]), 0)
redis.call('SETRANGE', key, 1, ARGV[2] .. struct.pack('>I8', hold))
return 1
