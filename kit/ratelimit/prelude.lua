-- Strings are passed to commands where there is a choice: turning a number into
-- one costs half a command.

local call = redis.call
local count = tonumber(ARGV[1])
local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function int(x)
  return string.format('%.0f', x)
end

-- look has a function for each kind of limit. Given key, quota, window
-- and burst it returns the state of the limit:
--
--   quota, used   the call fits if count more is no more than quota
--   reset         until the whole quota is there again
--   retry         until count fits; 0 when it does now
--   take          what to call with the state to take count; it updates reset
local look = {}
