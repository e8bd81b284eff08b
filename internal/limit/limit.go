// Package limit counts requests in exact sliding windows, in the memory of one
// process. It is the limiter of the embedded store; with Redis, kit/ratelimit
// takes its place.
package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Memory is a chat.Limiter. Its memory is bounded by what was allowed within
// the windows: a key costs 8 bytes for each unit taken, and nothing once its
// window has passed.
type Memory struct {
	now    func() time.Time
	seed   maphash.Seed
	shards [64]shard
}

type shard struct {
	mu    sync.Mutex
	keys  map[string]*window
	swept int64 // nanoseconds, when old keys were last forgotten
}

// window holds the times, ascending, at which units were taken; those before
// start have passed.
type window struct {
	taken []int64
	start int
	size  time.Duration
}

// sweepEvery is how often a shard forgets keys whose windows have passed.
const sweepEvery = int64(time.Minute)

// New returns a limiter that uses the given clock.
func New(now func() time.Time) *Memory {
	m := &Memory{now: now, seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].keys = map[string]*window{}
	}
	return m
}

// Take takes n out of the key's window if they fit. A refused call takes
// nothing. More than the whole limit at once is refused with chat.ErrTooLarge,
// as no waiting helps.
func (m *Memory) Take(_ context.Context, key string, n int, rate chat.Rate) (chat.Allowance, error) {
	if n > rate.Limit {
		return chat.Allowance{}, chat.ErrTooLarge
	}
	s := &m.shards[maphash.String(m.seed, key)%uint64(len(m.shards))]
	now := m.now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	w := s.keys[key]
	if w == nil {
		w = &window{}
		s.keys[key] = w
	}
	w.size = rate.Window
	for w.start < len(w.taken) && w.taken[w.start] <= now-int64(rate.Window) {
		w.start++
	}
	used := len(w.taken) - w.start
	if used+n > rate.Limit {
		// The call fits once enough of the oldest have passed.
		oldest := w.taken[w.start+used+n-rate.Limit-1]
		return chat.Allowance{Remaining: rate.Limit - used,
			RetryAfter: time.Duration(oldest + int64(rate.Window) - now)}, nil
	}
	if w.start > 0 && w.start*2 >= len(w.taken) {
		w.taken = w.taken[:copy(w.taken, w.taken[w.start:])]
		w.start = 0
	}
	for range n {
		w.taken = append(w.taken, now)
	}
	return chat.Allowance{OK: true, Remaining: rate.Limit - used - n}, nil
}

func (s *shard) sweep(now int64) {
	if now-s.swept < sweepEvery {
		return
	}
	s.swept = now
	for key, w := range s.keys {
		if len(w.taken) == 0 || w.taken[len(w.taken)-1] <= now-int64(w.size) {
			delete(s.keys, key)
		}
	}
}
