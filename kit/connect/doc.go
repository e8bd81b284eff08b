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
// # What it takes
//
// Redis 5.0 or later; before 6.0, or where HELLO or CLIENT is denied, without
// client-side caching. A Conn holds two connections to each node, and more for
// blocking commands.
//
// # When not
//
// A program that has a rueidis client needs nothing of this: the other blocks
// take it as it is. One that uses go-redis opens a second client here, which
// costs those connections; the two can share keys.
package connect
