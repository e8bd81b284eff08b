-- Reads a session and, now and then, moves its idle limit.
--
-- KEYS[1]  record
-- ARGV     hash of the secret ('' for none asked), idle and absolute limit in
--          ms, shortest time between two touches in ms (below 0: no touch)
-- Returns  {} when there is no such session, or {now, created, seen, ends (ms),
--          version, user, data, 1 if the cookie ends with the browser}

local r = redis.call('HMGET', KEYS[1], 'hash', 'created', 'seen', 'ends', 'version', 'user', 'data', 'idle', 'browser')
if not r[1] or (ARGV[1] ~= '' and ARGV[1] ~= r[1]) then
  return {}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- A limit that was lowered since holds for old sessions too. The index relies
-- on that when it drops old entries.
local created, seen = tonumber(r[2]), tonumber(r[3])
local ends = math.min(tonumber(r[4]), created + tonumber(ARGV[3]))
if now >= ends then
  return {}
end
local idle = math.min(tonumber(ARGV[2]), tonumber(r[8] or ARGV[2]))
local interval = tonumber(ARGV[4])
if r[8] then
  interval = math.min(interval, idle / 10)
end
if interval >= 0 and now - seen >= interval then
  -- Best effort: a full or read-only Redis can still say who is logged in. Each
  -- on its own, so that the expiry moves even where the note of it cannot be
  -- written.
  redis.pcall('HSET', KEYS[1], 'seen', string.format('%.0f', now))
  redis.pcall('PEXPIRE', KEYS[1], string.format('%.0f', math.min(idle, ends - now)))
end
return {now, created, seen, ends, tonumber(r[5]), r[6], r[7], r[9] and 1 or 0}
