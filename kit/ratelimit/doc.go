// Package ratelimit limits how often something may happen, across every process
// that shares a Redis.
//
// # The story
//
// A [Limiter] holds one or more limits, such as 10 per second and 1,000 per
// hour, and applies them to keys: a user, an address, an API token.
// [Limiter.Allow] asks Redis in one round trip whether a call fits, and takes
// it from every limit or from none:
//
//	limiter, err := ratelimit.New(client, ratelimit.Options{},
//		ratelimit.Limit{Name: "burst", Quota: 10, Window: time.Second},
//		ratelimit.Limit{Name: "hour", Quota: 1000, Window: time.Hour})
//	...
//	result, err := limiter.Allow(ctx, "user:42")
//	if err != nil {
//		return err // Redis is away: see Options.OnFailure for the other answers
//	}
//	if !result.Allowed {
//		return fmt.Errorf("too many requests, try again in %s", result.RetryAfter)
//	}
//
// [Limiter.Wait] waits that long: for a program that calls an API with limits
// of its own. [Limiter.AllowLimits] takes the limits with the call, by the plan
// of the caller, say.
//
// # Three kinds of limit, and a fourth
//
// A [Limit] is exact unless it says otherwise. With Limit.Approximate two
// counters stand for the log, for large quotas; with Limit.Burst calls are
// paced: a few at once, and then one each Window ÷ Quota (GCRA), for a resource
// that wants an even load. [Concurrent] bounds instead how many are under way
// at a time.
//
// # Exact
//
// The window slides. A call taken at t counts in [t, t+Window) and no other:
// there is no edge at which a fresh quota lies beside a used one. One script
// reads the server's clock, judges and records, so neither the clocks of the
// callers nor their number matter. A refused call is not recorded: it does not
// push the moment of the next allowed one further away, however often the
// caller knocks. [Result.RetryAfter] is that moment, to the microsecond.
//
// An exact limit remembers each call it took, in about 15 bytes, until its
// window has passed. Where the quota is large, set [Limit.Approximate]: two
// counters then stand for the log, of constant size, at the price of the error
// that is stated there.
//
// # When Redis is away
//
// By default the caller gets the error. [Options.OnFailure] can turn it into an
// admission or a refusal instead, or have this process apply the limits alone
// (FailLocal), within 100 ms; the error is then in [Result.Err], so that it is
// counted and not lost. After three calls in a row without an answer only one a
// second asks Redis. Every call ends within the earlier of the caller's
// deadline and [Options.Timeout].
//
// FailLocal begins with empty buckets and knows the 50,000 keys that were used
// last. What it took is not told to Redis afterwards: when Redis is back, its
// own count goes on.
//
// A call whose reply was lost may have been counted. It is never sent twice.
//
// # HTTP
//
// [Limiter.Handler] is middleware: it names a key for each request, answers 429
// with a problem document (RFC 9457), and writes the fields of
// draft-ietf-httpapi-ratelimit-headers beside the older X-RateLimit ones.
// [Clients] finds the address to limit by behind trusted proxies only, with one
// key for an IPv6 /64.
//
// # At the edges
//
// A count above the quota is [ErrTooLarge], since no waiting helps, and one
// below 1 is [ErrCount]. A refusal writes nothing, not even an expiry, and is
// exact on a full Redis too. A clock that steps back by up to a window stands
// still; beyond that the log is dropped. Keys come from outside: long ones, and
// those with braces, are hashed.
//
// # What is not promised
//
// A failover that loses the newest writes forgets those calls.
//
// # Costs
//
// A call is one EVALSHA, whatever the number of limits; Reset is one DEL. An
// exact limit holds about 15 bytes for each call in its window, and nothing
// once its key is two windows old: 1,000,000 calls are 15 MB a key, and a
// millisecond of the server's time for each call. A refusal by a log of 10,000
// calls takes the server 26 µs. An exact log takes the server about half as
// long again as a GCRA counter, which has no window to be exact about. An
// approximate limit holds about 120 bytes, however many calls it counts, and a
// paced one about 100. Concurrent takes one EVALSHA to enter and one ZREM to
// leave, and about 80 bytes for each that is under way.
//
// # Requirements
//
// Redis 5.0 or later, or Valkey. Permissions on the keys below: EVALSHA, EVAL,
// TIME, DEL and PEXPIRE; for exact limits LRANGE, LINDEX, LLEN, LTRIM and
// RPUSH; for approximate ones HMGET, HSET and HINCRBY; for paced ones GET and
// SET; for Concurrent ZADD, ZCARD, ZREM, ZREMRANGEBYSCORE and PTTL.
//
// # When not
//
// A limit that one process applies to itself needs no Redis: use
// golang.org/x/time/rate.
//
// # In Redis
//
//	<prefix>:{<key>}:<limit>    a list (exact), with ~ a hash (approximate), with ^ a string (paced); gone at most two windows after the last call
//	concurrent:{<key>}          a sorted set of those under way; gone a lease after the last
//
// The limits of one key share its hash tag and so one slot of a cluster.
package ratelimit
