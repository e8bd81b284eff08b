-- The last part of room.lua: goes through the changes.

-- forgetUpTo forgets what messages have in marks, marked and edits, which has
-- the newest 100 texts of each (chat.MaxEdits).
local function forgetUpTo(to)
  local gone = {}
  for n in pairs(marks) do gone[n] = n <= to or nil end
  for _, k in ipairs(redis.call('ZRANGE', marked, '[k ', '[k ' .. pad(to), 'BYLEX')) do gone[tonumber(string.sub(k, 3))] = true end
  for n in pairs(gone) do
    local a = cjson.decode(mark(n))
    local last = a.edits or 0
    for e = math.max(1, last - 99), last do write('HDEL', edits, n .. ' ' .. e) end
    write('ZREM', marked, 'k ' .. pad(n), 'p ' .. pad(n), 'd ' .. pad(n))
    for _, user in ipairs(a.mentions or {}) do write('ZREM', marked, '@' .. user .. ' ' .. pad(n)) end
    write('HDEL', marksKey, n)
    marks[n] = ''
  end
end

local i = 7
while i <= #ARGV do
  local op, id, json, must, speak = unpack(ARGV, i, i + 4)
  i = i + 5
  local out = not exists and op ~= 'create' or must ~= '' and not (exists and place(must))
  if out and not each then return {-1, 'not_found'} end
  local silent = op ~= 'message' and silence(must, speak)
  if silent then return silent end
  if out then
    i = i + 8
    replies[#replies + 1] = {-1, 'not_found'}
  elseif op == 'message' then
    local from, by, text, client, at, hash, mentions, kept = unpack(ARGV, i, i + 7)
    i = i + 8
    local known = hash ~= '' and first(hash)
    silent = not known and silence(must, speak, true)
    if silent and not each then return silent end
    if known or silent then
      replies[#replies + 1] = known or silent
    else
      no = no + 1
      local n, s = tostring(no), tostring(seq + 1)
      local was = said
      local prev = append(id, json .. ',"no":' .. n .. ',"seq":' .. s .. '}')
      said = true
      local about = s .. ' ' .. at .. ' ' .. from .. ' ' .. (by == from and '=' or by) .. ' ' .. (was and '' or prev) .. ' ' .. client
      fresh[no] = {'i', id, 'd', about, 't', text}
      write('XADD', messages, n .. '-0', unpack(fresh[no]))
      write('XADD', log, 'MAXLEN', '~', ARGV[3], s .. '-0', 'm', n)
      if kept ~= '' then
        marks[no], hasMarks = kept, true
        write('HSET', marksKey, n, kept)
        write('ZADD', marked, 0, 'k ' .. pad(no))
        for user in string.gmatch(mentions, '%S+') do write('ZADD', marked, 0, '@' .. user .. ' ' .. pad(no)) end
      end
      if slow > 0 and must ~= '' and speak ~= '' then
        local role, joined, _, till, mute = parts(must)
        settle(must, role, joined, at, till, mute)
      end
      if place(from) then
        if each then
          read[#read + 1], read[#read + 2] = from, n
        else
          write('HSET', reads, from, n)
        end
      end
      if hash ~= '' then
        remembered[#remembered + 1], remembered[#remembered + 2] = hash, n
        sent[hash] = {no, prev}
      end
      replies[#replies + 1] = {1, seq, no, prev}
    end
  elseif op == 'create' then
    if exists then return {-1, 'conflict'} end
    exists, info = true, ARGV[i]
    shut, slow = ARGV[i + 1], tonumber(ARGV[i + 2])
    archived, announce = shut == '1' or shut == '3', shut > '1'
    if shut ~= '0' or slow > 0 then write('HSET', head, 'gate', shut .. ' ' .. slow) end
    i, slow = i + 3, slow * 1000
    write('HSET', head, 'room', info)
    other(id, json .. ',"room":' .. info)
  elseif op == 'update' then
    local r = cjson.decode(info or redis.call('HGET', head, 'room'))
    r.name, r.topic = ARGV[i] ~= '' and ARGV[i] or nil, ARGV[i + 1] ~= '' and ARGV[i + 1] or nil
    r.retain = ARGV[i + 2] ~= '0' and tonumber(ARGV[i + 2]) or nil
    shut, slow = ARGV[i + 3], tonumber(ARGV[i + 4])
    archived, announce = shut == '1' or shut == '3', shut > '1'
    r.archived, r.announce, r.slow = archived or nil, announce or nil, slow > 0 and slow or nil
    info = cjson.encode(r)
    write('HSET', head, 'room', info)
    -- The gate says again what sends must know of it.
    if shut ~= '0' or slow > 0 then write('HSET', head, 'gate', shut .. ' ' .. slow) else write('HDEL', head, 'gate') end
    i, slow = i + 5, slow * 1000
    other(id, json .. ',"room":' .. info)
  elseif op == 'trim' then
    local to = math.min(tonumber(ARGV[i]), no)
    i = i + 1
    if to <= floor() then
      replies[#replies + 1] = {0}
    else
      local newest = idOf(to)
      if hasMarks or redis.call('HEXISTS', head, 'marked') == 1 then forgetUpTo(to) end
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
    local user, role, mute = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    i = i + 3
    if not place(user) then return {-1, 'not_found'} end
    local as, joined, spoke, till, muted = parts(user)
    if role ~= '' then as = role end
    if mute ~= '-' then till, muted = string.match(mute, '^(%d+) (.*)$') end
    settle(user, as, joined, spoke, till, muted)
    other(id, json .. member(user))
  end
end

if #writes == 0 then return replies end
-- The first write is refused by a Redis that is full: nothing is half done.
local today = next(sent) and ARGV[5] or day
local at = seq .. ' ' .. no .. (said and ' 1 ' or ' 0 ') .. today .. ' ' .. last
if hasMarks then redis.call('HSET', head, 'at', at, 'marked', '1') else redis.call('HSET', head, 'at', at) end
for _, w in ipairs(writes) do redis.call(unpack(w)) end
if #read > 2 then redis.call(unpack(read)) end
if #remembered > 2 then redis.call(unpack(remembered)) end
if today ~= day then redis.call('EXPIRE', KEYS[10], ARGV[4]) end -- the first of this day's
for _, r in ipairs(rings) do redis.pcall('SPUBLISH', channel, r) end -- the bell may fail, the log has it
return replies
