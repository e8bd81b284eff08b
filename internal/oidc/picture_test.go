package oidc_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// pictures is a [chat.FileStore] that takes pictures, and forgets them.
type pictures struct{ chat.FileStore }

func (pictures) SaveAvatar(_ context.Context, _ string, r io.Reader, _ int64) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// TestPicture: a provider's picture is taken for who has none, from the
// provider's own host or a public address.
func TestPicture(t *testing.T) {
	f := newFixture(t, "sign-up = true\n")
	var inside atomic.Int64
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside.Add(1)
	}))
	t.Cleanup(private.Close)
	f.provider.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/away.png":
			http.Redirect(w, r, private.URL, http.StatusFound)
		case "/ada.png":
			io.WriteString(w, "a picture")
		default:
			return false
		}
		return true
	})
	logIn := func(picture string) chat.UserID {
		t.Helper()
		f.provider.Is(with(ada, "picture", picture), nil)
		b := f.browser()
		b.logIn()
		return b.user().ID
	}
	// It is fetched beside the log-in: nothing else tells when that is done.
	soon := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within 20 s\n%s", what, f.log)
			}
		}
	}
	refusals := func() int { return strings.Count(f.log.String(), "no picture from a provider") }
	var id chat.UserID
	for i, address := range []string{private.URL + "/secret", f.provider.URL + "/away.png", "file:///etc/passwd",
		"http://127.0.0.1:1/", "://"} {
		id = logIn(address)
		soon(address, func() bool { return refusals() == i+1 })
	}
	picture := func() string {
		account, err := f.Store.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return account.Picture
	}
	if n := inside.Load(); n > 0 || picture() != "" {
		t.Errorf("%d requests inside, picture %q", n, picture())
	}
	logIn(f.provider.URL + "/ada.png")
	soon("her picture", func() bool { return picture() != "" })
	first := picture()
	logIn(f.provider.URL + "/ada.png")
	f.handler.Close()
	if now := picture(); now != first {
		t.Errorf("a picture that is there was replaced: %q, was %q", now, first)
	}
}
