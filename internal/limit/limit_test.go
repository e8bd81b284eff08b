package limit

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/internal/chat"
)

// TestExact compares with the definition: in no window of the given length are
// more than Limit taken, and a call is refused only if it would make it so.
func TestExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_000_000, 0)
		m := New(func() time.Time { return now })
		rate := chat.Rate{Limit: rapid.IntRange(1, 8).Draw(t, "limit"), Window: time.Second}
		var taken []time.Time
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			n := rapid.IntRange(1, rate.Limit).Draw(t, "n")
			used := 0
			for _, at := range taken {
				if at.After(now.Add(-rate.Window)) {
					used++
				}
			}
			a, err := m.Take(t.Context(), "k", n, rate)
			if err != nil {
				t.Fatal(err)
			}
			if want := used+n <= rate.Limit; a.OK != want {
				t.Fatalf("OK = %v with %d of %d used and %d asked", a.OK, used, rate.Limit, n)
			}
			if a.OK {
				used += n
				for range n {
					taken = append(taken, now)
				}
			} else {
				now = now.Add(a.RetryAfter - 1)
				if b, _ := m.Take(t.Context(), "k", n, rate); b.OK {
					t.Fatal("it would have fit earlier than RetryAfter")
				}
				now = now.Add(1)
				b, _ := m.Take(t.Context(), "k", n, rate)
				if !b.OK {
					t.Fatal("it does not fit after RetryAfter")
				}
				for range n {
					taken = append(taken, now)
				}
				continue
			}
			if a.Remaining != rate.Limit-used {
				t.Fatalf("Remaining = %d, want %d", a.Remaining, rate.Limit-used)
			}
		}
	})
}

func TestTooLargeAndForgetting(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := New(func() time.Time { return now })
	rate := chat.Rate{Limit: 3, Window: time.Second}
	if _, err := m.Take(t.Context(), "k", 4, rate); !errors.Is(err, chat.ErrTooLarge) {
		t.Errorf("taking more than the limit gives %v", err)
	}
	for i := range 10_000 {
		m.Take(t.Context(), string(rune('a'+i)), 1, rate)
	}
	now = now.Add(time.Hour)
	for i := range 1000 {
		m.Take(t.Context(), "x"+string(rune('a'+i)), 1, rate)
	}
	left := 0
	for i := range m.shards {
		left += len(m.shards[i].keys)
	}
	if left > 1000 {
		t.Errorf("%d keys are kept, of which 1000 are in use", left)
	}
}
