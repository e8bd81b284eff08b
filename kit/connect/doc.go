// Package connect opens connections to Redis the way a service needs them: from
// one URL or the usual environment, to one server, a unix socket, a set behind
// Sentinel or a cluster, with time-outs, keep-alive, and retries that back off;
// it waits for Redis at the start, with a deadline and the reason in the error,
// and says when connections come, go and fail.
//
//	cfg, err := connect.FromEnv(os.LookupEnv)
//	…
//	cfg.OnEvent = func(e connect.Event) { log.Println(e) }
//	conn, err := connect.Open(ctx, cfg)
//	…
//	defer conn.Close()
//
// A Conn has two rueidis clients. Client is for commands: rueidis puts those of
// all goroutines on one connection and so pipelines them by itself. Subscriber
// is for subscriptions only, on connections of its own: rueidis calls the
// handler of Receive from the goroutine that reads the connection, so that one
// slow handler would hold up every command that shares it.
//
// Pipelines, transactions and scripts are rueidis' own (DoMulti, Dedicated with
// MULTI, NewLuaScript); the examples show them. Commands that only read are
// sent again after a lost connection; those that write never are, as they may
// have been carried out: their error reaches the caller. Both end by
// Config.Timeout where the caller's context has no deadline.
//
// # What is promised
//
// Open waits for Redis until its context ends or Config.StartTimeout has
// passed, also for a server that accepts connections and never answers. Its
// error names the address and the last failure. An error that a retry cannot
// fix, such as a wrong password or an unknown certificate, is returned at once.
// Contradictory settings are refused by name. No error holds a password.
//
// Connections that open, break and fail are events for Config.OnEvent; package
// prom turns them into metrics. The loss of an idle connection is noticed by
// the next command on it.
//
// # Costs
//
// A Conn holds two to three connections to each node, of about 1.4 MiB each for
// their buffers, which Config.Customize can make smaller, and opens more for
// blocking commands.
//
// # Requirements
//
// Redis 5.0 or later, or Valkey. Before 6.0, or where HELLO or CLIENT is
// denied, there is no client-side caching.
//
// # When not
//
// A program that has a rueidis client needs none of this: the other blocks take
// that client. A program that uses go-redis opens a second client here;
// docs/go-redis.md says what that costs.
package connect
