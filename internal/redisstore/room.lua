-- Judges changes to one room in order, then writes all of them with their
-- events, or none. This is its first part: judge.lua follows. Annotations of
-- messages go through annotate.lua.
-- KEYS: head log messages members order reads marks marked edits, then the
-- sends to look in, the one to write to first ARGV: room channel window
-- remember day mode, then for each change: op id json must speak, and what the
-- op takes
--   speak is empty, or, of what only those may do who may write in the room, its time, with ! if an admin writes.
--   json is the event as JSON without its end: seq, prev and what only Redis knows are put behind it.
-- shut is 1 for an archived room, and 2 more for one in which only moderators post.
-- Returns {-1, code}, {-1, muted, until} or {-1, slow, for how long} if one is
-- refused, or for each change, of which with "each" some may be that:
--   {0} nothing to change | {1, seq, no, prev} message | {2, fields of the first send, no, prev, its mark} | {3, event}
local head, log, messages, members, order, reads, marksKey, marked, edits = unpack(KEYS, 1, 9)
local room, channel = ARGV[1], ARGV[2]
local h = redis.call('HMGET', head, 'at', 'gate')
local seq, no, said, day, last = string.match(h[1] or '0 0 0 0 ', '^(%d+) (%d+) (%d) (%d+) (.*)$')
local shut, slow = string.match(h[2] or '0 0', '^(%d) (%d+)$')
local archived, announce = shut == '1' or shut == '3', shut > '1'
slow = tonumber(slow) * 1000
seq, no, said = tonumber(seq), tonumber(no), said == '1'
local exists, info = seq > 0, nil

local writes, rings, replies = {}, {}, {}
local places, sent, fresh, marks = {}, {}, {}, {} -- what earlier changes of this call did
local trimmed, edge -- number and id of the newest message that is gone, where known
local hasMarks -- some were written now
local function write(...) writes[#writes + 1] = {...} end
local function pad(n) return string.format('%016d', n) end

-- Many sends together are looked up and written with as few commands as one: a
-- command costs Redis more than what it does.
local each = ARGV[6] == 'each' -- only messages, each of which stands for itself
local had, read, remembered = {}, {'HSET', reads}, {'HSET', KEYS[10]}
if each and #ARGV > 19 then
  local users, hashes = {}, {}
  for i = 7, #ARGV, 13 do
    for _, user in ipairs({ARGV[i + 3], ARGV[i + 5]}) do
      if places[user] == nil then users[#users + 1], places[user] = user, false end
    end
    if ARGV[i + 10] ~= '' then hashes[#hashes + 1] = ARGV[i + 10] end
  end
  for i, as in ipairs(redis.call('HMGET', members, unpack(users))) do places[users[i]] = as end
  for i = 10, #KEYS do
    had[i] = {}
    if #hashes > 0 then
      for k, n in ipairs(redis.call('HMGET', KEYS[i], unpack(hashes))) do had[i][hashes[k]] = n end
    end
  end
end

local function place(user)
  if places[user] == nil then places[user] = redis.call('HGET', members, user) end
  return places[user]
end

-- A place is "<role> <joined>", and where they were muted or have spoken in a
-- slow room "<role> <joined> <spoke> <muted until> <mute as JSON or empty>",
-- with times in milliseconds, 0 for none.
local function parts(user)
  local role, joined, spoke, till, mute = string.match(places[user], '^(%S+) (%S+) (%d+) (%d+) (.*)$')
  if role then return role, joined, spoke, till, mute end
  role, joined = string.match(places[user], '^(%S+) (.*)$')
  return role, joined, '0', '0', ''
end

local function settle(user, role, joined, spoke, till, mute)
  places[user] = role .. ' ' .. joined
  if spoke ~= '0' or mute ~= '' then places[user] = places[user] .. ' ' .. spoke .. ' ' .. till .. ' ' .. mute end
  write('HSET', members, user, places[user])
end

local function member(user)
  local role, joined, _, _, mute = parts(user)
  if mute ~= '' then mute = ',"mute":' .. mute end
  return ',"member":{"room":"' .. room .. '","user":"' .. user .. '","role":"' .. role .. '","joined_at":"' .. joined .. '"' .. mute .. '}'
end

-- silence says why who must be in the room may not write there, nil if they
-- may. Says is whether it is a new message.
local function silence(must, speak, says)
  if speak == '' then return nil end
  if archived then return {-1, 'archived'} end
  if must == '' then return nil end
  local role, spoke, till = string.match(places[must], '^(%S+) %S+ (%d+) (%d+) ')
  if not role and not announce then return nil end
  local at, rank = string.match(speak, '^(%d+)(!?)$')
  if role and tonumber(at) < tonumber(till) then return {-1, 'muted', till} end
  local wait = role and slow > 0 and tonumber(spoke) + slow - tonumber(at) or 0
  if not says or not announce and wait <= 0 or string.match(places[must], '^%S+') == 'moderator' then return nil end
  if rank ~= '' and cjson.decode(info or redis.call('HGET', head, 'room')).kind == 'public' then return nil end
  if announce then return {-1, 'announce'} end
  return {-1, 'slow', wait}
end

-- append numbers the event and returns the id of the one before it.
local function append(id, json)
  local prev = last
  seq, last = seq + 1, id
  if prev ~= '' then
    rings[#rings + 1] = json .. ',"seq":' .. seq .. ',"prev":"' .. prev .. '"}'
  else
    rings[#rings + 1] = json .. ',"seq":' .. seq .. '}'
  end
  return prev
end

-- other appends an event that is no new message.
local function other(id, json)
  append(id, json)
  said = false
  write('XADD', log, 'MAXLEN', '~', ARGV[3], seq .. '-0', 'e', rings[#rings])
  replies[#replies + 1] = {3, rings[#rings]}
end

local function floor()
  if not trimmed then
    trimmed, edge = string.match(redis.call('HGET', head, 'trimmed') or '0 ', '^(%d+) (.*)$')
    trimmed = tonumber(trimmed)
  end
  return trimmed
end

-- mark is the annotation of a message as JSON, '' if it has none.
local function mark(n)
  if not marks[n] then marks[n] = not fresh[n] and redis.call('HGET', marksKey, n) or '' end
  return marks[n]
end

-- fields are those of a message's entry, also if its place is all that is left.
-- Nil if it is not there.
local function fields(n)
  if fresh[n] then return fresh[n] end
  local row = redis.call('XRANGE', messages, n, n)[1]
  if row then return row[2] end
  local m = mark(n) ~= '' and cjson.decode(mark(n)) or {}
  return m.i and {'i', m.i, 'd', m.d, 't', ''}
end

-- idOf returns the id of a message.
local function idOf(n)
  if n == floor() then return edge end
  return fields(n)[2]
end

-- first returns what a send has become that is known by its hash.
local function first(hash)
  local known = sent[hash]
  local n = known and known[1]
  for i = 10, #KEYS do
    if n then break end
    local found
    if had[i] then found = had[i][hash] else found = redis.call('HGET', KEYS[i], hash) end
    n = found and tonumber(found)
  end
  if not n or n <= (known and floor() or trimmed or 0) then return nil end
  local f = fields(n)
  if not f then return nil end
  local prev = known and known[2] or string.match(f[4], '^%S+ %S+ %S+ %S+ (%S*) ')
  if prev == '' and n > 1 then prev = idOf(n - 1) end
  return {2, f, n, prev, mark(n) ~= '' and mark(n)}
end
