package mail

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

var resetIn = regexp.MustCompile(`https://chat\.example\.com/#reset=(\S+)`)

// forgot asks for a link, and returns the codes that come by mail.
func (w *world) forgot(names ...string) (codes []string) {
	w.T.Helper()
	for _, name := range names {
		_, err := w.AskReset(w.T.Context(), chat.Caller{}, chat.AskResetInput{Name: name})
		w.Must("ask", err)
	}
	for _, m := range w.got() {
		if found := resetIn.FindStringSubmatch(m.Text); found != nil && m.To == address {
			codes = append(codes, found[1])
		} else {
			w.T.Errorf("got %+v", m)
		}
	}
	return codes
}

func (w *world) reset(code, password, factor string) (chat.LoggedInOutput, error) {
	return w.ResetPassword(w.T.Context(), chat.Caller{},
		chat.ResetInput{Code: code, Password: password, Factor: factor})
}

// TestAForgottenPassword: the link comes to the account's address, works once,
// and ends what others may have opened.
func TestAForgottenPassword(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.confirmed(address)
	thief, err := w.LogIn(ctx, chat.Caller{}, chat.LogInInput{Name: "Mary", Password: chattest.Password})
	w.Must("log in", err)
	w.Wait(time.Hour)

	codes := w.forgot("mary ", "mary", "Joe", "nobody")
	if len(codes) != 1 {
		t.Fatalf("%d links", len(codes))
	}
	_, err = w.reset(codes[0], "short", "")
	chattest.Refused(t, "a short password", err, chat.ErrInvalid)
	in, err := w.reset(codes[0], "another password", "")
	w.Must("reset", err)
	if in.User.ID != w.mary.User.ID {
		t.Errorf("logged in as %+v", in.User)
	}
	_, err = w.Authenticate(ctx, in.Token, chat.Caller{})
	w.Must("the new session", err)
	_, err = w.Authenticate(ctx, thief.Token, chat.Caller{})
	chattest.Refused(t, "the session before", err, chat.ErrUnauthenticated)
	_, err = w.reset(codes[0], "a third password", "")
	chattest.Refused(t, "twice", err, chat.ErrNotFound)
	_, err = w.LogIn(ctx, chat.Caller{}, chat.LogInInput{Name: "Mary", Password: chattest.Password})
	chattest.Refused(t, "the old password", err, chat.ErrUnauthenticated)
	if all := w.got(); len(all) != 1 || all[0].To != address || !strings.HasPrefix(all[0].Header.Get("Subject"), "New password") {
		t.Errorf("warned by %+v", all)
	}

	w.Wait(2 * time.Hour)
	late := w.forgot("Mary")
	w.Wait(chat.ResetFor)
	_, err = w.reset(late[0], "a third password", "")
	chattest.Refused(t, "too late", err, chat.ErrNotFound)
	for _, code := range []string{"", "x", strings.Repeat("x", 1000)} {
		_, err = w.reset(code, "a third password", "")
		chattest.Refused(t, "no code", err, chat.ErrNotFound)
	}
	var sent int
	for range 6 {
		sent += len(w.forgot("Mary"))
	}
	if sent != 3 {
		t.Errorf("%d links in an hour", sent)
	}
}

// TestAResetAsksForTheSecondFactor, and removing that is told by mail.
func TestAResetAsksForTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.confirmed(address)
	_, factor := w.Enrol(w.mary)
	w.Wait(time.Hour)
	code := w.forgot("Mary")[0]
	_, err := w.reset(code, "another password", "")
	if e, ok := errors.AsType[*chat.Error](err); !ok || e.Details == nil || e.Details.Kind != chat.NeedsCode {
		t.Errorf("without a code: %v", err)
	}
	_, err = w.reset(code, "another password", "123456")
	chattest.Refused(t, "a wrong code", err, chat.ErrForbidden)
	_, err = w.reset(code, "another password", factor.Recovery[0])
	w.Must("with a recovery code", err)
	w.got()
	owner := w.Person("Owner", chat.RoleOwner)
	_, err = w.ResetFactor(ctx, owner, chat.UserInput{User: w.mary.User.ID})
	w.Must("reset the factor", err)
	if all := w.got(); len(all) != 1 || !strings.HasPrefix(all[0].Header.Get("Subject"), "Second factor") {
		t.Errorf("warned by %+v", all)
	}
}

// TestALogInFromElsewhereIsTold, but not one from a device or an address that
// is known.
func TestALogInFromElsewhereIsTold(t *testing.T) {
	w := newWorld(t)
	w.confirmed(address)
	for _, c := range []struct {
		agent, device, addr string
		told                bool
	}{
		{"Firefox", "a", "192.0.2.1", true},
		{"Firefox", "a", "192.0.2.2", false},
		{"Opera", "b", "192.0.2.2", false},
		{"curl <script>", "", "198.51.100.7", true},
		{"Firefox", "c", "203.0.113.1", true},
		{"Firefox", "c", "203.0.113.2", false},
	} {
		w.Wait(time.Hour)
		_, err := w.LogIn(t.Context(), chat.Caller{Agent: c.agent, Device: c.device, Addr: c.addr},
			chat.LogInInput{Name: "Mary", Password: chattest.Password})
		w.Must("log in", err)
		all := w.got()
		switch {
		case !c.told && len(all) > 0:
			t.Errorf("%+v: %+v", c, all)
		case c.told && (len(all) != 1 || all[0].To != address ||
			!strings.Contains(all[0].Text, c.addr) || !strings.Contains(all[0].Text, c.agent) ||
			strings.Contains(all[0].HTML, "<script>")):
			t.Errorf("%+v: %+v", c, all)
		}
	}
}
