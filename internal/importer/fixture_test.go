package importer_test

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/files"
	"github.com/parley-chat/parley/internal/importer"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// onStores runs a test on the model and on both stores.
func onStores(t *testing.T, test func(t *testing.T, open func() chat.Store)) {
	t.Run("model", func(t *testing.T) {
		test(t, func() chat.Store { return chattest.NewModel(nil) })
	})
	t.Run("embedded", func(t *testing.T) {
		test(t, func() chat.Store {
			s, err := sqlite.Open(t.Context(), t.TempDir(),
				sqlite.Options{Log: slog.New(slog.DiscardHandler)})
			chattest.Must(t, "open", err)
			t.Cleanup(func() { s.Close() })
			return s
		})
	})
	t.Run("redis", func(t *testing.T) {
		redis := redistest.Start(t)
		n := 0
		test(t, func() chat.Store {
			n++
			s, err := redisstore.Open(t.Context(), redis.Client(t),
				redisstore.Options{Prefix: fmt.Sprint("chat", n)})
			chattest.Must(t, "open", err)
			t.Cleanup(func() { s.Close() })
			return s
		})
	})
}

// server returns a chat with files on a store.
func server(t *testing.T, store chat.Store) *chattest.Fixture {
	t.Helper()
	dir, err := blob.OpenDir(t.TempDir())
	chattest.Must(t, "open files", err)
	kept := files.New(dir)
	t.Cleanup(func() { kept.Close() })
	return chattest.New(t, func(c *chat.Config) {
		c.Files = kept
		if store != nil {
			c.Store = store
		}
	})
}

// run imports, and checks that the counts add up.
func run(t *testing.T, i importer.Importer) *importer.Report {
	t.Helper()
	defer i.From.Close()
	r, err := i.Run(t.Context())
	chattest.Must(t, "import", err)
	addUp(t, r)
	return r
}

func addUp(t *testing.T, r *importer.Report) {
	t.Helper()
	if len(r.Counts) != len(archive.Kinds) {
		t.Fatalf("%d kinds are counted, want %d", len(r.Counts), len(archive.Kinds))
	}
	out := map[archive.Kind]int{}
	for _, reason := range r.Reasons {
		if reason.LeftOut {
			out[reason.Kind] += reason.Count
		}
	}
	for _, c := range r.Counts {
		if c.Read != c.Taken+c.Unchanged+c.LeftOut || c.LeftOut != out[c.Kind] || c.Changed > c.Taken {
			t.Errorf("the counts do not add up: %+v, with %d left out for reasons", c, out[c.Kind])
		}
	}
}

// tree is the files of an export by their paths: bytes, or what is written as
// JSON.
type tree map[string]any

// zip writes the files into a zip file.
func (f tree) zip(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.zip")
	out, err := os.Create(path)
	chattest.Must(t, "create", err)
	z := zip.NewWriter(out)
	for name, content := range f {
		data, ok := content.([]byte)
		if !ok {
			data, err = json.Marshal(content)
			chattest.Must(t, "encode", err)
		}
		w, err := z.Create(name)
		chattest.Must(t, "add", err)
		_, err = w.Write(data)
		chattest.Must(t, "write", err)
	}
	chattest.Must(t, "close", z.Close())
	chattest.Must(t, "close", out.Close())
	return path
}

// said returns all messages of a room.
func said(t *testing.T, s *chattest.Fixture, room chat.RoomID) []chat.Message {
	t.Helper()
	messages, err := s.Store.Messages(t.Context(), room, chat.Page{From: chat.After, Limit: 10_000})
	chattest.Must(t, "read messages", err)
	return messages
}

// named returns the room with that name.
func named(t *testing.T, s *chattest.Fixture, name string) chat.Room {
	t.Helper()
	rooms, err := s.Store.Rooms(t.Context(), "", 1000)
	chattest.Must(t, "read rooms", err)
	for _, r := range rooms {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("there is no room %q in %+v", name, rooms)
	return chat.Room{}
}
