package main

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// TestSearchInsideFiles: a server reads what is inside a file in a process of
// its own, and finds it.
func TestSearchInsideFiles(t *testing.T) {
	p := launch(t, t.TempDir(), "--demo")
	token := p.logIn("Pablo")
	f := p.uploadFile(token, "notes.html", []byte("<p>The <b>zeb</b>ra is striped</p>"))
	p.sendFile(token, f)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var out chat.SearchResult
		if _, err := call(t.Context(), p.URL, "GET", "/search?q=zebra", token, nil, &out); err != nil {
			t.Fatal(err)
		}
		if len(out.Excerpts) == 1 && out.Excerpts[0].File == f.ID {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not found: %+v", out)
		}
	}
}
