package session

import (
	"errors"
	"net/http"
	"testing"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestParallelChanges changes other members of the same session in two
// requests: both are saved. A member that both changed is a conflict.
func TestParallelChanges(t *testing.T) {
	m := newManager(t, redistest.Single(t).Client(t), Options[login]{})
	tok := mustCreate(t, m, "ada", login{Device: "phone"}).Token()
	first, second, third := mustLoad(t, m, tok), mustLoad(t, m, tok), mustLoad(t, m, tok)
	fourth := mustLoad(t, m, tok)
	first.Data.Views = 7
	second.Data.Device = "laptop"
	third.Data.Views, third.Data.Device = 7, "laptop" // what the others did as well
	wantNoError(t, first.Save(t.Context()))
	wantNoError(t, second.Save(t.Context()))
	wantNoError(t, third.Save(t.Context()))
	for _, got := range []login{mustLoad(t, m, tok).Data, second.Data, third.Data} {
		if got.Device != "laptop" || got.Views != 7 {
			t.Errorf("%+v", got)
		}
	}
	fourth.Data.Views = 8
	wantError(t, fourth.Save(t.Context()), ErrConflict)
}

func TestMergeMembers(t *testing.T) {
	for _, c := range []struct{ base, mine, theirs, want string }{
		{`{"a":1,"b":1}`, `{"a":2,"b":1}`, `{"a":1,"b":2}`, `{"a":2,"b":2}`},
		{`{"a":1,"b":1}`, `{"b":1}`, `{"a":1,"b":2}`, `{"b":2}`},
		{`{"a":1}`, `{"a":1}`, `{}`, `{}`},
		{`{}`, `{"a":1}`, `{"a":1}`, `{"a":1}`},
		{`{}`, `{"a":1}`, `{"a":2}`, ""},
		{`{"a":1}`, `{}`, `{"a":2}`, ""},
		{`{"a":1}`, `{"a":2}`, `{}`, ""},
		{`1`, `2`, `3`, ""},
		{`null`, `{"a":1}`, `{"b":1}`, ""},
	} {
		got, err := mergeMembers([]byte(c.base), []byte(c.mine), []byte(c.theirs))
		if string(got) != c.want || (c.want == "") != errors.Is(err, ErrConflict) {
			t.Errorf("%s, %s, %s: %s, %v", c.base, c.mine, c.theirs, got, err)
		}
	}
}

// TestDegrade serves a page without a session while Redis is away, and asks it
// only now and then.
func TestDegrade(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	m := newManager(t, srv.Client(t), Options[login]{Degrade: true})
	s := mustCreate(t, m, "ada", login{})
	page := func(w http.ResponseWriter, r *http.Request) {
		err := m.Degraded(r.Context())
		if m.FromContext(r.Context()) != nil || !errors.Is(err, kit.ErrUnavailable) {
			t.Errorf("session %v, %v", m.FromContext(r.Context()), err)
		}
		w.WriteHeader(http.StatusNoContent)
	}
	srv.Pause()
	for range 100 { // without the breaker ten seconds
		if w := serve(m, s.Token(), page); w.Code != http.StatusNoContent {
			t.Fatalf("got %d", w.Code)
		}
	}
	if !m.breaker.Open() {
		t.Error("every request waits for Redis")
	}
	srv.Resume()
	for known := false; !known; {
		serve(m, s.Token(), func(w http.ResponseWriter, r *http.Request) {
			known = m.FromContext(r.Context()) != nil
		})
	}
}
