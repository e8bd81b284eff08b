// Package rank provides leaderboards on Redis, for all time or by calendar
// period, with shared ranks.
//
//	board, err := rank.New(client, rank.Options{Period: rank.Week})
//	entry, err := board.Add(ctx, "chess", "ann", 30) // her score and rank now
//	top, err := board.Top(ctx, "chess", 0, 10)
//	near, err := board.Around(ctx, "chess", "ann", 2) // two above and below her
//	last, err := board.At(time.Now().AddDate(0, 0, -7)).Top(ctx, "chess", 0, 3)
//
// # What is promised
//
// Members with equal scores have the same rank, and the next one follows after
// as many as there are: 1, 2, 2, 4. Among equals the order is that of the
// names. What a call returns (score and rank, a page, the neighbours) is of one
// moment. Periods begin and end by the clock of Redis, and a board is gone
// [Options.Retention] after its period.
//
// # Costs
//
// One round trip each; changes and ranks are O(log n), pages O(log n + page).
// About 100 bytes a member. A board is one sorted set on one node of a cluster;
// boards spread. Add is not idempotent: use Set or Best where a call may be
// repeated, or package once.
//
// # When Redis fails
//
// Each call returns an error after Options.Timeout, or when the caller's
// context ends. Of a failed change it is unknown whether it was made.
//
// # Requirements
//
// Redis 5.0 or Valkey, and EVALSHA, EVAL, TIME, ZADD ZINCRBY ZSCORE ZRANK
// ZRANGE ZCOUNT ZCARD ZREM and PEXPIREAT on <prefix>:{<board>}.
//
// # When not
//
// For ranks over several columns, or among those who match a filter: ask a
// database. For hundreds of millions of members on one board: count by range of
// scores instead.
package rank
