-- overlay returns the marks of messages: no, mark, no, mark…
local function overlay(marks, numbers)
  local found = {}
  for first = 1, #numbers, 1000 do
    local last = math.min(first + 999, #numbers)
    for i, mark in ipairs(redis.call('HMGET', marks, unpack(numbers, first, last))) do
      if mark then
        found[#found + 1] = numbers[first + i - 1]
        found[#found + 1] = mark
      end
    end
  end
  return found
end

