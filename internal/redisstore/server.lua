-- Judges changes to accounts in order, then writes all of them with their
-- events, or none. The whole account goes to "arriving", from where the caller
-- moves it to the person's own slot. KEYS: head log names keys users order
-- arriving invites codes recent due looks ARGV: channel window, then for each
-- change: op id json user name-key look-key public account at, and the invite of
--   a new account, or for another what is public of it until now, or empty
-- Returns {-1, code} or {3, event} for each change.
local head, log, names, keys, users, order, arriving = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local invites, codes, recent, due, looks = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local seq, last = string.match(redis.call('HGET', head, 'at') or '0 0 0 0 ', '^(%d+) 0 0 0 (.*)$')
seq = tonumber(seq)
local writes, rings, replies = {}, {}, {}
local holders, named, looking, used, coming, shown = {}, {}, {}, {}, {}, {} -- what earlier changes of this call did
local function write(...) writes[#writes + 1] = {...} end
local function holder(key)
  if holders[key] == nil then holders[key] = redis.call('HGET', names, key) end
  return holders[key]
end
local function keyOf(user)
  if named[user] == nil then named[user] = redis.call('HGET', keys, user) end
  return named[user]
end

local function lookOf(user)
  if looking[user] == nil then looking[user] = redis.call('HGET', looks, user) or '' end
  return looking[user]
end
local function taken(key, user) return key ~= '' and holder(key) and holder(key) ~= user end
local function free(key)
  holders[key] = false
  write('HDEL', names, key)
end
local function take(key, user)
  holders[key] = user
  write('HSET', names, key, user)
end

for i = 3, #ARGV, 10 do
  local op, id, json, user, key, look, public, account, at, more = unpack(ARGV, i, i + 9)
  local old, looked = keyOf(user), lookOf(user)
  local conflict = taken(key, user) or taken(look, user)
  if op == 'create' then
    if more ~= '' then
      local known = not used[more] and redis.call('HGET', codes, more)
      if not known then return {-1, 'not_found'} end
      local expires, which = string.match(known, '^(%S+) (.*)$')
      if tonumber(at) >= tonumber(expires) then return {-1, 'not_found'} end
      used[more] = which
    end
    if old or conflict then return {-1, 'conflict'} end
    if more ~= '' then
      local which = used[more]
      write('HDEL', invites, which)
      write('HDEL', codes, more)
      write('ZREM', recent, which)
      write('ZREM', due, which)
    end
    write('ZADD', order, 0, user)
  else
    if not old then return {-1, 'not_found'} end
    if more ~= '' and more ~= (shown[user] or redis.call('HGET', users, user)) then return {-1, 'conflict'} end
    if conflict then return {-1, 'conflict'} end
    if old ~= key then free(old) end
    if looked ~= '' and looked ~= look then free(looked) end
  end
  named[user], looking[user] = key, look
  take(key, user)
  write('HSET', keys, user, key)
  if look ~= '' then
    take(look, user)
    write('HSET', looks, user, look)
  elseif looked ~= '' then
    write('HDEL', looks, user)
  end
  write('HSET', users, user, public)
  shown[user] = public
  local prev = last
  seq, last = seq + 1, id
  local n = tostring(seq)
  local before = coming[user] or redis.call('HGET', arriving, user)
  if op ~= 'create' and before then -- what arrives brings the password along, which only a change of its own replaces
    local a = cjson.decode(account)
    a.password = cjson.decode(string.match(before, ' (.*)$')).password
    account = cjson.encode(a)
  end
  coming[user] = n .. ' ' .. account
  write('HSET', arriving, user, coming[user])
  json = json .. ',"user":' .. public .. ',"seq":' .. n
  if prev ~= '' then json = json .. ',"prev":"' .. prev .. '"' end
  json = json .. '}'
  write('XADD', log, 'MAXLEN', '~', ARGV[2], n .. '-0', 'e', json)
  rings[#rings + 1] = json
  replies[#replies + 1] = {3, json, n}
end

-- The first write is refused by a Redis that is full: nothing is half done.
redis.call('HSET', head, 'at', seq .. ' 0 0 0 ' .. last)
for _, w in ipairs(writes) do redis.call(unpack(w)) end
for _, r in ipairs(rings) do redis.pcall('SPUBLISH', ARGV[1], r) end
return replies
