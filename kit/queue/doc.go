// Package queue provides a job queue on Redis: typed jobs with delays,
// priorities, unique names, retries over days, schedules, limits per key,
// progress, results, cancelling and dead letters.
//
//	mails, err := queue.New[Mail](client, queue.Options{Name: "mails"})
//	...
//	_, err = mails.Enqueue(ctx, Mail{To: "ann@example.org"}, queue.JobOptions{})
//	...
//	err = mails.Run(ctx, queue.WorkerOptions{}, func(ctx context.Context, job *queue.Job[Mail]) error {
//		return send(ctx, job.Payload)
//	})
//
// # At least once, and not twice at the same time
//
// A job that Enqueue has acknowledged runs until a handler returns nil for it,
// it is cancelled, or it becomes a dead letter, which is kept. Handlers may run
// more than once for a job, and must bear that: a worker may be killed when the
// work is done and no one has been told.
//
// A worker has a lease on each of its jobs and renews it, so that a job may
// take hours while the job of a killed worker is another's within
// [WorkerOptions.Lease]. The end of a lease is measured by the worker's own
// monotonic clock, from before Redis was asked: the handler's context ends,
// with the cause [ErrLost], before another worker can have the job. That
// reaches a handler that runs and looks at its context. A process that is
// stopped for longer than the lease can do one thing more when it wakes up. For
// this there is [Job.Token], which grows with each run: let what the job writes
// to refuse one lower than the highest it has seen.
//
// # No job is stranded
//
// A job is in exactly one of the sets ready, delayed, blocked, waiting, active,
// done and dead, and that is its state; nothing else records it. Each change of
// state is one script. Active jobs are ordered by the end of their leases, so
// there is no active job without a lease, and every worker looks for leases
// that ended with every call. Nothing depends on a process of its own, a
// leader, or a message that might be lost: who waits is woken through a list,
// and looks by itself after [WorkerOptions.PollInterval].
//
// What users of asynq report cannot happen here. A task that is active without
// a lease for ever: active jobs are the set of leases (TestJudge, TestPoison).
// A periodic task that several schedulers enqueue several times (TestEvery). A
// dead task whose fixed id keeps its schedule from firing: a dead letter frees
// its unique name (TestDeadLetterFreesItsName). A long task that runs a second
// time, or is cut off (TestLongJob). TestJudge kills and stops workers and
// Redis, cuts connections and flushes scripts while jobs are enqueued: every
// acknowledged job runs to its end, none is stranded, and no two runs of one
// job overlap. It takes 4 seconds in every run of the tests; -judge 5m gives it
// more.
//
// # Jobs that wait for jobs
//
// [JobOptions.After] has a job wait until others are completed, so that a part
// of the work can be done by many and the end of it by one. Their results can
// be looked up by then, if their retention is long enough. When one of them is
// given up, so is the job that waits: both are dead letters, to be redriven in
// that order.
//
// # Schedules
//
// [Queue.Every] declares a schedule in each process that works; when the next
// job is due is kept in Redis, and moving it on and adding the job are one
// step. So it fires once however many processes there are, needs no leader, and
// a time that all of them missed is made up for once.
//
// # Steering
//
// [Admin] has what needs no payload type: [Admin.Stats], [Admin.Get] and
// [Admin.List] inspect; [Admin.Pause], [Admin.Resume], [Admin.Cancel],
// [Admin.Redrive] and [Admin.Delete] steer. [Page] does so for people, and the
// command kit/cmd/queue in a shell.
//
// # Costs
//
// Enqueue is one round trip, however many jobs. Taking jobs is one for as many
// as there are free places, and ending a job is one; these of different jobs
// share packets. An idle worker blocks on a connection of its own, and asks
// every PollInterval. Renewal is one call every third of a lease. All are
// O(log n) in the number of jobs. A job takes about 300 bytes of Redis beside
// its payload.
//
// A queue is in one slot of a cluster and so on one node, by the hash tag of
// its name; several queues spread. While its slot moves, callers wait for up to
// [Options.Timeout], since all keys must be on one side; a queue with millions
// of jobs is a few large keys and moves for as long.
//
// # When Redis fails
//
// Enqueue returns an error after Options.Timeout; whether the job was added is
// then unknown unless JobOptions.ID is set and the call repeated. Workers wait
// and tell Options.OnError. A handler that ends while Redis is away is recorded
// when it is back. What Redis itself forgets is gone: use appendonly with
// everysec (up to a second is lost with the machine) or always, noeviction as
// the policy, and know that a failover loses what was not replicated. The
// clock of Redis decides; after a failover to a server whose clock is ahead by
// more than a lease, jobs can run twice at the same time.
//
// # Requirements
//
// Redis 6.0 or Valkey. The user needs EVALSHA, EVAL and SCRIPT LOAD, TIME, and
// on the queue's keys: HSET HGET HMGET HGETALL HDEL HEXISTS HINCRBY HLEN, ZADD
// ZREM ZSCORE ZCARD ZRANGE ZRANGEBYSCORE ZRANGEBYLEX ZPOPMIN, EXISTS, LLEN,
// LPUSH, BLPOP. From Redis 7.0 on Run checks them and returns the first that is
// missing.
//
// # When not
//
// For events that several consumers each want to see, or that must be kept in
// order, use a stream. For jobs that must be added in one transaction with rows
// of a database, use a queue in that database. For work flows of many steps
// with their own history, use an engine made for them.
//
// # In Redis
//
//	<prefix>:{<name>}:jobs       hash: what is known of each job, payload, result, progress
//	<prefix>:{<name>}:ready      sorted by priority and order
//	<prefix>:{<name>}:delayed    sorted by due time
//	<prefix>:{<name>}:active     sorted by the end of the lease
//	<prefix>:{<name>}:blocked    by key
//	<prefix>:{<name>}:waiting    for other jobs
//	<prefix>:{<name>}:done       sorted by when they are forgotten
//	<prefix>:{<name>}:dead       sorted by when they are forgotten
//	<prefix>:{<name>}:timers     when keys and unique names are free
//	<prefix>:{<name>}:control    hash: order, pause, unique names, how many of a key run, who waits for whom, counts
//	<prefix>:{<name>}:schedules  hash: next time and spec of each
//	<prefix>:{<name>}:wake       wakes idle workers
package queue
