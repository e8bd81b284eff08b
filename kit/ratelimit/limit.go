package ratelimit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// MaxQuota is the largest quota: the largest integer of an HTTP structured
// field.
const MaxQuota = 999_999_999_999_999

// MaxWindow is the longest window.
const MaxWindow = 366 * 24 * time.Hour

// Errors of calls that can never be answered with yes. They are the caller's
// mistakes and no matter of time.
var (
	// ErrCount: the count is not positive.
	ErrCount = errors.New("ratelimit: the count must be at least 1")
	// ErrTooLarge: the count is larger than a limit's quota, or burst, so no
	// waiting will make it fit.
	ErrTooLarge = errors.New("ratelimit: the count is larger than the quota and can never be allowed")
	// ErrKey: the key is empty, which would put everyone into one bucket.
	ErrKey = errors.New("ratelimit: the key is empty")
)

// A Limit allows Quota units in each Window.
type Limit struct {
	// Name tells the limits of a limiter apart, in Redis and in the RateLimit
	// fields: letters, digits, "-", "_" and ".", at most 64. A limit without a
	// name is called "default".
	Name string

	// Quota is what may be taken within a window, from 1 to [MaxQuota].
	Quota int64

	// Window is the length of the sliding window, from a millisecond to
	// [MaxWindow]; it is kept in whole microseconds.
	Window time.Duration

	// Approximate keeps two counters instead of a log: constant memory for any
	// quota.
	//
	// The counters stand for two adjoining buckets of one window each, and the
	// older one is weighed by the share of it that the sliding window still
	// covers, as if its calls had been spread evenly. Whatever the calls look
	// like, any stretch of time d ≤ Window sees at most Quota × (1 + d/Window)
	// units: there is no double burst, but a whole window can see up to twice
	// the quota when all calls crowd at a bucket's end. In the other direction,
	// where calls crowded at a bucket's beginning, a call can be refused up to
	// a Window longer than an exact limit would. Steady traffic is held to
	// Quota per Window.
	Approximate bool

	// Burst, from 1 to Quota, paces calls (GCRA) instead of counting them in a
	// window: that many units pass at once, and then one each Window ÷ Quota.
	// It takes constant memory. Any stretch of time d sees at most
	// Burst + Quota × d/Window units. It excludes Approximate.
	Burst int64
}

// PerSecond, PerMinute and PerHour are exact limits with the usual windows,
// called "second", "minute" and "hour".
func PerSecond(quota int64) Limit { return Limit{Name: "second", Quota: quota, Window: time.Second} }

// PerMinute is an exact limit of quota units a minute.
func PerMinute(quota int64) Limit { return Limit{Name: "minute", Quota: quota, Window: time.Minute} }

// PerHour is an exact limit of quota units an hour.
func PerHour(quota int64) Limit { return Limit{Name: "hour", Quota: quota, Window: time.Hour} }

var limitName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func (l Limit) check() error {
	switch {
	case !limitName.MatchString(l.Name):
		return fmt.Errorf("ratelimit: the limit's name %q is not 1 to 64 letters, digits, '-', '_' or '.'", l.Name)
	case l.Quota < 1 || l.Quota > MaxQuota:
		return fmt.Errorf("ratelimit: the quota %d of limit %q is not from 1 to %d", l.Quota,
			l.Name, int64(MaxQuota))
	case l.Burst < 0 || l.Burst > l.Quota || l.Burst > 0 && l.Approximate:
		return fmt.Errorf("ratelimit: limit %q: a burst is from 1 to the quota %d, not %d, and of no approximate limit",
			l.Name, l.Quota, l.Burst)
	case l.Window < time.Millisecond || l.Window > MaxWindow:
		return fmt.Errorf("ratelimit: the window %s of limit %q is not from 1ms to %s", l.Window,
			l.Name, MaxWindow)
	}
	return nil
}

// A kind is how a limit's state is kept. Its mark ends the keys of Redis, since
// states of two kinds have nothing in common.
type kind struct {
	name, mark, source string
	bit                int
}

var (
	exact       = &kind{"log", "", logSource, 1}
	approximate = &kind{"counter", "~", counterSource, 2}
	paced       = &kind{"pace", "^", paceSource, 4}
)

func (l Limit) kind() *kind {
	switch {
	case l.Approximate:
		return approximate
	case l.Burst > 0:
		return paced
	}
	return exact
}

// most is what may be taken at once.
func (l Limit) most() int64 {
	if l.Burst > 0 {
		return l.Burst
	}
	return l.Quota
}

const hashedKey = "sha256="

// tag is what stands for a key between the braces of a Redis key. Keys often
// come from outside: a long one would cost memory, and a brace would end the
// hash tag early, so both are replaced by their digest.
func tag(key string) string {
	if len(key) <= 128 && !strings.ContainsAny(key, "{}") && !strings.HasPrefix(key, hashedKey) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hashedKey + hex.EncodeToString(sum[:])
}
