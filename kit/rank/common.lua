-- Scores are kept negated where higher is better, so that the best come first and
-- members with equal scores in the order of their names. KEYS: a sorted set for
-- each period. Those with equal scores share a rank, and the next one follows after
-- as many as there are.
local board = KEYS[chosen]

local function rank(score) return redis.call('ZCOUNT', board, '-inf', '(' .. score) + 1 end

-- Members and scores from one place to another, with their ranks.
local function page(first, last)
	local rows = redis.call('ZRANGE', board, first, last, 'WITHSCORES')
	local found, at, before = {}, 0, nil
	for i = 1, #rows, 2 do
		if rows[i + 1] ~= before then
			before = rows[i + 1]
			at = i == 1 and rank(before) or first + (i + 1) / 2
		end
		found[#found + 1] = { rows[i], rows[i + 1], at }
	end
	return found
end
