-- Judges one call against every limit of a key: takes it from all of them or from none.
--
-- KEYS[i]  state of limit i; all keys share one hash tag
-- ARGV     count, take (1: take when allowed, 0: only look), then for each limit: kind, quota, window in µs
-- Returns  allowed (1 or 0), server time in µs, then for each limit: remaining, reset in µs, retry in µs
--
-- Nothing is written unless the call is taken, so a refusal costs no memory, moves no expiry and
-- is still exact when Redis is full.

local count = tonumber(ARGV[1])
local take = ARGV[2] == '1'
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

-- Running totals wrap here; a difference of two totals taken modulo the ring stays exact,
-- because quotas are far below it and the ring is below 2^53.
local RING = 4503599627370496

local function int(x)
  return string.format('%.0f', x)
end

-- first returns the smallest i in [lo, hi) for which holds(i); hi when there is none.
-- Once holds is true it stays true.
local function first(lo, hi, holds)
  while lo < hi do
    local mid = math.floor((lo + hi) / 2)
    if holds(mid) then hi = mid else lo = mid + 1 end
  end
  return lo
end

-- The exact log is a list that alternates running total and time:
--
--   total before call 0, time of call 0, total before call 1, time of call 1, ..., total
--
-- so what calls a to b took is a difference of two elements, both searches are binary, and an entry is
-- about 15 bytes. A call at t counts in [t, t + window).
local function log(key, quota, window)
  local self = {time = now, used = 0, reset = 0, retry = 0}
  local total, stale, calls = 0, 0, 0

  local tail = redis.call('LRANGE', key, -2, -1)
  if tail[2] then
    local newest = tonumber(tail[1])
    calls = -1 -- there is a list, its length is not needed yet
    -- A clock that went back a little stands still until it has caught up, so that the log stays
    -- ordered. A log that lies more than a window in the future says nothing and is dropped.
    if newest > now and newest - now <= window then self.time = newest end
    local horizon = self.time - window
    if newest > horizon and newest <= self.time then
      total = tonumber(tail[2])
      local head = redis.call('LRANGE', key, 0, 1)
      local before = tonumber(head[1])
      if tonumber(head[2]) <= horizon then
        calls = (redis.call('LLEN', key) - 1) / 2
        stale = first(1, calls - 1, function(i)
          return tonumber(redis.call('LINDEX', key, 2 * i + 1)) > horizon
        end)
        before = tonumber(redis.call('LINDEX', key, 2 * stale))
      end
      self.used = (total - before) % RING
      self.reset = newest + window - self.time
    else
      stale = -1 -- all of it
    end
  end

  self.ok = self.used + count <= quota
  if not self.ok then
    if calls < 0 then calls = (redis.call('LLEN', key) - 1) / 2 end
    -- The call that has to leave the window before count fits.
    local last = first(stale, calls - 1, function(i)
      local left = (total - tonumber(redis.call('LINDEX', key, 2 * i + 2))) % RING
      return left + count <= quota
    end)
    self.retry = tonumber(redis.call('LINDEX', key, 2 * last + 1)) + window - self.time
  end

  function self.take()
    if stale < 0 then
      redis.call('DEL', key)
    elseif stale > 0 then
      redis.call('LTRIM', key, 2 * stale, -1)
    end
    if stale < 0 or calls == 0 then
      redis.call('RPUSH', key, '0', int(self.time), int(count))
    else
      redis.call('RPUSH', key, int(self.time), int((total + count) % RING))
    end
    redis.call('PEXPIRE', key, int(math.ceil((self.time + window - now) / 1000) + 1))
    self.reset = window
  end
  return self
end

-- The counter keeps two adjoining buckets of one window each and weighs the older one by the share of
-- it that the window still covers. The first call starts the first bucket, so keys do not turn over together.
local function counter(key, quota, window)
  local self = {time = now, retry = 0}
  local state = redis.call('HMGET', key, 'start', 'before', 'current')
  local start, before, current = now, 0, 0
  if state[1] then
    start, before, current = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
    if start > now and start - now <= window then self.time = start end
    local age = self.time - start
    if age < 0 or age >= 2 * window then
      start, before, current = now, 0, 0
    elseif age >= window then
      start, before, current = start + window, current, 0
    end
  end
  local elapsed = self.time - start

  local function weigh(bucket, at)
    return math.ceil(bucket * (window - at) / window)
  end
  -- The first moment of a bucket's successor at which no more than room of it is left.
  local function fits(bucket, room)
    if bucket <= room then return 0 end
    local at = window - math.floor(room * window / bucket)
    while weigh(bucket, at) > room do at = at + 1 end
    while at > 0 and weigh(bucket, at - 1) <= room do at = at - 1 end
    return at
  end

  self.used = weigh(before, elapsed) + current
  self.ok = self.used + count <= quota
  if not self.ok then
    if current + count <= quota then
      self.retry = fits(before, quota - count - current) - elapsed
    else
      self.retry = window - elapsed + fits(current, quota - count)
    end
  end
  -- Used reaches nothing when the newest bucket that holds anything has been left behind by a window.
  local function reset()
    if current > 0 then return 2 * window - elapsed end
    if before > 0 then return window - elapsed end
    return 0
  end
  self.reset = reset()

  function self.take()
    redis.call('HSET', key, 'start', int(start), 'before', int(before), 'current', int(current + count))
    redis.call('PEXPIRE', key, int(math.ceil((start + 2 * window - now) / 1000) + 1))
    current = current + count
    self.reset = reset()
  end
  return self
end

local limits, allowed = {}, true
for i, key in ipairs(KEYS) do
  local kind, quota, window = ARGV[3 * i], tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  local limit = kind == 'log' and log(key, quota, window) or counter(key, quota, window)
  limit.quota = quota
  limits[i] = limit
  allowed = allowed and limit.ok
end

local reply = {allowed and 1 or 0, now}
for _, limit in ipairs(limits) do
  if allowed and take then
    limit.take()
    limit.used = limit.used + count
  end
  -- A quota that was lowered may be overdrawn for a while: that is none left, not less than none.
  table.insert(reply, math.max(limit.quota - limit.used, 0))
  table.insert(reply, limit.reset)
  table.insert(reply, limit.retry)
end
return reply
