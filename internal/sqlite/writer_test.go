package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestForgottenSends: after a batch that failed, and whose sends could not be
// read again, a repeated send is still known.
func TestForgottenSends(t *testing.T) {
	c, err := openWriter(filepath.Join(t.TempDir(), "parley.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	w, err := newWriter(c, "epoch", Options{generation: 2})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(op chat.Operation, id string) chat.Result {
		t.Helper()
		x := &call{ctx: t.Context(), changes: []chat.Change{{Stream: "room:a", ID: id, At: benchTime,
			By: "u", Op: op}}, results: make([]chat.Result, 1)}
		w.write([]*call{x})
		if x.err != nil {
			t.Fatal(x.err)
		}
		return x.results[0]
	}
	send := func(id, client string) chat.Result {
		t.Helper()
		return commit(chat.CreateMessage{From: "u", Text: "text", Device: "d", ClientID: client}, id)
	}
	commit(chat.CreateRoom{Room: chat.Room{ID: "a", Kind: chat.Public}}, "made")
	send("m1", "c1")
	send("m2", "c2") // two are a generation here

	// The disk fails for a moment, for writing and for reading: for as long as
	// a table is not there.
	bad := &call{ctx: t.Context(), run: func(c *conn) error {
		if err := c.script("ROLLBACK; ALTER TABLE dedupe_segments RENAME TO away"); err != nil {
			t.Fatal(err)
		}
		return errors.New("disk I/O error")
	}}
	if w.write([]*call{bad}); bad.err == nil {
		t.Fatal("the batch did not fail")
	}
	early := &call{ctx: t.Context(), ping: true}
	if w.write([]*call{early}); early.err == nil {
		t.Error("a batch was written without knowing what was sent before")
	}
	if err := c.script("ALTER TABLE away RENAME TO dedupe_segments"); err != nil {
		t.Fatal(err)
	}
	if r := send("m3", "c1"); !r.Duplicate || r.Event.ID != "m1" {
		t.Errorf("a repeated send was written again: %+v", r)
	}
}
