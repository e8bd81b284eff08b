-- ARGV: 1 to pause, 0 to go on.
if ARGV[1] == '1' then
	call('HSET', C, 'paused', '1')
else
	call('HDEL', C, 'paused')
	wake()
end
return 1
