-- Some of the sends that a generation remembers, with the times of their
-- messages. KEYS: generation messages marks ARGV: cursor count Returns {cursor,
-- hash, no, time in ms, …}.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local reply = {page[1]}
for i = 1, #page[2], 2 do
  local no = page[2][i + 1]
  local row = redis.call('XRANGE', KEYS[2], no, no)[1]
  local about = row and row[2][4]
  if not row then -- of a deleted message the mark has the place
    local mark = redis.call('HGET', KEYS[3], no)
    about = mark and cjson.decode(mark).d
  end
  if about then
    reply[#reply + 1] = page[2][i]
    reply[#reply + 1] = no
    reply[#reply + 1] = string.match(about, '^%S+ (%S+)')
  end
end
return reply
