-- Passes on a wake-up that nobody had a use for. KEYS: holders, own queue,
-- readers, writers. ARGV: whether PUBLISH counts all.
return pass(KEYS[1], KEYS[3], KEYS[4], ARGV[1])
