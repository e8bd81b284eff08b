package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func TestDocument(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"Hello, World!":           "hello world ",
		"Café ÀÉÎ straße I\u0307": "cafe aei straße i ",
		"東京都":                     "東京 京都 都 ",
		"Go言語で書く。":                "go 言語 語で で書 書く く ",
		"ｶﾞﾗｽ ＡＢＣ１２":              "ガラ ラス ス abc12 ",
		"안녕하세요 여러분":               "안녕 녕하 하세 세요 요 여러 러분 분 ",
		"สวัสดี":                  "สว วั ัส สด ดี ี ",
		"don't a_b user@host.com": "don t a b user host com ",
		"हिन्दी":                  "हिनदी ",
		"🎉 -- \x00 \xff":          "",
	} {
		if got := document(text); got != want {
			t.Errorf("document(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestExpression(t *testing.T) {
	for query, want := range map[string]string{
		"":                   "",
		"?!":                 "",
		"Hel":                `"hel"*`,
		"hello wor":          `"hello"* AND "wor"*`,
		"東":                  `"東"*`,
		"東京":                 `"東京"`,
		"東京都 go":             `"東京 京都" AND "go"*`,
		`" OR NEAR(x) * ^a:`: `"or"* AND "near x"* AND "a"*`,
		"10.100.200.101":     `"10 100 200 101"*`,
		"00:11:22:33:44:55":  `"00 11 22 33 44 55"*`,
		`"the end" the the`:  `"the end" AND "the"*`,
		"“Ende” 🎉":           `"ende"`,
		"v2言語go":             `"v2 言語 語 go"*`,
	} {
		if got := expression((&chat.Query{Text: query}).Terms()); got != want {
			t.Errorf("expression(%q) = %q, want %q", query, got, want)
		}
	}
}

// searchTest is a store with rooms to be searched.
type searchTest struct {
	*testing.T
	*Store
	dir string
}

func (x *searchTest) reopen() {
	x.Helper()
	if x.Store != nil {
		if err := x.Close(); err != nil {
			x.Fatal(err)
		}
	}
	x.Store = openTest(x, x.dir, Options{})
}

func (x *searchTest) send(room chat.RoomID, texts ...string) {
	x.Helper()
	stream := chat.RoomStream(room)
	if _, err := x.Commit(x.Context(),
		chat.Change{Stream: stream, ID: "r" + string(room),
			Op: chat.CreateRoom{Room: chat.Room{ID: room}}},
	); err != nil && !errors.Is(err, chat.ErrConflict) {
		x.Fatal(err)
	}
	for i, text := range texts {
		h, err := x.Heads(x.Context(), stream)
		if err != nil {
			x.Fatal(err)
		}
		c := chat.Change{
			Stream: stream, ID: fmt.Sprintf("%s%06d-%d", room, h[0].Seq, i),
			At: benchTime.Add(time.Duration(h[0].No) * time.Second), Op: chat.CreateMessage{Text: text},
		}
		if _, err := x.Commit(x.Context(), c); err != nil {
			x.Fatal(err)
		}
	}
}

func (x *searchTest) found(query string, rooms ...chat.RoomID) (texts []string) {
	x.Helper()
	found, err := x.Search(x.Context(), rooms, chat.Query{Text: query}, chat.SearchCursor{}, 5)
	if err != nil {
		x.Fatalf("search for %q: %v", query, err)
	}
	for _, m := range found.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

// eventually waits until the query finds the texts.
func (x *searchTest) eventually(query string, rooms []chat.RoomID, want ...string) {
	x.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		got := x.found(query, rooms...)
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			x.Fatalf("%q finds %q, want %q", query, got, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestSearch(t *testing.T) {
	x := &searchTest{T: t, dir: t.TempDir()}
	x.reopen()
	a, both := []chat.RoomID{"a"}, []chat.RoomID{"a", "b", "none"}
	x.send("a", "Hello world", "東京都に住んでいます", "Das Café schließt", "hello again", "京都と東京",
		"helicopter", "last of a")
	x.send("b", "hello from b", "世界、こんにちは", "last of b")
	x.eventually("last", both, "last of a", "last of b")
	for query, want := range map[string][]string{
		"hello":       {"hello again", "hello from b", "Hello world"},
		"HELLO world": {"Hello world"},
		"hel":         {"helicopter", "hello again", "hello from b", "Hello world"},
		"ello":        nil,
		"cafe":        {"Das Café schließt"},
		"schließt":    {"Das Café schließt"},
		"東京都":         {"東京都に住んでいます"},
		"東京":          {"京都と東京", "東京都に住んでいます"},
		"京都":          {"京都と東京", "東京都に住んでいます"},
		"京":           {"京都と東京", "東京都に住んでいます"},
		"界":           {"世界、こんにちは"},
		"都東":          nil,
		"世界こんにちは":     nil, // a run is searched as it stands
		"世界 こんにちは":    {"世界、こんにちは"},
		"":            nil,
		"!!":          nil,
	} {
		if got := x.found(query, both...); !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", query, got, want)
		}
	}
	if got := x.found("hello", "b"); !slices.Equal(got, []string{"hello from b"}) {
		t.Errorf("in b alone: %q", got)
	}
	if got := x.found("hello"); got != nil {
		t.Errorf("in no room: %q", got)
	}

	// The index goes on where it was, is built again where it is gone, broken
	// or of another store.
	index := filepath.Join(x.dir, "search.db")
	x.reopen()
	x.send("a", "hello after opening")
	x.eventually("after", a, "hello after opening")
	for what, harm := range map[string]func() error{
		"gone":   func() error { return os.Remove(index) },
		"broken": func() error { return os.WriteFile(index, []byte("nothing that could be read"), 0o600) },
		"newer":  func() error { return script(index, "PRAGMA user_version = 99") },
		"ahead": func() error {
			return script(index,
				"UPDATE indexed SET event = 'another' WHERE room = 1")
		},
		"beyond": func() error { return script(index, "UPDATE indexed SET no = no + 3") },
		"other":  func() error { return script(index, "INSERT INTO indexed VALUES (77, 3, 'x')") },
		"behind": func() error { return script(index, "DELETE FROM indexed; DELETE FROM words") },
	} {
		t.Run(what, func(t *testing.T) {
			x := &searchTest{T: t, Store: x.Store, dir: x.dir}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			if err := harm(); err != nil {
				t.Fatal(err)
			}
			x.Store = openTest(t, x.dir, Options{})
			x.eventually("hello", a, "hello after opening", "hello again", "Hello world")
		})
	}
}

func script(path, sql string) error {
	c, err := open(path)
	if err != nil {
		return err
	}
	return errors.Join(c.script(sql), c.close())
}

// Nothing that is typed is a syntax error, and every text is found by its own
// beginning.
func TestSearchAnything(t *testing.T) {
	c, err := open(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.script(searchSchema); err != nil {
		t.Fatal(err)
	}
	id := int64(0)
	letters := rapid.SampledFrom([]rune("abcZÉßı０Ａ東京都日本語ーがガ안녕ไทย '\"*()^:-+_🎉\x00\u0301\u200d"))
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringOfN(letters, 1, 12, -1).Draw(r, "text")
		id++
		if _, err := c.exec("INSERT INTO words (rowid, text) VALUES (?, ?)", id, document(text)); err != nil {
			r.Fatal(err)
		}
		cut := rapid.IntRange(1, utf8.RuneCountInString(text)).Draw(r, "cut")
		query := string([]rune(text)[:cut])
		if match := expression((&chat.Query{Text: query}).Terms()); match != "" {
			found, err := c.one("SELECT rowid FROM words WHERE words MATCH ? AND rowid = ?", match, id)
			if err != nil {
				r.Fatalf("%q as %s: %v", query, match, err)
			}
			if found == nil {
				r.Fatalf("%q as %s does not find %q as %q", query, match, text, document(text))
			}
		}
	})
}

// TestPhrases: numbers, addresses and what is quoted are found as they are
// written.
func TestPhrases(t *testing.T) {
	x := &searchTest{T: t, dir: t.TempDir()}
	x.reopen()
	a := []chat.RoomID{"a"}
	x.send("a", "101 people, 10 of 200, 100 km", "ping 10.100.200.101 now", "55:44:33:22:11:00",
		"00:11:22:33:44:55 is mine", "the exact phrase", "a phrase that is exact")
	x.eventually("phrase", a, "a phrase that is exact", "the exact phrase")
	for query, want := range map[string]string{
		"10.100.200.101": "ping 10.100.200.101 now", "10.100.200.10": "ping 10.100.200.101 now",
		"00:11:22:33:44:55": "00:11:22:33:44:55 is mine", `"exact phrase"`: "the exact phrase",
	} {
		x.eventually(query, a, want)
	}
}

// TestPhrasesAsAPlainScan: the index finds what reading all texts finds.
func TestPhrasesAsAPlainScan(t *testing.T) {
	c, err := open(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.script(searchSchema); err != nil {
		t.Fatal(err)
	}
	var texts []string
	rapid.Check(t, func(r *rapid.T) {
		texts = append(texts, chattest.Text(r))
		id := int64(len(texts))
		if _, err := c.exec("INSERT INTO words (rowid, text) VALUES (?, ?)", id,
			document(texts[id-1])); err != nil {
			r.Fatal(err)
		}
		query, wanted := chattest.Query(r)
		match := expression((&chat.Query{Text: query}).Terms())
		if match == "" {
			return
		}
		found, err := many(c, func(r row) int64 { return r.num(0) },
			"SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid", match)
		if err != nil {
			r.Fatalf("%q as %s: %v", query, match, err)
		}
		var want []int64
		for i, text := range texts {
			if wanted(text) {
				want = append(want, int64(i+1))
			}
		}
		if !slices.Equal(found, want) {
			r.Fatalf("%q as %s finds %v, want %v of %q", query, match, found, want, texts)
		}
	})
}

// TestSearchesKeepToThemselves: however many searches wait for the index,
// others read.
func TestSearchesKeepToThemselves(t *testing.T) {
	x := &searchTest{T: t, dir: t.TempDir()}
	x.reopen()
	x.send("a", "text")
	x.eventually("text", []chat.RoomID{"a"}, "text")
	ctx, cancel := context.WithCancel(t.Context())
	for range findConns { // taken by searches that do not end
		c, err := x.search.find.acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer x.search.find.release(c)
	}
	var searches sync.WaitGroup
	for range 12 {
		searches.Go(func() {
			if _, err := x.Store.Search(ctx, []chat.RoomID{"a"}, chat.Query{Text: "text"}, chat.SearchCursor{},
				5); !errors.Is(err, chat.ErrUnavailable) {
				t.Errorf("a search that could not begin: %v", err)
			}
		})
	}
	for range 200 {
		if _, err := x.Messages(t.Context(), "a", chat.Page{Limit: 1}); err != nil {
			t.Fatal(err)
		}
		// The indexer may hold one.
		if n := len(x.readers.free) + len(x.readers.tokens); n < cap(x.readers.tokens)-1 {
			t.Fatalf("searches hold %d of the connections of others", cap(x.readers.tokens)-n)
		}
	}
	cancel()
	searches.Wait()
}

// TestSurveyIsRepeated: a first survey that fails is tried again until the
// index is complete.
func TestSurveyIsRepeated(t *testing.T) {
	dir := t.TempDir()
	x := &annotationTest{TB: t, Store: openTest(t, dir, Options{})}
	x.fill("a")

	// An empty database stands for one that cannot be read for a moment.
	store := newPool(filepath.Join(t.TempDir(), "empty.db"), 1)
	defer store.close()
	s, err := openSearch(filepath.Join(dir, "another.db"), &store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.retry = time.Millisecond
	if err := s.survey(); err == nil {
		t.Fatal("the survey of an empty database did not fail")
	}
	var done sync.WaitGroup
	done.Go(s.run)
	c, err := store.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.close()
	store.path = x.readers.path // nobody else uses the pool now: its only connection is here
	store.tokens <- struct{}{}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		n := int64(0)
		if err := s.find.read(t.Context(), func(c *conn) error {
			r, err := c.one("SELECT count(*) FROM words")
			n = r.first()
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if n == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the index knows %d messages, not 3", n)
		}
	}
	s.stop()
	done.Wait()
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
