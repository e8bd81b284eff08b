-- ARGV: periods, and top, offset, count; or around, member, how many on each side.
-- Returns members with scores and ranks: none when the member is not there.
if ARGV[2] == 'top' then return page(tonumber(ARGV[3]), ARGV[3] + ARGV[4] - 1) end
local at = redis.call('ZRANK', board, ARGV[3])
if not at then return {} end
return page(math.max(at - ARGV[4], 0), at + ARGV[4])
