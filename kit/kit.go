// Package kit has what the Redis building blocks below it share. Each block is
// a package of its own: connect, cache, session, ratelimit, lock, bus, stream,
// object and more; see README.md.
package kit

import "errors"

// ErrUnavailable means that Redis gave no answer, or that it is loading,
// failing over or resharding: trying again later helps. The errors of all
// blocks match it with errors.Is. A refusal, such as a missing permission, and
// the end of the caller's own context do not.
var ErrUnavailable = errors.New("redis is unavailable")
