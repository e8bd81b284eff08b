-- ARGV: periods, how (set, add, best), member, score, how long it is kept after the
-- period in ms. Returns the member with its score and rank.
local how, member, score = ARGV[2], ARGV[3], ARGV[4]
if how == 'add' then
	redis.call('ZINCRBY', board, score, member)
elseif how == 'set' then
	redis.call('ZADD', board, score, member)
else
	local had = redis.call('ZSCORE', board, member)
	if not had or tonumber(score) < tonumber(had) then redis.call('ZADD', board, score, member) end
end
if period_end > 0 then redis.call('PEXPIREAT', board, string.format('%.0f', period_end + ARGV[5])) end
local now_has = redis.call('ZSCORE', board, member)
return { { member, now_has, rank(now_has) } }
