-- Judges changes to one room in order, then writes all of them with their events, or none.
-- KEYS: head log messages members order reads, then the sends to look in, the one to write to first
-- ARGV: room channel window remember day mode, then for each change: op id json must, and what the op takes
--   json is the event as JSON without its end: seq, prev and what only Redis knows are put behind it.
-- Returns {-1, code} if one is refused, or for each change, of which with "each" some may be that:
--   {0} nothing to change | {1, seq, no, prev} message | {2, fields of the first send, no, prev} | {3, event}
local head, log, messages, members, order, reads = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local room, channel = ARGV[1], ARGV[2]
local seq, no, said, day, last = string.match(redis.call('HGET', head, 'at') or '0 0 0 0 ', '^(%d+) (%d+) (%d) (%d+) (.*)$')
seq, no, said = tonumber(seq), tonumber(no), said == '1'
local exists, info = seq > 0, nil

local writes, rings, replies = {}, {}, {}
local places, sent, fresh = {}, {}, {} -- what earlier changes of this call did
local trimmed, edge -- number and id of the newest message that is gone, where known
local function write(...) writes[#writes + 1] = {...} end

-- Many sends together are looked up and written with as few commands as one: a command costs Redis more than what it does.
local each = ARGV[6] == 'each' -- only messages, each of which stands for itself
local had, read, remembered = {}, {'HSET', reads}, {'HSET', KEYS[7]}
if each and #ARGV > 16 then
  local users, hashes = {}, {}
  for i = 7, #ARGV, 10 do
    for _, user in ipairs({ARGV[i + 3], ARGV[i + 4]}) do
      if places[user] == nil then users[#users + 1], places[user] = user, false end
    end
    if ARGV[i + 9] ~= '' then hashes[#hashes + 1] = ARGV[i + 9] end
  end
  for i, as in ipairs(redis.call('HMGET', members, unpack(users))) do places[users[i]] = as end
  for i = 7, #KEYS do
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

local function member(user)
  local role, joined = string.match(places[user], '^(%S+) (.*)$')
  return ',"member":{"room":"' .. room .. '","user":"' .. user .. '","role":"' .. role .. '","joined_at":"' .. joined .. '"}'
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

-- idOf returns the id of a message.
local function idOf(n)
  if fresh[n] then return fresh[n] end
  if n == floor() then return edge end
  return redis.call('XRANGE', messages, n, n)[1][2][2]
end

-- first returns what a send has become that is known by its hash.
local function first(hash)
  local n = sent[hash]
  for i = 7, #KEYS do
    if n then break end
    if had[i] then n = had[i][hash] else n = redis.call('HGET', KEYS[i], hash) end
  end
  if not n then return nil end
  if type(n) == 'table' then return tonumber(n[3]) > floor() and n or nil end
  local row = redis.call('XRANGE', messages, n, n)[1]
  if not row then return nil end
  local f = row[2]
  local prev = string.match(f[4], '^%S+ %S+ %S+ %S+ (%S*) ')
  if prev == '' then prev = idOf(n - 1) end
  return {2, f, n, prev}
end

local i = 7
while i <= #ARGV do
  local op, id, json, must = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  i = i + 4
  local out = not exists and op ~= 'create' or must ~= '' and not (exists and place(must))
  if out and not each then return {-1, 'not_found'} end
  if out then
    i = i + 6
    replies[#replies + 1] = {-1, 'not_found'}
  elseif op == 'message' then
    local from, by, text, client, at, hash = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
    i = i + 6
    local known = hash ~= '' and first(hash)
    if known then
      replies[#replies + 1] = known
    else
      no = no + 1
      local n, s = tostring(no), tostring(seq + 1)
      local was = said
      local prev = append(id, json .. ',"no":' .. n .. ',"seq":' .. s .. '}')
      said = true
      local about = s .. ' ' .. at .. ' ' .. from .. ' ' .. (by == from and '=' or by) .. ' ' .. (was and '' or prev) .. ' ' .. client
      write('XADD', messages, n .. '-0', 'i', id, 'd', about, 't', text)
      write('XADD', log, 'MAXLEN', '~', ARGV[3], s .. '-0', 'm', n)
      fresh[no] = id
      if place(from) then
        if each then
          read[#read + 1], read[#read + 2] = from, n
        else
          write('HSET', reads, from, n)
        end
      end
      if hash ~= '' then
        remembered[#remembered + 1], remembered[#remembered + 2] = hash, n
        sent[hash] = {2, {'i', id, 'd', about, 't', text}, n, prev}
      end
      replies[#replies + 1] = {1, seq, no, prev}
    end
  elseif op == 'create' then
    if exists then return {-1, 'conflict'} end
    exists, info = true, ARGV[i]
    i = i + 1
    write('HSET', head, 'room', info)
    other(id, json .. ',"room":' .. info)
  elseif op == 'update' then
    local r = cjson.decode(info or redis.call('HGET', head, 'room'))
    r.name, r.topic = ARGV[i] ~= '' and ARGV[i] or nil, ARGV[i + 1] ~= '' and ARGV[i + 1] or nil
    r.retain = ARGV[i + 2] ~= '0' and tonumber(ARGV[i + 2]) or nil
    i = i + 3
    info = cjson.encode(r)
    write('HSET', head, 'room', info)
    other(id, json .. ',"room":' .. info)
  elseif op == 'trim' then
    local to = math.min(tonumber(ARGV[i]), no)
    i = i + 1
    if to <= floor() then
      replies[#replies + 1] = {0}
    else
      local newest = idOf(to)
      trimmed, edge = to, newest
      write('XTRIM', messages, 'MINID', to + 1)
      write('HSET', head, 'trimmed', to .. ' ' .. edge)
      other(id, json .. ',"trimmed":' .. to)
    end
  elseif op == 'join' then
    local user, as = ARGV[i], ARGV[i + 1]
    i = i + 2
    if place(user) then
      replies[#replies + 1] = {0}
    else
      places[user] = as
      write('HSET', members, user, as)
      write('ZADD', order, 0, user)
      write('HSET', reads, user, no)
      other(id, json .. member(user))
    end
  elseif op == 'leave' then
    local user = ARGV[i]
    i = i + 1
    if not place(user) then
      replies[#replies + 1] = {0}
    else
      local as = member(user)
      places[user] = false
      write('HDEL', members, user)
      write('ZREM', order, user)
      write('HDEL', reads, user)
      other(id, json .. as)
    end
  elseif op == 'role' then
    local user, role = ARGV[i], ARGV[i + 1]
    i = i + 2
    if not place(user) then return {-1, 'not_found'} end
    places[user] = string.gsub(place(user), '^%S+', role)
    write('HSET', members, user, places[user])
    other(id, json .. member(user))
  end
end

if #writes == 0 then return replies end
-- The first write is refused by a Redis that is full: nothing is half done.
local today = next(sent) and ARGV[5] or day
redis.call('HSET', head, 'at', seq .. ' ' .. no .. (said and ' 1 ' or ' 0 ') .. today .. ' ' .. last)
for _, w in ipairs(writes) do redis.call(unpack(w)) end
if #read > 2 then redis.call(unpack(read)) end
if #remembered > 2 then redis.call(unpack(remembered)) end
if today ~= day then redis.call('EXPIRE', KEYS[7], ARGV[4]) end -- the first of this day's
for _, r in ipairs(rings) do redis.pcall('SPUBLISH', channel, r) end -- the bell may fail, the log has it
return replies
