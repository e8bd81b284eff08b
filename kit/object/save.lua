-- Writes a record and what the indexes hold of it.
-- KEYS  record [index unique entries expiry]; only record where the type has no indexes
-- ARGV  id; base of record keys; expected version ('' any, '0' there must be none);
--       life in ms ('' leaves it); packed entries; number of arguments to HSET, those
--       arguments; the names of the fields to clear
-- Answers the new version, or 'conflict', 'missing', or 'taken' .. the field's name.
-- The version is Redis' clock in microseconds, and always above the one before: a
-- record that is removed and made again never meets the version of an old copy.
local record, id, expected, life, packed = KEYS[1], ARGV[1], ARGV[3], ARGV[4], ARGV[5]
local keys = KEYS[2] and { base = ARGV[2], index = KEYS[2], unique = KEYS[3], entries = KEYS[4], expiry = KEYS[5] }
local count = tonumber(ARGV[6])

local current = redis.call('HGET', record, '@v')
if expected == '0' then
  if current then return 'conflict' end
elseif expected ~= '' then
  if not current then return 'missing' end
  if current ~= expected then return 'conflict' end
end

local micros = clock()
local now = math.floor(micros / 1000)
local version = string.format('%.0f', math.max(micros, (tonumber(current) or 0) + 1))

local set = { '@v', version }
for i = 7, 6 + count do set[#set + 1] = ARGV[i] end
local clears = {}
if current then
  for i = 7 + count, #ARGV do clears[#clears + 1] = ARGV[i] end
end

-- What a record left that has expired since is none of this record's: its claims
-- may be someone else's by now.
local old = keys and current and redis.call('HGET', keys.entries, id) or ''
local indexing = keys and (not current or old ~= packed or life ~= '')
if #clears > 0 or life ~= '' or indexing then
  local no = refused('HSET', record, 'f', 'v') or refused('HDEL', record, 'f')
      or refused('PEXPIREAT', record, '1') or (indexing and mayIndex(keys)) or nil
  if no then return no end
end
if keys and not current then drop(keys, id) end
if old ~= packed then
  local taken
  each(packed, function(kind, body)
    if kind ~= 'u' or taken then return end
    local owner = redis.call('HGET', keys.unique, body)
    -- The claim of a record that has expired, or was evicted, is no claim.
    if owner and owner ~= id and redis.call('EXISTS', keys.base .. owner) == 1 then
      taken = string.match(body, '^[%w_]+')
    end
  end)
  if taken then return 'taken' .. taken end
end

redis.call('HSET', record, unpack(set))
if #clears > 0 then redis.call('HDEL', record, unpack(clears)) end
if life ~= '' then redis.call('PEXPIREAT', record, string.format('%.0f', now + life)) end
if not keys then return version end

if old ~= packed then
  local kept = {}
  each(packed, function(kind, body) kept[kind .. body] = true end)
  each(old, function(kind, body)
    if kept[kind .. body] then
      kept[kind .. body] = 'old'
    else
      withdraw(keys, id, kind, body)
    end
  end)
  each(packed, function(kind, body)
    if kind == 'i' then
      if kept[kind .. body] ~= 'old' then redis.call('ZADD', keys.index, 0, body .. '\0' .. id) end
    elseif redis.call('HGET', keys.unique, body) ~= id then
      redis.call('HSET', keys.unique, body, id)
    end
  end)
  if packed == '' then
    redis.call('HDEL', keys.entries, id)
  else
    redis.call('HSET', keys.entries, id, packed)
  end
end
if life ~= '' then redis.call('ZADD', keys.expiry, string.format('%.0f', now + life), id) end
-- Each save clears up after a few expired records, more than it can add itself.
pcall(sweep, keys, now, 4)
return version
