package engineio_test

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/internal/socketio/engineio"
)

// TestBodyOfUnknownLength is too large by a byte, which its sender does not say
// before.
func TestBodyOfUnknownLength(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	id := f.Open()
	body := strings.NewReader("4" + strings.Repeat("x", 1_000_000))
	status, answer := f.Do(t.Context(), "POST", "EIO=4&transport=polling&sid="+id, readerFunc(body.Read))
	if status != 413 {
		t.Errorf("%d %s", status, answer)
	}
	f.ended(engineio.ReasonParse)
	f.MustBeGone(id)
}

// TestTwoPosts sends a second payload while a first is on its way, and will be
// for longer than the test waits.
func TestTwoPosts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	id := f.Open()
	stop := make(chan struct{})
	begun := false
	var first sync.WaitGroup
	first.Go(func() {
		f.Do(t.Context(), "POST", "EIO=4&transport=polling&sid="+id, readerFunc(func(b []byte) (int, error) {
			if !begun {
				begun = true
				return copy(b, "4"), nil
			}
			<-stop
			return 0, io.EOF
		}))
	})
	status := 0
	// the first may not have arrived
	for end := time.Now().Add(eiotest.Patience / 2); status != 400 && time.Now().Before(end); {
		status, _ = f.Post(id, "4")
	}
	if status != 400 {
		t.Errorf("a second payload beside the first: %d", status)
	}
	close(stop)
	first.Wait()
	f.MustBeGone(id)
}
