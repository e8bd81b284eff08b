-- Moves a person's read position in a room forward. KEYS: members reads ARGV:
-- user no Returns -1 not a member, 0 further already, 1 moved, 2 moved there
-- before by the same: its event may be missing.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return -1 end
local have = redis.call('HGET', KEYS[2], ARGV[1]) or '0'
local no, by = string.match(have, '^(%d+)(!?)$')
if tonumber(ARGV[2]) > tonumber(no) then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. '!')
  return 1
end
if no == ARGV[2] and by == '!' then return 2 end
return 0
