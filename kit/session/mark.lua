-- Marks entries of a user's index as being revoked, by making their scores
-- negative: a session that is just being created sees that and does not come to
-- life.
--
-- KEYS[1]  index
-- ARGV     'only' or 'except', then ids
-- Returns  the ids that are marked

local chosen = {}
for i = 2, #ARGV do
  chosen[ARGV[i]] = true
end
local only = ARGV[1] == 'only'
local marked = {}
local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #entries, 2 do
  local id, score = entries[i], tonumber(entries[i + 1])
  if (chosen[id] or false) == only then
    if score >= 0 then
      redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', -score - 1), id)
    end
    table.insert(marked, id)
  end
end
return marked
