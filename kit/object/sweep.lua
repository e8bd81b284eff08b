-- Drops what expired records left in the indexes.
-- KEYS  index unique entries expiry
-- ARGV  base of record keys; the most records to look at
-- Answers how many it looked at.
local keys = { base = ARGV[1], index = KEYS[1], unique = KEYS[2], entries = KEYS[3], expiry = KEYS[4] }
local no = mayIndex(keys)
if no then return no end
return sweep(keys, math.floor(clock() / 1000), ARGV[2])
