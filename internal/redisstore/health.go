package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// refusals are the beginnings of the errors with which Redis refuses to write
// while it can still be read, and what they mean to an operator. In scripts,
// Redis says in other words what it denies; since 7.2, and in Valkey, in yet
// others.
var refusals = []struct{ prefix, reason string }{
	{"OOM", "full: Redis has reached its maxmemory"},
	{"READONLY", "read-only: this Redis is a replica"},
	{"MISCONF", "read-only: Redis cannot save to its disk"},
	{"NOREPLICAS", "read-only: Redis has fewer replicas than it must have"},
	{"NOPERM", "denied: Redis does not let this user run a command"},
	{"The user executing the script", "denied: Redis does not let this user run a command"},
	{"ACL failure in script", "denied: Redis does not let this user run a command"},
}

// refusalOf returns why Redis refused to write; empty if it did not.
func refusalOf(err error) string {
	if e, ok := errors.AsType[*rueidis.RedisError](err); ok {
		return reasonOf(e.Error())
	}
	return ""
}

func reasonOf(refusal string) string {
	for _, r := range refusals {
		if strings.HasPrefix(refusal, r.prefix) {
			return r.reason
		}
	}
	return ""
}

// unwritable is the error while nothing can be written.
func unwritable(reason string) *chat.Error {
	what, _, _ := strings.Cut(reason, ":")
	return &chat.Error{Code: chat.CodeUnavailable,
		Message: "the server's store is " + map[string]string{"full": "full", "read-only": "read-only",
			"denied": "not set up right"}[what] + ": you can read, but nothing can be sent or changed. Try again later"}
}

// noteFor is how long a refused write counts. One that was refused because
// Redis was full or read-only counts only for settled once a probe can be
// written: often nobody else writes who would notice.
const (
	noteFor = time.Minute
	settled = 5 * time.Second
)

// health remembers which parts of Redis refuse to write.
type health struct {
	mu      sync.Mutex
	parts   map[string]note
	probed  time.Time
	refused string // by the newest probe
}

type note struct {
	reason string
	at     time.Time
}

// note records the result of a write to one part. It reports whether the state
// has changed.
func (h *health) note(part string, err error) (reason string, news bool) {
	reason = refusalOf(err)
	h.mu.Lock()
	defer h.mu.Unlock()
	before, was := h.parts[part]
	was = was && time.Since(before.at) < noteFor
	switch {
	case reason != "":
		if h.parts == nil {
			h.parts = map[string]note{}
		}
		h.parts[part] = note{reason, time.Now()}
	case err == nil && len(h.parts) > 0:
		delete(h.parts, part)
	default:
		return "", false
	}
	return reason, was != (reason != "")
}

// Health returns the parts that cannot be written although Redis can be read,
// "store" or "limits", with the reason. It tries a write at most once a second.
func (s *Store) Health(ctx context.Context) map[string]string {
	h := &s.health
	h.mu.Lock()
	due := time.Since(h.probed) > time.Second
	if due {
		h.probed = time.Now()
	}
	h.mu.Unlock()
	if due {
		ctx, cancel, err := s.enter(ctx)
		if err == nil {
			err = s.client.Do(ctx, s.client.B().Set().Key(s.keys.server("probe")).Value("1").
				ExSeconds(60).Build()).Error()
			cancel()
		}
		h.mu.Lock()
		h.refused = refusalOf(err)
		h.mu.Unlock()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	parts := map[string]string{}
	for part, n := range h.parts {
		counts := noteFor
		if h.refused == "" && !strings.HasPrefix(n.reason, "denied") {
			counts = settled
		}
		if time.Since(n.at) < counts {
			parts[part] = n.reason
		}
	}
	if h.refused != "" {
		parts["store"] = h.refused
	}
	return parts
}
