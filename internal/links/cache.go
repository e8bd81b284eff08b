package links

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
)

// memoryWeight bounds what is kept of pages in a process, in bytes. A page's is
// about 600.
const memoryWeight = 8 << 20

// memory keeps what pages say in this process.
type memory struct{ entries *otter.Cache[string, []byte] }

func newMemory() memory {
	return memory{otter.Must(&otter.Options[string, []byte]{
		MaximumWeight: memoryWeight,
		Weigher: func(key string,
			value []byte) uint32 {
			return uint32(len(key) + len(value) + 100)
		},
		ExpiryCalculator: otter.ExpiryWriting[string, []byte](keepFor),
	})}
}

// Get implements preview.Cache.
func (m memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	value, ok := m.entries.GetIfPresent(key)
	return value, ok, nil
}

// Set implements preview.Cache.
func (m memory) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.entries.Set(key, value)
	m.entries.SetExpiresAfter(key, ttl)
	return nil
}

// Shared keeps what pages say in Redis, for all nodes.
type Shared struct{ entries *cache.Cache[[]byte] }

// NewShared returns a cache on a client, which stays the caller's, under keys
// that begin with name. Close it before the client.
func NewShared(client rueidis.Client, name string) (*Shared, error) {
	entries, err := cache.New(client, cache.Options[[]byte]{Name: name, TTL: keepFor, Jitter: 0.1,
		Codec:   cache.Bytes{},
		OnError: func(error) {}, // Get and Set return them, and the store says that Redis is away
	})
	if err != nil {
		return nil, fmt.Errorf("cache of link previews: %w", err)
	}
	return &Shared{entries}, nil
}

// Get implements preview.Cache.
func (s *Shared) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, ok, err := s.entries.Peek(ctx, key)
	if errors.Is(err, cache.ErrNotFound) {
		return nil, false, nil
	}
	return value, ok, err
}

// Set implements preview.Cache. Redis keeps a value as long as any other; that
// it is over sooner is said in it.
func (s *Shared) Set(ctx context.Context, key string, value []byte, _ time.Duration) error {
	return s.entries.Set(ctx, key, value)
}

// Close ends what is under way.
func (s *Shared) Close() { s.entries.Close() }
