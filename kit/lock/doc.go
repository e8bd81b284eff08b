// Package lock provides distributed locks on Redis, with automatic renewal and
// fencing tokens.
//
// # The story
//
// A [Locker] takes locks by name. [Locker.Lock] waits for its turn,
// [Locker.TryLock] does not, and [Locker.With] runs a function under the lock:
//
//	locker, err := lock.New(client, lock.Options{})
//	...
//	defer locker.Close()
//	err = locker.With(ctx, "jobs", func(ctx context.Context, token int64) error {
//		return store.Run(ctx, token) // stop when ctx ends
//	})
//
// Taking a lock is one round trip, and so is releasing it.
//
// # A lease, not a possession
//
// Redis keeps a lock for [Options.Lease], so that a holder that dies does not
// keep it for ever. A holder that lives extends it in the background. If that
// does not work, because Redis is away or has forgotten the lock,
// [Lock.Context] ends with the cause [ErrLost]: before the lease can have ended
// in Redis, since it is measured by the local monotonic clock from before the
// lease was asked for, less a twentieth of it for clocks of different speed and
// a busy machine.
//
// That reaches a process that runs. One that is stopped for longer than its
// lease, by a debugger, a hypervisor or a long pause, goes on without knowing
// for a moment. For this there is [Lock.Token], a number that grows with every
// holder: hand it to what the lock protects, and let that refuse a token lower
// than the highest it has seen. In SQL:
//
//	UPDATE report SET body = $1, token = $2 WHERE id = $3 AND token <= $2
//
// The token survives releases and leases. On one Redis it also survives the
// loss of its counter, in a failover or a flush: it is never lower than the
// server's clock in microseconds. So it falls only if the counter is lost, and
// the clock of the server that goes on is behind by more than the time in
// between. A lock that is lost in a failover can be another's before
// the old holder knows, at its next extension; the token tells them apart.
//
// # Waiting
//
// Callers do not poll. A refused attempt notes in Redis, in the same script,
// that its process waits. The script that releases takes the process that has
// waited longest from that list and publishes to its channel; there the caller
// who has waited longest tries. A handover is two commands, however many wait.
// A process listens on one connection, whatever the number of locks, and keeps
// it until the locker is closed.
//
// Below that is a safety net: when a lease should have ended, when the
// connection was lost, and after [Options.RetryDelay] at the latest, the first
// caller in a process tries by itself. That finds the lock of a holder that
// died, and makes up for a wake-up whose taker died with it.
//
// Those who wait are woken in their order, but a newcomer who asks at the right
// moment comes first: the order is no promise.
//
// # Several names, leaders
//
// [Locker.LockAll] and [Locker.WithAll] take several names in one order, so
// that two callers never wait for each other. [Locker.Lead] runs a function for
// as long as the process leads, and again when it leads again: for what one
// process of many does, such as a schedule.
//
// # Semaphores, readers and writers
//
// [Locker.Semaphore] gives out a number of permits, [Locker.RWLock] is held by
// readers or by one writer; a waiting writer comes before new readers. Each
// holder has a lease of its own in a sorted set, and is otherwise as a lock:
// one round trip, woken, extended, told when it is lost, with a fencing token
// that grows. They need a locker on one Redis. Once a holder gives back, those
// who can go on are woken one after the other.
//
// # Errors
//
// [ErrHeld] means that another has the lock, and nothing else. While Redis
// gives no answer, as in a failover, Lock goes on trying for [Options.Outage]
// and then returns kit.ErrUnavailable. What Redis refuses, because it is full,
// denies a command or has something else under the key, is returned at once.
//
// # A quorum
//
// A lock on one Redis is as safe as that Redis: a failover may forget it.
// [NewQuorum] takes it on several masters that know nothing of each other
// (Redlock); more than half must grant it, and a minority can be away. What was
// granted without a majority is released on all, and tried again after a random
// pause. When the masters draw different tokens the lock costs a second round
// trip, that lifts them to the highest; so the token grows here too, as long as
// no majority loses its counters. A master that restarts empty must stay away
// for a lease, or it can grant what it had granted before; then it is given the
// locks again that are held, so that a rolling restart does not wear a quorum
// down. [OpenQuorum] starts while a minority is down.
//
// # What is not promised
//
// The order of those who wait. A lock is not re-entrant, and losing one does
// not undo what its holder did before it was told. A process that is killed
// between being woken and locking costs the others up to [Options.RetryDelay].
// A call that was given up may have taken the lock: it is released as soon as
// possible, or expires.
//
// # Costs
//
// Each line is one round trip:
//
//	TryLock, Lock of a free lock   EVALSHA
//	Lock of a held lock            EVALSHA; then one for each turn
//	Unlock                         EVALSHA
//	while it is held               EVALSHA every third of the lease
//	a quorum                       the same to each master at the same time; a failed attempt one more to release;
//	                               where the counters differ a second round
//
// A handover is two commands; where the next holder is another process, three.
// The counter of each name stays in Redis, in about 100 bytes. Waiting takes
// one connection for each locker, whatever the number of names.
//
// # Requirements
//
// Redis 6.0 or later, or Valkey. Permissions on the keys and the channel below:
// EVALSHA, EVAL, SET, GET, DEL, EXISTS, TIME, INCR, PEXPIRE, PTTL, ZADD,
// ZPOPMIN, PUBLISH and SUBSCRIBE; for semaphores and read-write locks also
// ZCARD, ZRANGE, ZREM, ZREMRANGEBYSCORE and ZSCORE. Without PUBLISH those who
// wait depend on the safety net. On a cluster PUBLISH does not tell whether
// anyone heard it: a release wakes up to two processes there. A Redis that is
// full still extends, releases and wakes.
//
// # When not
//
// A counter, a stock or a balance needs no lock: let one script decide. What a
// database protects, its transactions protect better; a place that can compare
// and set needs no lock. A unique field is a matter for package object, a
// single load for package cache.
//
// # What goes wrong in locks made by hand
//
// Deleting the key without checking its owner frees the next holder's lock. A
// lease without a fencing token lets a holder that was stopped go on to write.
// Counting the lease from the answer, and not from before the request, believes
// in it for longer than Redis keeps it. Taking any error for "held" waits for
// ever on a denied command. Polling is slow or expensive.
//
// # In Redis
//
//	<prefix>:{<name>}:owner     who holds it; expires with the lease
//	<prefix>:{<name>}:token     the counter; stays, about 100 bytes for each name that was ever locked
//	<prefix>:{<name>}:waiters   the processes that wait; expires
//	<prefix>:{<name>}:permits, :permits-waiters          of a semaphore
//	<prefix>:{<name>}:holders, :readers, :writers        of a read-write lock
//	<prefix>:wake:<process>     the channel of a process
//
// The keys of one lock share its hash tag and so one slot of a cluster.
package lock
