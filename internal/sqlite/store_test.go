package sqlite

import (
	"log/slog"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func openTest(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) { testStore(t, Options{}) }

// What is kept back in memory is written out all the time.
func TestStoreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long again as TestStore; make test-plain runs it")
	}
	testStore(t, Options{generation: 3, fold: 4})
}

func testStore(t *testing.T, o Options) {
	chattest.Run(t, func(t *testing.T, ring func(*chat.Event)) chattest.Harness {
		dir := t.TempDir()
		o := o
		o.Ring = ring
		s := openTest(t, dir, o)
		return chattest.Harness{
			Store: s,
			Reopen: func() chat.Store {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				s = openTest(t, dir, o)
				return s
			},
			Spans: true,
			Kept:  chat.Window + 2*pruneEvery,
		}
	})
}
