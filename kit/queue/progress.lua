-- ARGV: member of active, id, the progress. Returns 0 when the lease was another's.
if not call('ZSCORE', A, ARGV[1]) then return 0 end
call('HSET', J, 'g' .. ARGV[2], ARGV[3])
return 1
