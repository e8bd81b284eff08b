// Package session keeps who is logged in, in Redis, for every process that
// serves a site.
//
// # The story
//
// A [Manager] makes sessions that hold data of the caller's type. Its
// middleware finds the session of a request by cookie or bearer token, and
// writes back what the handler changed:
//
//	type Login struct {
//		Device string
//		CSRF   string
//	}
//
//	sessions, err := session.New(client, session.Options[Login]{})
//	...
//	http.ListenAndServe(addr, sessions.Handler(mux))
//
//	// in a handler, once the password is right
//	_, err := sessions.Login(r.Context(), "user-42", Login{Device: r.UserAgent()})
//
//	// in another
//	s := sessions.FromContext(r.Context()) // nil when no one is logged in
//	s.Data.Device = "renamed"              // written when the handler is done, if it differs
//
// # Tokens
//
// A token is a public id of 128 random bits and a secret of 256. Redis knows
// the id and the SHA-256 of the secret, so whoever reads the database cannot
// log in. The id names the session in lists, announcements and logs and stays
// the same; [Session.Renew] changes the secret in one atomic step, after which
// the old token is worth nothing. Only this package makes tokens: one that was
// planted in a browser is never adopted. [Manager.Login] always makes a new
// session.
//
// # Limits
//
// A session ends when it was not used for Options.IdleTimeout, and at the
// latest Options.Lifetime after it was made. The server's clock decides. Use
// moves the idle limit only once in Options.TouchInterval, so that reading
// stays reading. Both limits can be shorter for one session, for who does not
// want to be remembered:
//
//	limits := session.Limits{IdleTimeout: time.Hour, Lifetime: 12 * time.Hour, UntilClosed: true}
//	if remember {
//		limits = session.Limits{}
//	}
//	_, err := sessions.LoginWithin(r.Context(), "user-42", login, limits)
//
// # Saving
//
// A save names the version that was read. If another request saved in between,
// nothing is overwritten: the two changes are joined by the top-level members
// of the data's JSON, or by Options.Merge, and the save is tried again. Where
// both changed the same member the caller gets [ErrConflict]. A save never
// creates: a slow request that outlives a logout gets [ErrNotFound] and
// resurrects nothing. Data that did not change is not written.
//
// # Revoking
//
// Each user has an index of session ids, so [Manager.List] and
// [Manager.RevokeAll] cost what that user's sessions cost, however many others
// there are. The index and the records live in different slots of a cluster;
// the order of the writes makes up for the missing transaction:
//
//   - creating: index, record, then a look whether the index entry is still
//     there and not marked. The token is handed out only after that look.
//   - revoking: mark the index entries, delete the records, then remove the
//     entries.
//
// A crash leaves an entry without a record, which the next list removes, or a
// mark, which the next revocation finishes. It never leaves a session that
// works and is not listed.
//
// Every revocation is published. [Manager.Watch] hears it, so that open sockets
// can be closed at once; it also asks about all open sessions after each
// (re)connection and from time to time, so that a lost announcement, and an
// expiry that no one announces, are noticed as well.
//
// # When Redis is away
//
// Nothing is decided without Redis: the middleware answers 503, or what
// Options.ErrorHandler says. With Options.Degrade the request goes on as if no
// one were logged in, for sites whose pages are worth something without it.
// Then this holds:
//
//   - No request gets a session that Redis did not confirm just now: a revoked
//     one opens nothing.
//   - No cookie is removed or changed, so whoever was logged in is so again
//     once Redis answers.
//   - A request waits 100 ms at most, and after three without an answer only
//     one a second waits at all.
//   - Login, Create, Revoke and RevokeAll return an error that matches
//     kit.ErrUnavailable, as without it. After one of Revoke the session may
//     still stand: call it again.
//   - A session that was read before Redis went away is not saved, which
//     ErrorHandler answers, as without it.
//   - Sockets that Watch guards stay open: what is revoked meanwhile is told on
//     reconnection.
//   - A refusal, such as a missing permission, is not degraded: ErrorHandler
//     answers.
//
// Neither takes an error for a logout.
//
// # What is not promised
//
// Redis replicates asynchronously, and WAIT is not used: a failover that loses
// the newest writes can bring back a session that was revoked within them. A
// request that is under way with the old token loses its changes when the token
// is renewed. A client that loses the answer to a Renew has to log in again.
//
// # Costs
//
// Each line is one round trip:
//
//	Load, and each request   EVALSHA
//	Save of a change, Renew  EVALSHA; Save of no change none
//	Create                   EVALSHA for the index entry, the record, and the look; without a user one
//	Destroy                  EVAL; then ZREM
//	List                     ZRANGE; then EVAL for each of 100 sessions, pipelined; EVALSHA if there is something to tidy
//	RevokeAll                EVALSHA; then EVAL for each session, pipelined; then ZREM
//	Gone                     EXISTS for each session, pipelined
//
// A session takes about 300 bytes beside its data, and 40 to 90 in its user's
// index. Watch holds one connection.
//
// # Requirements
//
// Redis 6.2 or later, or Valkey. Permissions on the keys and the channel below:
// EVALSHA, EVAL, EXISTS, HGET, HMGET, HSET, DEL, PEXPIRE, PTTL, TIME, ZADD,
// ZRANGE, ZREM, ZREMRANGEBYSCORE, ZSCORE, PUBLISH and SUBSCRIBE. A Redis that
// is full can still read, list and log out.
//
// # When not
//
// A service that only checks who calls, and never needs to revoke within
// minutes, does with signed tokens and no store.
//
// # In Redis
//
//	<prefix>:id:<id>      hash: hash, user, data, version, created, seen, ends, perhaps idle and browser; expires with the session
//	<prefix>:user:<user>  sorted set of the user's session ids; expires with the last session
//	<prefix>:revoked      channel of revoked ids
package session
