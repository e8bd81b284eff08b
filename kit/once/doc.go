// Package once provides idempotency on Redis: the first call with a key does
// the work, and every other one, at the same time or later, gets its answer.
//
//	payments, err := once.New(client, once.Options{})
//	...
//	http.Handle("POST /payments", payments.Handler(once.HTTP{Scope: user}, pay))
//
// [Once.Handler] does so for HTTP requests with an Idempotency-Key, as the
// draft of the IETF describes it (draft-ietf-httpapi-idempotency-key-header).
// [Once.Do] does so for anything else: a handler of a queue or topic, whose
// events may come more than once, passes the id of the event.
//
// # What is promised
//
// While the record of a key is there, for [Options.Retention] after the answer,
// work that has succeeded is not run again. Work that fails, or panics, is
// forgotten, so that the next call tries again. Calls that come while the work
// runs wait for it, in any process.
//
// The one who works has a lease on the key, which is renewed: if its process is
// killed, another call does the work after [Options.Lease] at the latest. So
// work can run a second time when a process dies in the middle of it, or when
// Redis stays away from the moment the work is done until the lease is over.
// What must never happen twice needs a transaction that holds both the work and
// the key; a package that talks to Redis alone cannot have it. Work that loses
// its lease has its context ended with the cause [ErrLost].
//
// A fingerprint tells the same request from another under the same key:
// [ErrMismatch], over HTTP 422.
//
// # Costs
//
// Two round trips for the first call, one for each repeated one, one every
// third of a lease while the work runs. A call that waits asks again after 5
// ms, then after twice as long each time, up to 250 ms. One key in Redis for
// each key, of about 150 bytes and the answer.
//
// # Requirements
//
// Redis 5.0 or Valkey, and EVALSHA, EVAL, HMGET, HSET, HDEL, DEL, PEXPIRE and
// PTTL on <prefix>:{<key>}. When Redis is away, Do returns an error and has not
// run the work.
//
// # When not
//
// For work that is naturally idempotent, such as writing the same row. For
// answers larger than some megabytes; keep those elsewhere and a reference
// here. To keep two from working on one thing, without an answer: use a lock.
package once
