package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// TestAllFilesAreLimited: what is there and what has come since count together;
// nothing is kept of what does not fit, and what is deleted counts no more once
// files are weighed again.
func TestAllFilesAreLimited(t *testing.T) {
	stored := &memoryFiles{kept: map[string][]byte{"from before": make([]byte, 400)}}
	f := newFixture(t, func(c *chat.Config) { c.Files = stored; c.Limits.File, c.Limits.Files = 500, 1000 })
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	upload := func(who chat.Caller, n int) (chat.File, error) {
		return f.Upload(t.Context(), who, "x", strings.NewReader(strings.Repeat("x", n)))
	}
	fits := func(what string, n int, want *chat.Error) {
		t.Helper()
		before := len(stored.kept)
		_, err := upload(ada, n)
		refused(t, what, err, want)
		if want != nil && len(stored.kept) != before {
			t.Errorf("%s: it is kept", what)
		}
	}
	first, err := upload(ada, 300) // weighs what is there
	refused(t, "the first", err, nil)
	fits("larger than a file may be", 501, chat.ErrTooLarge)
	fits("larger than what is left", 301, chat.ErrTooLarge)
	fits("all that is left", 300, nil)
	fits("a byte more", 1, chat.ErrTooLarge)

	stored.last = func() { t.Error("bytes were taken") }
	fits("nothing is taken where nothing is left", 100, chat.ErrTooLarge)
	stored.last = nil

	message, err := f.Send(t.Context(), ada, chat.SendInput{Room: chat.GeneralID, Files: []string{first.ID}})
	refused(t, "sent", err, nil)
	refused(t, "deleted", errOf(f.DeleteMessage(t.Context(), ada, at(chat.GeneralID, message.No))), nil)
	fits("before it is weighed again", 1, chat.ErrTooLarge)
	f.Wait(10 * time.Minute)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	fits("what was deleted", 301, chat.ErrTooLarge)

	// Of two who come at the same time the one who ends last is refused.
	stored.last = func() {
		stored.last = nil
		_, err := upload(bob, 200)
		refused(t, "who is faster", err, nil)
	}
	_, err = upload(ada, 200)
	refused(t, "who is slower", err, chat.ErrTooLarge)
	fits("what is left", 100, nil)
	for range 3 { // uploads of before the last weighing count once
		f.Wait(10 * time.Minute)
		refused(t, "maintain", f.Maintain(t.Context()), nil)
	}
	delete(stored.kept, "from before")
	f.Wait(10 * time.Minute)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	fits("more than is left", 401, chat.ErrTooLarge)
	fits("what is left", 400, nil)
}
