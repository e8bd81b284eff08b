package engineio_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/socketio/engineio"
)

// TestBodyOfUnknownLength is too large by a byte, which its sender does not say before.
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
