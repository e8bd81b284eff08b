package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrHeld says that another has the lock. It never stands for a Redis that
	// did not answer.
	ErrHeld = errors.New("lock: held by another")

	// ErrLost says that the lock is no longer the caller's, or cannot be
	// guaranteed to be.
	ErrLost = errors.New("lock: lost")

	// ErrClosed says that the locker was closed.
	ErrClosed = errors.New("lock: the locker is closed")

	// ErrName refuses an empty name.
	ErrName = errors.New("lock: a lock needs a name")
)

// Options are a locker's settings; the zero value is ready to use.
type Options struct {
	// Prefix begins every key in Redis. Lockers exclude each other if they
	// share a prefix and a Redis. Default: "lock".
	Prefix string

	// Lease is how long Redis keeps a lock whose holder is gone. A holder that
	// lives extends it every third of that. At least 50 ms, in whole
	// milliseconds. Default: 10 s.
	Lease time.Duration

	// CallTimeout bounds each call to Redis, in addition to the caller's
	// deadline; below Lease. Default: 2 s or a third of Lease, whichever is
	// less.
	CallTimeout time.Duration

	// Outage is for how long Lock goes on trying while Redis gives no answer,
	// as in a failover, before it returns kit.ErrUnavailable. TryLock does not
	// wait. Default: 5 s; below 0 not at all.
	Outage time.Duration

	// Tries is how often Lock tries before it gives up with ErrHeld.
	// Default: 0, until the context ends.
	Tries int

	// RetryDelay is the longest time between two attempts. On one Redis it is
	// only the net under the wake-up: default 5 s or Lease, whichever is less.
	// In a quorum it is also the pause after a vote that no one won: default
	// 200 ms or Lease.
	RetryDelay time.Duration

	// Jitter shortens each RetryDelay by a random share of at most this
	// fraction (0 < Jitter ≤ 1). Default: 0.5.
	Jitter float64
}

func (opt Options) complete(masters int) (Options, error) {
	if opt.Prefix == "" {
		opt.Prefix = "lock"
	}
	if strings.ContainsAny(opt.Prefix, "{}") {
		return opt, fmt.Errorf("lock: the prefix %q has braces, which would move every key to one slot", opt.Prefix)
	}
	if opt.Lease == 0 {
		opt.Lease = 10 * time.Second
	}
	if opt.CallTimeout == 0 {
		opt.CallTimeout = min(2*time.Second, opt.Lease/3)
	}
	if opt.RetryDelay == 0 {
		opt.RetryDelay = min(5*time.Second, opt.Lease)
		if masters > 1 {
			opt.RetryDelay = min(200*time.Millisecond, opt.Lease)
		}
	}
	if opt.Outage == 0 {
		opt.Outage = 5 * time.Second
	}
	if opt.Jitter == 0 {
		opt.Jitter = 0.5
	}
	switch {
	case opt.Lease < 50*time.Millisecond || opt.Lease%time.Millisecond != 0:
		return opt, fmt.Errorf("lock: a lease of %s: at least 50ms and whole milliseconds are needed", opt.Lease)
	case opt.CallTimeout <= 0 || opt.CallTimeout >= opt.Lease:
		return opt, fmt.Errorf("lock: a call timeout of %s with a lease of %s: the answer would come when the lease is over", opt.CallTimeout, opt.Lease)
	case opt.RetryDelay < time.Millisecond || opt.Tries < 0 || !(opt.Jitter > 0 && opt.Jitter <= 1):
		return opt, fmt.Errorf("lock: options out of range: delay %s, tries %d, jitter %v",
			opt.RetryDelay, opt.Tries, opt.Jitter)
	}
	return opt, nil
}

// drift is by how much the local end of a lease comes before that in Redis, for
// clocks that run at different speeds and for a busy machine, that runs a
// goroutine late.
func (opt Options) drift() time.Duration {
	return opt.Lease/20 + 2*time.Millisecond
}

// A lock's keys: token, owner, waiters. Each script takes a run of them.
type keys []string

const (
	tokenKey   = "token"
	ownerKey   = "owner"
	waitersKey = "waiters"
)

func (k *Locker) keys(name string) keys {
	stem := k.opt.Prefix + ":{" + tag(name) + "}:"
	all := stem + tokenKey + stem + ownerKey + stem + waitersKey // one allocation
	n := len(stem)
	return keys{all[:n+5], all[n+5 : 2*n+10], all[2*n+10:]}
}

// hashedName begins the tag of a name that could not be one itself.
const hashedName = "sha256-"

func tag(name string) string {
	if len(name) <= 128 && !strings.ContainsAny(name, "{}") && !strings.HasPrefix(name, hashedName) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hashedName + hex.EncodeToString(sum[:])
}
