-- Reads one page of records in the order of an index. KEYS index unique entries
-- expiry ARGV base of record keys; lower and upper bound (as ZRANGE BYLEX takes
-- them); '1' for
--       descending; the most records to answer; where in a member the id begins, or 0 if
--       that is not the same in all; how many arguments the filter has, and these;
--       the names of the fields to read
-- The filter is what else must hold, in the order of a calculator with a stack:
-- '[', low, high (an entry of the record is in [low, high)), '&', '|', '!'.
-- Answers {the member to go on after, or ''; member, {values}; member,
-- {values}; ...}; a member ends in a zero byte and the record's id. A member
-- whose record is gone is passed over and all that the record left is dropped,
-- for at most a few hundred records a call, and a thousand that the filter does
-- not let through: a page may then be short although there is more.
local keys = { base = ARGV[1], index = KEYS[1], unique = KEYS[2], entries = KEYS[3], expiry = KEYS[4] }
local low, high, descending, limit, start = ARGV[2], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5]), tonumber(ARGV[6])
local filter, names = {}, {}
for i = 8, #ARGV do
  if i < 8 + ARGV[7] then filter[#filter + 1] = ARGV[i] else names[#names + 1] = ARGV[i] end
end

-- less compares byte by byte; the operator would go by the server's language.
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function meets(id)
  local entries, packed = {}, redis.call('HGET', keys.entries, id)
  if packed then
    each(packed, function(entry)
      if string.byte(entry) == INDEX then entries[#entries + 1] = string.sub(entry, 2) .. '\0' .. id end
    end)
  end
  local stack, i = {}, 1
  while i <= #filter do
    local top = #stack
    if filter[i] == '[' then
      local low, high, within = filter[i + 1], filter[i + 2], false
      for _, entry in ipairs(entries) do
        within = within or not less(entry, low) and less(entry, high)
      end
      stack[top + 1] = within
      i = i + 3
    else
      if filter[i] == '!' then
        stack[top] = not stack[top]
      else
        local last = table.remove(stack)
        if filter[i] == '&' then
          stack[top - 1] = stack[top - 1] and last
        else
          stack[top - 1] = stack[top - 1] or last
        end
      end
      i = i + 1
    end
  end
  return stack[1]
end

local function members(count)
  if descending then
    return redis.call('ZRANGE', keys.index, high, low, 'BYLEX', 'REV', 'LIMIT', 0, count)
  end
  return redis.call('ZRANGE', keys.index, low, high, 'BYLEX', 'LIMIT', 0, count)
end

local answer, found, gone, passed, last = { '' }, 0, 0, 0, nil
while found < limit and gone < 256 and passed < 1000 do
  local want = #filter > 0 and 250 or limit - found
  local batch = members(want)
  for _, member in ipairs(batch) do
    local id = string.sub(member, start > 0 and start or 1 - string.find(string.reverse(member), '\0', 1, true))
    last = member
    if #filter > 0 and not meets(id) then
      passed = passed + 1
    else
      local values = redis.call('HMGET', keys.base .. id, unpack(names))
      if values[1] then
        found = found + 1
        answer[#answer + 1] = member
        answer[#answer + 1] = values
        if found == limit then break end
      else
        gone = gone + 1
        -- A caller who may only read gets its answer all the same.
        pcall(function()
          drop(keys, id)
          redis.call('ZREM', keys.index, member)
        end)
      end
    end
  end
  if #batch == 0 or #batch < want and last == batch[#batch] then return answer end
  if descending then high = '(' .. last else low = '(' .. last end
end
if #members(1) > 0 then answer[1] = last end
return answer
