-- What the scripts share that know of indexes.
--
-- An entry is what a record leaves in the indexes: 'i' or 'u', then the field's
-- name, a zero byte and the value in an encoding that sorts bytewise.
--   'i'  a member of the sorted set `index`: entry .. '\0' .. id, score 0
--   'u'  a claim in the hash `unique`: entry -> id
-- The hash `entries` remembers, by id, what each record left (packed, each
-- entry after its length in four bytes); the sorted set `expiry` remembers when
-- records with a limited life end. From these two, whatever an expired record
-- left behind can be found and taken away without looking through anything.

local INDEX = 105 -- 'i'

-- each calls visit for every packed entry.
local function each(packed, visit)
  local at, entry = 1, nil
  while at <= #packed do
    entry, at = struct.unpack('>I4c0', packed, at)
    visit(entry)
  end
end

-- withdraw takes one entry of id out of the indexes; a claim only if it is
-- still id's.
local function withdraw(keys, id, entry)
  local body = string.sub(entry, 2)
  if string.byte(entry) == INDEX then
    redis.call('ZREM', keys.index, body .. '\0' .. id)
  elseif redis.call('HGET', keys.unique, body) == id then
    redis.call('HDEL', keys.unique, body)
  end
end

-- drop takes everything that id left out of the indexes.
local function drop(keys, id)
  local packed = redis.call('HGET', keys.entries, id)
  if packed then
    each(packed, function(entry) withdraw(keys, id, entry) end)
    redis.call('HDEL', keys.entries, id)
  end
  redis.call('ZREM', keys.expiry, id)
end

-- sweep drops what at most max expired records left; answers how many it looked
-- at.
local function sweep(keys, now, max)
  local due = redis.call('ZRANGE', keys.expiry, '-inf', now, 'BYSCORE', 'LIMIT', 0, max)
  for _, id in ipairs(due) do
    local left = redis.call('PTTL', keys.base .. id)
    if left == -2 then
      drop(keys, id)
    elseif left == -1 then -- made to stay by someone else's PERSIST
      redis.call('ZREM', keys.expiry, id)
    else
      redis.call('ZADD', keys.expiry, string.format('%.0f', now + math.max(left, 1)), id)
    end
  end
  return #due
end

-- mayIndex asks for all that a change of the indexes needs.
local function mayIndex(keys)
  return refused('ZADD', keys.index, '0', 'm') or refused('ZREM', keys.index, 'm')
      or refused('HSET', keys.unique, 'f', 'v') or refused('HDEL', keys.unique, 'f')
      or refused('HSET', keys.entries, 'f', 'v') or refused('HDEL', keys.entries, 'f')
      or refused('ZADD', keys.expiry, '0', 'm') or refused('ZREM', keys.expiry, 'm')
end
