-- Reads one page of records in the order of an index. KEYS index unique entries
-- expiry ARGV base of record keys; lower and upper bound (as ZRANGE BYLEX takes
-- them); '1' for
--       descending; the most records to answer; where in a member the id begins, or 0 if
--       that is not the same in all; the names of the fields to read
-- Answers {the member to go on after, or ''; member, {values}; member,
-- {values}; ...}; a member ends in a zero byte and the record's id. A member
-- whose record is gone is passed over and all that the record left is dropped,
-- for at most a few hundred records a call: a page may then be short although
-- there is more.
local keys = { base = ARGV[1], index = KEYS[1], unique = KEYS[2], entries = KEYS[3], expiry = KEYS[4] }
local low, high, descending, limit, start = ARGV[2], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5]), tonumber(ARGV[6])
local names = {}
for i = 7, #ARGV do names[#names + 1] = ARGV[i] end

local function members(count)
  if descending then
    return redis.call('ZRANGE', keys.index, high, low, 'BYLEX', 'REV', 'LIMIT', 0, count)
  end
  return redis.call('ZRANGE', keys.index, low, high, 'BYLEX', 'LIMIT', 0, count)
end

local answer, found, gone, last = { '' }, 0, 0, nil
while found < limit and gone < 256 do
  local want = limit - found
  local batch = members(want)
  for _, member in ipairs(batch) do
    local id = string.sub(member, start > 0 and start or 1 - string.find(string.reverse(member), '\0', 1, true))
    local values = redis.call('HMGET', keys.base .. id, unpack(names))
    if values[1] then
      found = found + 1
      answer[#answer + 1] = member
      answer[#answer + 1] = values
    else
      gone = gone + 1
      -- A caller who may only read gets its answer all the same.
      pcall(function()
        drop(keys, id)
        redis.call('ZREM', keys.index, member)
      end)
    end
    last = member
  end
  if #batch < want then return answer end
  if descending then high = '(' .. last else low = '(' .. last end
end
if #members(1) > 0 then answer[1] = last end
return answer
