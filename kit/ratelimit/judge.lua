-- Judges one call against every limit of a key: takes it from all of them or
-- from none.
--
-- KEYS[i]  state of limit i; all keys share one hash tag
-- ARGV     count, take (1: take when allowed, 0: only look), then for each
--          limit: kind, quota, window in µs, burst
-- Returns  allowed (1 or 0), server time in µs, then for each limit:
--          remaining, reset in µs, retry in µs
--
-- Nothing is written unless the call is taken, so a refusal costs no memory,
-- moves no expiry and is still exact when Redis is full.
--
-- Before this stand prelude.lua and the files of the kinds that occur, log.lua,
-- counter.lua and pace.lua.

local limits, allowed = {}, true
for i = 1, #KEYS do
  local s = look[ARGV[4 * i - 1]](KEYS[i], tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2]))
  limits[i] = s
  allowed = allowed and s.used + count <= s.quota
end

local reply = {allowed and 1 or 0, now}
local take = allowed and ARGV[2] == '1'
for i = 1, #limits do
  local s = limits[i]
  if take then
    s.take(s)
    s.used = s.used + count
  end
  -- A quota that was lowered may be overdrawn for a while: that is none left,
  -- not less than none.
  local remaining = s.quota - s.used
  if remaining < 0 then remaining = 0 end
  reply[3 * i], reply[3 * i + 1], reply[3 * i + 2] = remaining, s.reset, s.retry
end
return reply
