package ratelimit

import (
	"math"
	"sync"
	"time"
)

// localKeys bounds the buckets that a process keeps of each of two generations.
const localKeys = 50_000

// insurance applies limits in this process while Redis is away: a leaking
// bucket for each limit of a key. Buckets that were not used lately are
// forgotten where there are too many.
type insurance struct {
	mu           sync.Mutex
	young, grown map[string]*bucket
}

type bucket struct {
	level float64 // units
	at    time.Time
}

// take judges as the scripts do: from all limits or from none.
func (in *insurance) take(now time.Time, keys []string, limits []Limit,
	count, processes int64, take bool) Result {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := Result{Allowed: true, At: now, Limits: make([]State, len(limits))}
	buckets := make([]*bucket, len(limits))
	for i, limit := range limits {
		b := in.bucket(keys[i])
		buckets[i] = b
		rate := float64(limit.Quota) / float64(processes) / float64(limit.Window) // units a nanosecond
		b.level = max(0, b.level-float64(now.Sub(b.at))*rate)
		b.at = now
		// A part of the quota that is too small for the call lets it pass
		// into an empty bucket: it then takes as long to leak as it should.
		room := max(float64(limit.most())/float64(processes), float64(count))
		s := State{Limit: limit}
		if over := b.level + float64(count) - room; over > 1e-9 {
			s.RetryAfter = time.Duration(math.Ceil(over / rate))
			r.Allowed = false
			r.RetryAfter = max(r.RetryAfter, s.RetryAfter)
		}
		s.Remaining = int64(max(0, room-b.level))
		s.Reset = time.Duration(math.Ceil(b.level / rate))
		r.Limits[i] = s
	}
	if !r.Allowed || !take {
		return r
	}
	for i, b := range buckets {
		b.level += float64(count)
		s := &r.Limits[i]
		s.Remaining = max(0, s.Remaining-count)
		rate := float64(s.Limit.Quota) / float64(processes) / float64(s.Limit.Window)
		s.Reset = time.Duration(math.Ceil(b.level / rate))
	}
	return r
}

// bucket returns the bucket of a key of Redis, new or old.
func (in *insurance) bucket(key string) *bucket {
	b := in.young[key]
	if b != nil {
		return b
	}
	if b = in.grown[key]; b == nil {
		b = &bucket{}
	}
	if in.young == nil || len(in.young) >= localKeys {
		in.young, in.grown = map[string]*bucket{}, in.young
	}
	in.young[key] = b
	return b
}

func (in *insurance) forget(keys []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, key := range keys {
		delete(in.young, key)
		delete(in.grown, key)
	}
}
