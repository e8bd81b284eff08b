-- The counter is a hash of two adjoining buckets of one window each. The older
-- one is weighed by the share of it that the window still covers. The first
-- call starts the first bucket, so keys do not turn over together.

local function weigh(bucket, window, elapsed)
  return math.ceil(bucket * (window - elapsed) / window)
end

-- How far into its successor a bucket first weighs no more than room.
local function fits(bucket, window, room)
  if bucket <= room then return 0 end
  local at = window - math.floor(room * window / bucket)
  while weigh(bucket, window, at) > room do at = at + 1 end
  while at > 0 and weigh(bucket, window, at - 1) <= room do at = at - 1 end
  return at
end

local function take_counter(s)
  if s.moved then
    call('HSET', s.key, 'start', int(s.start), 'before', int(s.before), 'current', int(s.current + count))
    call('PEXPIRE', s.key, int(math.ceil((s.start + 2 * s.window - now) / 1000) + 1))
  else
    call('HINCRBY', s.key, 'current', ARGV[1])
  end
  s.reset = 2 * s.window - s.elapsed
end

-- The state has besides: the buckets, when the current one started, how long
-- ago that is, and whether it is another than the hash has (moved).
function look.counter(key, quota, window)
  local start, before, current, elapsed, moved = now, 0, 0, 0, true
  local state = call('HMGET', key, 'start', 'before', 'current')
  if state[1] then
    local began, time = tonumber(state[1]), now
    -- As in the log: a clock that went back a little stands still, and what is
    -- far in the future is dropped.
    if began > now and began - now <= window then time = began end
    local age = time - began
    if age >= window and age < 2 * window then
      start, before, elapsed = began + window, tonumber(state[3]), age - window
    elseif age >= 0 and age < window then
      start, before, current, elapsed, moved = began, tonumber(state[2]), tonumber(state[3]), age, false
    end
  end

  local used, retry, reset = current, 0, 0
  if before > 0 then
    used = used + weigh(before, window, elapsed)
    reset = window - elapsed
  end
  if current > 0 then reset = 2 * window - elapsed end
  if used + count > quota then
    if current + count <= quota then
      retry = fits(before, window, quota - count - current) - elapsed
    else
      retry = window - elapsed + fits(current, window, quota - count)
    end
  end
  return {
    key = key, quota = quota, window = window, used = used, reset = reset, retry = retry, take = take_counter,
    start = start, before = before, current = current, elapsed = elapsed, moved = moved,
  }
end
