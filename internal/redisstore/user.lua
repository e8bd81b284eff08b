-- Judges and writes one change to a person's stream, with its event.
-- KEYS: head log rooms reads sessions account
-- ARGV: channel window op id json, and what the op takes
--   list room view newest-message-or-empty | unlist room reason-as-json-or-empty | read room no at by | notify room what-to-keep level | revoke password-or-empty password-until-now-or-empty ids…
-- Returns {-1, code}, {0}, or {3, event, hashes of the tokens of revoked
-- sessions…}
local head, log, rooms, reads, sessions, account = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local op, id, json, a, b = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local reply, writes, short = {3, ''}, {}, nil
local more = '' -- what is told and not kept

if op == 'list' then
  if redis.call('HEXISTS', rooms, a) == 1 then return {0} end
  writes = {{'HSET', rooms, a, '1'}}
  -- The log has no text of a message: it is shown as it is when the event is
  -- read.
  json = json .. ',"view":' .. b
  if ARGV[8] ~= '' then more = ',"last":' .. ARGV[8] end
elseif op == 'unlist' then
  if redis.call('HEXISTS', rooms, a) == 0 then return {0} end
  writes = {{'HDEL', rooms, a}, {'HDEL', reads, a}}
  json = json .. ',"left":"' .. a .. '"'
  if b ~= '' then json = json .. ',"reason":' .. b end
elseif op == 'read' then
  -- The position has moved in the room; of racing devices the farthest may have
  -- announced it already.
  if tonumber(redis.call('HGET', reads, a) or 0) >= tonumber(b) then return {0} end
  writes = {{'HSET', reads, a, b}}
  json = json .. ',"read":{"room":"' .. a .. '","no":' .. b .. '}'
  -- A person's log is mostly these: as JSON they would take four times as much.
  short = id .. ' ' .. ARGV[8] .. ' ' .. ARGV[9] .. ' ' .. b .. ' ' .. a
elseif op == 'notify' then
  local kept = redis.call('HGET', rooms, a)
  if not kept then return {-1, 'not_found'} end
  if kept == b then return {0} end
  writes = {{'HSET', rooms, a, b}}
  json = json .. ',"notify":{"room":"' .. a .. '","level":"' .. ARGV[8] .. '"}'
elseif op == 'revoke' then
  local kept = a ~= '' and redis.call('HGET', account, 'password')
  if a ~= '' and not kept then return {-1, 'not_found'} end
  if b ~= '' and b ~= kept then return {-1, 'conflict'} end
  local wanted, gone = {}, {}
  for i = 8, #ARGV do wanted[ARGV[i]] = true end
  local all = redis.call('HGETALL', sessions)
  for i = 1, #all, 2 do
    if #ARGV < 8 or wanted[all[i]] then
      gone[#gone + 1] = all[i]
      reply[#reply + 1] = cjson.decode(all[i + 1]).token
    end
  end
  if #gone == 0 and a == '' then return {0} end
  table.sort(gone)
  for _, s in ipairs(gone) do writes[#writes + 1] = {'HDEL', sessions, s} end
  if a ~= '' then writes[#writes + 1] = {'HSET', account, 'password', a} end
  if #gone > 0 then json = json .. ',"sessions":' .. cjson.encode(gone) end
end

local seq, prev = string.match(redis.call('HGET', head, 'at') or '0 0 0 0 ', '^(%d+) 0 0 0 (.*)$')
seq = tostring(seq + 1)
local tail = ',"seq":' .. seq
if prev ~= '' then tail = tail .. ',"prev":"' .. prev .. '"' end
local told = json .. tail .. '}'
if more ~= '' then told = string.sub(json, 1, -2) .. more .. '}' .. tail .. '}' end
-- The first write is refused by a Redis that is full: nothing is half done.
redis.call('HSET', head, 'at', seq .. ' 0 0 0 ' .. id)
for _, w in ipairs(writes) do redis.call(unpack(w)) end
redis.call('XADD', log, 'MAXLEN', '~', ARGV[2], seq .. '-0', short and 'r' or 'e', short or json .. tail .. '}')
redis.pcall('SPUBLISH', ARGV[1], told)
reply[2] = told
return reply
