-- The pace is a bucket that leaks: a string of the time of the last call, what
-- was in the bucket then, and the window. What is in it is a number of units
-- times the window, so that all numbers are whole: it leaks the quota in each
-- microsecond.

local function take_pace(s)
  local level = s.level + count * s.window
  s.reset = math.ceil(level / s.rate)
  call('SET', s.key, int(s.time) .. ' ' .. int(level) .. ' ' .. int(s.window),
    'PX', int(math.ceil((s.time + s.reset - now) / 1000) + 1))
end

-- The state has besides: the rate, the time, and the level before the call.
function look.pace(key, quota, window, burst)
  local time, level = now, 0
  local state = call('GET', key)
  if state then
    local at, was, before = string.match(state, '^(%d+) (%d+) (%d+)$')
    at, level = tonumber(at), math.ceil(tonumber(was) * window / tonumber(before))
    -- As in the log: a clock that went back a little stands still, and what is
    -- far in the future is dropped.
    if at > now + window then
      level = 0
    elseif at > now then
      time = at
    else
      level = math.max(0, level - (now - at) * quota)
    end
  end
  local over = level + (count - burst) * window
  return {
    key = key, quota = burst, window = window, used = math.ceil(level / window), reset = math.ceil(level / quota),
    retry = math.max(0, math.ceil(over / quota)), take = take_pace, rate = quota, time = time, level = level,
  }
end
