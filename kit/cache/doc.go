// Package cache keeps the values of a slower source in Redis, and if wanted in
// the process, without serving what it was told is old and without letting
// everyone load at once.
//
//	c, err := cache.New(client, cache.Options[User]{Name: "user", TTL: time.Hour})
//	u, err := c.Get(ctx, id, func(ctx context.Context, id string) (User, error) {
//		return db.User(ctx, id) // cache.ErrNotFound if there is none
//	})
//
// After writing the source say so, with [Cache.Delete], or write through with
// [Cache.Update].
//
// # The lease
//
// The usual read-load-set has a race: a reader loads the old value, a writer
// changes the source and deletes the key, and then the reader stores the old
// value, for a whole TTL. Here a reader that finds nothing leaves a pending
// record with a token of its own in the same step (SET NX GET, one round trip,
// also when there is a value). Its result is stored only if that token still
// stands there. Whatever tells the cache about a write takes the token away,
// even a DEL typed by an operator.
//
// The same token prevents a stampede: of all processes that miss a key one
// loads, and the others wait until Redis pushes that the key changed. A loader
// that fails, panics, ends its goroutine or outlives [Options.LoadTimeout]
// gives the key back at once; one whose process died gives it back when
// LoadTimeout ends.
//
// # Many entries in one step
//
// Each entry carries the generations under which it was loaded: its
// namespace's, and those of its tags. They are read with the entry, in the same
// round trip. [Cache.InvalidateTag] and [Cache.InvalidateAll] replace one
// generation, in one step however many entries there are; a load that began
// before it finds its result refused. A generation is random, not a counter, so
// that one that Redis lost never comes back.
//
// # The local layer
//
// With [Options.LocalSize] the process remembers decoded values. One connection
// for each node, shared by the caches that share a [Tracker], asks Redis to
// push every key of the namespace that changes (CLIENT TRACKING in broadcast
// mode). What was read is remembered only if no push came since before it was
// asked for, so that a push cannot overtake the value that it is about. When
// such a connection is lost the whole layer is void at once; one that dies
// without a sign is noticed within three times [Options.Heartbeat], and a
// failover that leaves it standing within one. It needs RESP3 and the
// permission for CLIENT TRACKING; without them the layer stays empty, OnError
// is told and waiters look again with a growing pause.
//
// Each write in the namespace is pushed to each process: about a key's length
// in bytes. That is meant for tens of processes, not for thousands.
//
// # When Redis is in trouble
//
// Get never fails because of Redis: the loader serves, one call for each key
// and process at a time, and [Options.OnError] and [Cache.Stats] tell. Writing
// cannot be hidden that way: Delete, Set, the invalidations and Peek return the
// error, and Update refuses before it has written anything. Any operation on
// Redis ends after [Options.Timeout]; "one loads" holds as long as Redis
// answers within it.
//
//	Redis is away or silent   the loader serves, the local layer is void
//	Redis is full             hits are served, misses are loaded and not stored; deleting works
//	scripts were flushed      they are sent again
//	scripts are not permitted misses are loaded; the entry is removed instead of stored
//	writing is not permitted  hits are served, misses are loaded
//
// # What it does not promise
//
// A crash between writing the source and Delete leaves the old value until its
// TTL; Update leaves an empty entry instead. Redis replicates asynchronously: a
// failover may lose a Delete that was acknowledged. Neither can be mended by a
// cache, and the TTL bounds both. In a Cluster the namespace's generation lives
// on one node: while that node is away the loaders serve. An invalidation of
// many does not end a load that is under way in another process; who comes then
// waits for it, and has it done anew. All callers of one load share its error,
// and its value: do not change what a returned value points to.
//
// # Costs
//
// Each line is one round trip to a node:
//
//	Get, from the local layer    none
//	Get, a hit                   SET NX GET of the entry and of each generation; with a local layer or refreshing, PTTL
//	Get, a miss                  the same; then EVALSHA and a GET for each generation
//	GetMany                      the same two steps, pipelined for all keys
//	Delete, InvalidateTag/All    one command
//	Set                          the generations; then SET
//	Update                       the generations; SET, which takes the readers' leases; your write; EVALSHA
//
// With a local layer the generations are remembered as well, so that a hit in
// Redis is SET NX GET and PTTL.
//
// An entry is the encoded value, 31 bytes, and 8 for each tag. A cache with a
// local layer, or all caches that share a Tracker, keep one more connection to
// every node.
//
// # Requirements
//
// Redis 6.0 or later, or Valkey; before 7.0 a short script stands in for SET NX
// GET. Permissions: SET, GET, SETRANGE, GETRANGE, PTTL, DEL, EVALSHA and EVAL
// on <name>:*, and for the local layer PING and CLIENT TRACKING.
//
// # When not
//
// For a value that must never be older than its source: read the source. For
// what one process needs and may be old for a minute: a map with expiry needs
// no Redis.
//
// # Keys
//
//	<name>:e:<key>  an entry; a hash tag in the key decides its slot as usual
//	<name>:g        the generation of the namespace
//	<name>:t:<tag>  the generation of a tag; ends a day after it was made, at the earliest
//
// Every script touches one entry. Nothing scans.
package cache
