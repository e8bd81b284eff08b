-- The exact log is a list that alternates running total and time:
--
--   total before call 0, time of call 0, total before call 1, time of call 1, ..., total
--
-- so what calls a to b took is a difference of two elements, both searches are
-- binary, and an entry is about 15 bytes. A call at t counts in [t, t +
-- window).

-- Running totals wrap here; a difference of two totals taken modulo the ring
-- stays exact, because quotas are far below it and the ring is below 2^53.
local RING = 4503599627370496

-- first returns the smallest i in [lo, hi) for which element offset + 2i of the
-- list, taken as a number, holds; hi when there is none. Once it holds it holds
-- for all that follow.
local function first(key, lo, hi, offset, holds)
  while lo < hi do
    local mid = math.floor((lo + hi) / 2)
    if holds(tonumber(call('LINDEX', key, 2 * mid + offset))) then hi = mid else lo = mid + 1 end
  end
  return lo
end

local function take_log(s)
  local half = s.window / 2
  local moved = true
  if s.total then
    if s.stale > 0 then call('LTRIM', s.key, 2 * s.stale, '-1') end
    call('RPUSH', s.key, int(s.time), int((s.total + count) % RING))
    moved = math.floor(s.newest / half) ~= math.floor(s.time / half)
  else
    if s.newest then call('DEL', s.key) end
    call('RPUSH', s.key, '0', int(s.time), ARGV[1])
  end
  -- The key has to live for a window from now. It is given half a window more,
  -- and then lives long enough for every call until the next multiple of half a
  -- window: only the first call after one has to write that.
  if moved then
    call('PEXPIRE', s.key, int(math.ceil((s.time + 3 * half - now) / 1000) + 1))
  end
  s.reset = s.window
end

-- The state has besides: the newest time, if there is a list; and if any of it
-- still counts, the total and the number of calls at the head that do not
-- (stale).
function look.log(key, quota, window)
  local tail = call('LRANGE', key, '-2', '-1')
  local time, newest = now, tonumber(tail[1])
  -- A clock that went back a little stands still until it has caught up, so
  -- that the log stays ordered. A log that lies more than a window in the
  -- future says nothing and is dropped.
  if newest and newest > now and newest - now <= window then time = newest end
  local horizon = time - window
  if not newest or newest <= horizon or newest > time then
    return {key = key, quota = quota, window = window, time = time, newest = newest, used = 0, reset = 0, retry = 0, take = take_log}
  end

  local head = call('LRANGE', key, '0', '1')
  local total, before, calls, stale, retry = tonumber(tail[2]), tonumber(head[1]), nil, 0, 0
  if tonumber(head[2]) <= horizon then
    calls = (call('LLEN', key) - 1) / 2
    stale = first(key, 1, calls - 1, 1, function(at) return at > horizon end)
    before = tonumber(call('LINDEX', key, 2 * stale))
  end
  local used = (total - before) % RING
  if used + count > quota then
    calls = calls or (call('LLEN', key) - 1) / 2
    -- The call that has to leave the window before count fits.
    local last = first(key, stale, calls - 1, 2, function(sum) return (total - sum) % RING + count <= quota end)
    retry = call('LINDEX', key, 2 * last + 1) + window - time
  end
  return {
    key = key, quota = quota, window = window, time = time, newest = newest, used = used, reset = newest + window - time,
    retry = retry, take = take_log, total = total, stale = stale,
  }
end
