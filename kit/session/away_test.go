package session

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

// serve sends one request with a session's cookie through the middleware.
func serve(m *Manager[login], tok string, handle http.HandlerFunc) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: m.opt.Cookie.FullName(), Value: tok})
	w := httptest.NewRecorder()
	m.Handler(handle).ServeHTTP(w, r)
	return w
}

func unreachable(t *testing.T) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { t.Error("the handler ran without knowing who asks") }
}

// calls are all that a manager asks of Redis. Each must fail with an error that
// is none of the package's answers.
func calls(m *Manager[login], s *Session[login]) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"create":  func(ctx context.Context) error { _, err := m.Create(ctx, "ada", login{}); return err },
		"load":    func(ctx context.Context) error { _, err := m.Load(ctx, s.Token()); return err },
		"touch":   func(ctx context.Context) error { return m.Touch(ctx, s.ID()) },
		"reload":  func(ctx context.Context) error { return s.Reload(ctx) },
		"save":    func(ctx context.Context) error { s.Data.Views++; return s.Save(ctx) },
		"renew":   func(ctx context.Context) error { return s.Renew(ctx) },
		"destroy": func(ctx context.Context) error { return s.Destroy(ctx) },
		"list": func(ctx context.Context) (failure error) {
			for _, err := range m.List(ctx, "ada") {
				failure = err
			}
			return failure
		},
		"revoke": func(ctx context.Context) error { return m.Revoke(ctx, "ada", s.ID()) },
		"all":    func(ctx context.Context) error { _, err := m.RevokeAll(ctx, "ada"); return err },
		"gone":   func(ctx context.Context) error { _, err := m.Gone(ctx, s.ID()); return err },
	}
}

func wantAway(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	for _, answer := range []error{ErrNotFound, ErrConflict, ErrRevoked, ErrUnannounced} {
		if strings.Contains(err.Error(), answer.Error()) {
			t.Errorf("%s: an absent Redis was taken for an answer: %v", name, err)
		}
	}
}

func TestRedisDown(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	m := newManager(t, srv.Client(t), Options[login]{})
	s := mustCreate(t, m, "ada", login{})
	srv.Kill()
	for name, call := range calls(m, s) {
		err := call(t.Context())
		wantAway(t, name, err)
		if !errors.Is(err, kit.ErrUnavailable) {
			t.Errorf("%s: %v is not ErrUnavailable", name, err)
		}
	}
	w := serve(m, s.Token(), unreachable(t))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
		w.Header().Get("Set-Cookie") != "" ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}

	chosen := newManager(t, m.client,
		Options[login]{ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			wantAway(t, "middleware", err)
			w.WriteHeader(http.StatusTeapot)
		}})
	if w := serve(chosen, s.Token(), unreachable(t)); w.Code != http.StatusTeapot {
		t.Errorf("got %d", w.Code)
	}
	// Whoever shows no token needs no Redis.
	if w := serve(m, "", func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}); w.Code != http.StatusNoContent {
		t.Errorf("a stranger got %d", w.Code)
	}
}

// The connection breaks between reading and saving: the handler's answer, which
// claims success, must not go out.
func TestRedisLostInsideRequest(t *testing.T) {
	srv := redistest.Start(t)
	m := newManager(t, srv.Client(t), Options[login]{})
	s := mustCreate(t, m, "ada", login{})
	w := serve(m, s.Token(), func(w http.ResponseWriter, r *http.Request) {
		m.FromContext(r.Context()).Data.Views = 1
		srv.Kill()
		_, _ = w.Write([]byte("saved"))
	})
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "saved") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// A Redis that neither answers nor closes: every call ends at its deadline, or
// at Options.Timeout without one.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	m := newManager(t, srv.Client(t), Options[login]{Timeout: 100 * time.Millisecond})
	s := mustCreate(t, m, "ada", login{})
	srv.Pause()
	defer srv.Resume()
	for name, call := range calls(m, s) {
		done := make(chan error, 1)
		go func() { done <- call(context.Background()) }()
		select {
		case err := <-done:
			wantAway(t, name, err)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s hangs", name)
		}
	}
}

func TestScriptFlush(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		m := newManager(t, client, Options[login]{})
		s := mustCreate(t, m, "ada", login{})
		flush := func() {
			for _, node := range client.Nodes() {
				do(t, node, "SCRIPT", "FLUSH")
			}
		}
		order := []string{"load", "touch", "save", "renew", "reload", "list", "create", "destroy",
			"all", "gone"}
		all := calls(m, s)
		for _, name := range order {
			flush()
			if err := all[name](t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// With a full Redis nobody can log in and nothing is saved, but who is logged
// in stays so and can log out.
func TestRedisFull(t *testing.T) {
	srv := redistest.Start(t)
	client := srv.Client(t)
	m := newManager(t, client, Options[login]{TouchInterval: time.Nanosecond})
	s := mustCreate(t, m, "ada", login{})
	do(t, client, "CONFIG", "SET", "maxmemory", "1")
	do(t, client, "CONFIG", "SET", "maxmemory-policy", "noeviction")

	loaded := mustLoad(t, m, s.Token())
	_, err := m.Create(t.Context(), "ada", login{})
	wantAway(t, "create", err)
	loaded.Data.Views = 1
	wantAway(t, "save", loaded.Save(t.Context()))
	wantAway(t, "renew", loaded.Renew(t.Context()))
	if got := mustLoad(t, m, s.Token()); got.Data.Views != 0 {
		t.Error("a refused save was written")
	}
	if got := ids(t, m, "ada"); !slices.Equal(got, []string{s.ID()}) {
		t.Errorf("listed %v", got)
	}
	wantNoError(t, loaded.Destroy(t.Context()))
	_, err = m.Load(t.Context(), s.Token())
	wantError(t, err, ErrNotFound)

	do(t, client, "CONFIG", "SET", "maxmemory", "0")
	mustCreate(t, m, "ada", login{})
}

func TestDeniedCommands(t *testing.T) {
	redistest.Since(t, "6.2") // older ones know no rules for channels
	srv := redistest.Start(t)
	admin := srv.Client(t)
	good := newManager(t, admin, Options[login]{})
	limited := func(user string, rules ...string) *Manager[login] {
		t.Helper()
		do(t, admin, append([]string{"ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all"}, rules...)...)
		option := srv.Option()
		option.Username, option.Password = user, "pw"
		c, err := rueidis.NewClient(option)
		wantNoError(t, err)
		t.Cleanup(c.Close)
		return newManager(t, c, Options[login]{})
	}

	t.Run("scripts", func(t *testing.T) {
		m := limited("noscript", "-evalsha", "-eval", "-exists")
		s := mustCreate(t, good, "ada", login{})
		s.m = m
		for name, call := range calls(m, s) {
			wantAway(t, name, call(t.Context()))
		}
		mustLoad(t, good, s.Token())
	})
	t.Run("deleting", func(t *testing.T) {
		m := limited("nodel", "-del")
		s := mustCreate(t, good, "ada", login{})
		wantAway(t, "destroy", mustLoad(t, m, s.Token()).Destroy(t.Context()))
		_, err := m.RevokeAll(t.Context(), "ada")
		wantAway(t, "revoke", err)
		if !slices.Contains(ids(t, good, "ada"), s.ID()) {
			t.Error("a session that works is not listed")
		}
		_, err = good.RevokeAll(t.Context(), "ada")
		wantNoError(t, err)
		_, err = good.Load(t.Context(), s.Token())
		wantError(t, err, ErrNotFound)
	})
	t.Run("announcing", func(t *testing.T) {
		m := limited("nochannel", "resetchannels")
		s := mustCreate(t, good, "ada", login{})
		ended, err := m.RevokeAll(t.Context(), "ada")
		wantError(t, err, ErrUnannounced)
		if !slices.Equal(ended, []string{s.ID()}) {
			t.Errorf("ended %v", ended)
		}
		_, err = good.Load(t.Context(), s.Token())
		wantError(t, err, ErrNotFound)
		if left := ids(t, good, "ada"); left != nil {
			t.Errorf("left %v", left)
		}
	})
}
