-- Writes a record and what the indexes hold of it. KEYS record index unique
-- entries expiry ARGV expected version ('' any, '0' there must be none); life
-- in ms ('' leaves it);
--       number of arguments to HSET, those arguments; the names of the fields to clear;
--       packed entries; id; base of record keys
-- Answers the new version, or 'conflict', 'missing', or 'taken' .. the field's
-- name. A version begins as Redis' clock in microseconds and goes up by one: a
-- record that is removed and made again does not meet the version of an old
-- copy.
local record, expected, life, last = KEYS[1], ARGV[1], ARGV[2], 3 + ARGV[3]
local packed, id = ARGV[#ARGV - 2], ARGV[#ARGV - 1]
local keys = { base = ARGV[#ARGV], index = KEYS[2], unique = KEYS[3], entries = KEYS[4], expiry = KEYS[5] }

local current = redis.call('HGET', record, '@v')
if expected == '0' then
  if current then return 'conflict' end
elseif expected ~= '' then
  if not current then return 'missing' end
  if current ~= expected then return 'conflict' end
end

-- What a record left that has expired since is none of this record's: its
-- claims may be someone else's by now.
local old = redis.call('HGET', keys.entries, id) or ''
local clearing = current and last < #ARGV - 3
local indexing = not current or old ~= packed or life ~= ''
if clearing or indexing then
  local no = refused('HSET', record, 'f', 'v') or refused('HDEL', record, 'f')
      or refused('PEXPIREAT', record, '1') or (indexing and mayIndex(keys)) or nil
  if no then return no end
end
if not current and old ~= '' then
  drop(keys, id)
  old = ''
end

local add, claim, withdrawn = {}, {}, {}
if old ~= packed then
  local had = {}
  each(old, function(entry) had[entry] = true end)
  each(packed, function(entry)
    if had[entry] then
      had[entry] = nil
    elseif string.byte(entry) == INDEX then
      add[#add + 1] = 0
      add[#add + 1] = string.sub(entry, 2) .. '\0' .. id
    else
      claim[#claim + 1] = string.sub(entry, 2)
    end
  end)
  for entry in pairs(had) do withdrawn[#withdrawn + 1] = entry end
end
for _, value in ipairs(claim) do
  local owner = redis.call('HGET', keys.unique, value)
  -- The claim of a record that has expired, or was evicted, is no claim.
  if owner and owner ~= id and redis.call('EXISTS', keys.base .. owner) == 1 then
    return 'taken' .. string.match(value, '^[%w_]+')
  end
end

local now = indexing and clock()
local version = current and string.format('%.0f', current + 1) or now
redis.call('HSET', record, '@v', version, unpack(ARGV, 4, last))
if clearing then redis.call('HDEL', record, unpack(ARGV, last + 1, #ARGV - 3)) end
for _, entry in ipairs(withdrawn) do withdraw(keys, id, entry) end
if #add > 0 then redis.call('ZADD', keys.index, unpack(add)) end
for _, value in ipairs(claim) do redis.call('HSET', keys.unique, value, id) end
if old ~= packed then
  if packed == '' then
    redis.call('HDEL', keys.entries, id)
  else
    redis.call('HSET', keys.entries, id, packed)
  end
end
if life ~= '' then
  local ends = string.format('%.0f', math.floor(now / 1000) + life)
  redis.call('PEXPIREAT', record, ends)
  redis.call('ZADD', keys.expiry, ends, id)
end
-- Each save that may add something to clear up clears up after a few expired
-- records.
if not current or life ~= '' then pcall(sweep, keys, math.floor(now / 1000), 4) end
return version
