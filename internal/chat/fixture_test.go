package chat_test

import (
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// fixture is a service on the model, with a clock that tests move.
type fixture struct{ *chattest.Fixture }

var nobody = chat.Caller{Addr: "192.0.2.1"}

func newFixture(t *testing.T, change func(*chat.Config)) *fixture {
	t.Helper()
	return &fixture{chattest.New(t, change)}
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	chattest.Must(t, what, err)
}

// refused fails the test unless err is of the wanted code; nil wants success.
func refused(t testing.TB, what string, err error, want *chat.Error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("%s: got %v, want success", what, err)
		}
		return
	}
	chattest.Refused(t, what, err, want)
}

// errOf drops the answer of a call, where only its refusal counts.
func errOf[T any](_ T, err error) error { return err }
