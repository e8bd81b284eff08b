-- Some of the sends that a generation remembers, with the times of their messages.
-- KEYS: generation messages  ARGV: cursor count
-- Returns {cursor, hash, no, time in ms, …}.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local reply = {page[1]}
for i = 1, #page[2], 2 do
  local no = page[2][i + 1]
  local row = redis.call('XRANGE', KEYS[2], no, no)[1]
  if row then
    reply[#reply + 1] = page[2][i]
    reply[#reply + 1] = no
    reply[#reply + 1] = string.match(row[2][4], '^%S+ (%S+)')
  end
end
return reply
