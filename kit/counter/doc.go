// Package counter provides amounts that cannot be overdrawn, budgets by period
// and counts of unique members, on Redis.
//
//	stock, err := counter.NewStock(client, counter.Options{Prefix: "stock"})
//	_, err = stock.Add(ctx, "shop", "tea", 100)
//	err = stock.Take(ctx, "shop", map[string]int64{"tea": 2, "cup": 1}) // both or neither
//
//	budget, err := counter.NewBudget(client, counter.BudgetOptions{Limit: 1000, Period: counter.Month})
//	spent, err := budget.Spend(ctx, "customer 7", 30)
//
//	visitors, err := counter.NewUnique(client, counter.UniqueOptions{Period: counter.Day})
//	err = visitors.Add(ctx, "home page", userID)
//	n, err := visitors.Count(ctx, "home page", weekAgo, time.Now())
//
// # What is promised
//
// Reading and deciding are one script, so two callers never take the same last
// piece, and of several amounts all are taken or none. Periods are those of the
// calendar in a time zone, and begin and end by the clock of Redis: callers
// whose clocks differ by less than a period agree.
//
// A call that fails without an answer may have taken; package once makes it
// repeatable.
//
// # Costs
//
// One round trip each. A stock is one hash, about 70 bytes an item. A budget is
// one small hash for each key, gone a minute after its period. A unique count
// is a HyperLogLog for each key and period, from 200 bytes to 12 KB, with a
// standard error of 0.81 %, and can be united over periods.
//
// # When Redis fails
//
// Each call returns an error after Options.Timeout, or when the caller's
// context ends. What Redis forgets is forgotten: what must agree with money or
// goods has its truth in a database.
//
// # Requirements
//
// Redis 5.0 or Valkey, and EVALSHA, EVAL, TIME, HGET HMGET HSET HINCRBY HGETALL
// PEXPIREAT, PFADD PFCOUNT on the keys, each of which has its name in braces so
// that one call stays in one slot of a cluster.
//
// # When not
//
// To limit how often something is done in any window of time, use a rate
// limiter: a budget lets twice its limit through around the end of a period.
// To count exactly who was there, use a set.
package counter
