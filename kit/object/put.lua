-- Writes a record of a type without indexes. KEYS record ARGV expected version
-- ('' any, '0' there must be none); life in ms ('' leaves it);
--       number of arguments to HSET, those arguments; the names of the fields to clear
-- Answers as save.lua does; what it says of versions holds here too.
local record, expected, life, last = KEYS[1], ARGV[1], ARGV[2], 3 + ARGV[3]

local current = redis.call('HGET', record, '@v')
if expected == '0' then
  if current then return 'conflict' end
elseif expected ~= '' then
  if not current then return 'missing' end
  if current ~= expected then return 'conflict' end
end

local clearing = current and last < #ARGV
if clearing or life ~= '' then
  local no = refused('HSET', record, 'f', 'v') or refused('HDEL', record, 'f') or refused('PEXPIREAT', record, '1')
  if no then return no end
end

local version = current and string.format('%.0f', current + 1) or clock()
redis.call('HSET', record, '@v', version, unpack(ARGV, 4, last))
if clearing then redis.call('HDEL', record, unpack(ARGV, last + 1)) end
if life ~= '' then redis.call('PEXPIRE', record, life) end
return version
