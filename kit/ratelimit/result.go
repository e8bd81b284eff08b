package ratelimit

import "time"

// A Result is the answer to one call.
type Result struct {
	// Allowed reports whether the call was taken (by Peek: whether one unit
	// would be).
	Allowed bool

	// RetryAfter is the time until the same call would be allowed if nothing
	// else were taken, exact to the microsecond; zero when Allowed.
	RetryAfter time.Duration

	// At is the server's time of the decision, in whole microseconds. Calls on
	// one key are decided one after the other.
	At time.Time

	// Limits has the state of each limit after the call, in the order given to
	// New.
	Limits []State

	// Err is why Redis gave no answer, where Options.OnFailure decided instead;
	// At and Limits are then empty, or with FailLocal this process's.
	Err error
}

// State is where a key stands with one limit.
type State struct {
	Limit Limit

	// Remaining is what could be taken right now.
	Remaining int64

	// Reset is the time until the whole quota is there again if nothing else is
	// taken.
	Reset time.Duration

	// RetryAfter is the time until this limit would allow the call; zero when
	// it did not stand in the way.
	RetryAfter time.Duration
}

// Tightest is the state that decides: of a refused call the limit to wait for
// longest, otherwise the one with the smallest share of its quota remaining. It
// is the zero State where Limits is empty.
func (r Result) Tightest() State {
	var tightest State
	for i, s := range r.Limits {
		if i == 0 || s.RetryAfter > tightest.RetryAfter ||
			s.RetryAfter == tightest.RetryAfter &&
				s.share() < tightest.share() {
			tightest = s
		}
	}
	return tightest
}

// share is the part of what may be taken at once that remains.
func (s State) share() float64 { return float64(s.Remaining) / float64(s.Limit.most()) }

// result decodes the script's reply, whose length run has checked.
func (l rules) result(reply []int64) Result {
	r := Result{Allowed: reply[0] == 1, At: time.UnixMicro(reply[1]), Limits: make([]State, len(l.limits))}
	for i, limit := range l.limits {
		n := reply[2+3*i:]
		s := State{
			Limit: limit, Remaining: n[0],
			Reset: time.Duration(n[1]) * time.Microsecond, RetryAfter: time.Duration(n[2]) * time.Microsecond,
		}
		r.Limits[i] = s
		r.RetryAfter = max(r.RetryAfter, s.RetryAfter)
	}
	return r
}
