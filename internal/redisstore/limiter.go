package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/limit"
	"github.com/parley-chat/parley/kit/ratelimit"
)

// Limiter is a [chat.Limiter] shared by all nodes. While Redis refuses writes,
// each node counts by itself, so that reading continues.
type Limiter struct {
	store  *Store
	prefix string
	local  *limit.Memory

	mu    sync.RWMutex
	rates map[chat.Rate]*ratelimit.Limiter
}

// NewLimiter returns a limiter with keys under the store's prefix.
func NewLimiter(s *Store) *Limiter {
	return &Limiter{store: s, prefix: s.keys.prefix + ":limit", local: limit.New(time.Now),
		rates: map[chat.Rate]*ratelimit.Limiter{}}
}

// Take implements [chat.Limiter].
func (l *Limiter) Take(ctx context.Context, key string, n int, rate chat.Rate) (chat.Allowance, error) {
	limiter, err := l.of(rate)
	if err != nil {
		return chat.Allowance{}, err
	}
	r, err := limiter.AllowN(ctx, key, int64(n))
	if errors.Is(err, ratelimit.ErrTooLarge) {
		return chat.Allowance{}, chat.ErrTooLarge
	}
	reason, news := l.store.health.note("limits", err)
	switch {
	case reason != "":
		if news {
			l.store.log.Warn("limits are counted on this node alone", "reason", reason)
		}
		return l.local.Take(ctx, key, n, rate)
	case err != nil:
		return chat.Allowance{}, failed("limit", err)
	case news:
		l.store.log.Info("limits are counted over all nodes again")
	}
	return chat.Allowance{OK: r.Allowed, Remaining: int(r.Limits[0].Remaining), RetryAfter: r.RetryAfter}, nil
}

func (l *Limiter) of(rate chat.Rate) (*ratelimit.Limiter, error) {
	l.mu.RLock()
	limiter := l.rates[rate]
	l.mu.RUnlock()
	if limiter != nil {
		return limiter, nil
	}
	limiter, err := ratelimit.New(l.store.client, ratelimit.Options{Prefix: l.prefix},
		ratelimit.Limit{Name: fmt.Sprintf("%d", rate.Window.Milliseconds()),
			Quota: int64(rate.Limit), Window: rate.Window})
	if err != nil {
		return nil, fmt.Errorf("limit of %d in %s: %w", rate.Limit, rate.Window, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rates[rate] = limiter
	return limiter, nil
}
