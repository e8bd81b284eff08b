package search_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// files is a [chat.FileStore] in memory.
type files map[string][]byte

func (s files) Save(_ context.Context, id string, r io.Reader, _ int64) (chat.File, error) {
	b, err := io.ReadAll(r)
	s[id] = b
	return chat.File{Type: "text/plain", Size: int64(len(b))}, err
}
func (files) SaveAvatar(context.Context, string, io.Reader, int64) error { return nil }
func (s files) Open(_ context.Context, id string, _ int) (chat.Content, error) {
	b, ok := s[id]
	if !ok {
		return chat.Content{}, chat.ErrNotFound
	}
	return chat.Content{ReadSeekCloser: struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}}, nil
}
func (s files) Remove(_ context.Context, ids ...string) error {
	for _, id := range ids {
		delete(s, id)
	}
	return nil
}
func (files) Usage(context.Context) (int64, error) { return 0, nil }

// TestInsideFiles: what is inside a file is found once it is read, with an
// excerpt that says which file it is, by whom it may be read, until the message
// is deleted; a file that cannot be reached is read later.
func TestInsideFiles(t *testing.T) {
	f := newFixture(t, 0)
	f.Files = files{}
	ann, bob := f.Person("Ann", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	eve := f.Person("Eve", chat.RoleMember)
	room := f.Room(ann, chat.Private, bob)
	away := true
	f.index.Read = func(_ context.Context, file chat.File) (string, error) {
		if away {
			return "", chat.ErrUnavailable
		}
		text := string(f.Files.(files)[file.ID])
		if text == "damaged" {
			return "", errors.New("no text")
		}
		return text, nil
	}
	read := func(wantErr error) (n int) {
		t.Helper()
		for {
			more, err := f.index.ReadFile(t.Context())
			if !errors.Is(err, wantErr) {
				t.Fatal(err)
			}
			if !more {
				return n
			}
			n++
		}
	}
	var ids []string
	for _, text := range []string{"the zebra's quarterly numbers", "damaged"} {
		file, err := f.Upload(t.Context(), ann, "report.txt", strings.NewReader(text))
		f.Must("upload", err)
		ids = append(ids, file.ID)
	}
	m, err := f.Send(t.Context(), ann, chat.SendInput{Room: room, Text: "as promised", Files: ids})
	f.Must("send", err)
	f.follow()
	found := func(who chat.Caller, words string) []chat.Excerpt {
		t.Helper()
		out, err := f.Search(t.Context(), who, chat.SearchInput{Text: words})
		f.Must("search", err)
		return out.Excerpts
	}
	if got := found(bob, "zebra"); len(got) != 0 {
		t.Errorf("before it is read: %+v", got)
	}
	read(chat.ErrUnavailable)
	away = false
	if n := read(nil); n != 2 {
		t.Errorf("%d files read", n)
	}
	for _, words := range []string{"zebra", "promised zebra", `"quarterly numbers"`, "quarterly -giraffe"} {
		got := found(bob, words)
		if len(got) != 1 || words == "zebra" &&
			(got[0].File != ids[0] || len(got[0].Parts) < 2 || !got[0].Parts[1].Marked) {
			t.Errorf("%s: %+v", words, got)
		}
	}
	if len(found(eve, "zebra"))+len(found(bob, "promised -zebra")) != 0 {
		t.Error("found by whom it may not, or with what must not be there")
	}
	_, err = f.EditMessage(t.Context(), ann, chat.EditInput{Room: room, No: m.No, Text: "as I said"})
	f.Must("edit", err)
	f.follow()
	f.reopen(nil)
	if n := read(nil); n != 0 || len(found(bob, "said zebra")) != 1 {
		t.Errorf("after an edit %d files are read again", n)
	}
	_, err = f.DeleteMessage(t.Context(), ann, chat.MessageInput{Room: room, No: m.No})
	f.Must("delete", err)
	if len(found(bob, "zebra")) != 0 {
		t.Error("found in what is deleted and not taken out yet")
	}
	f.follow()
	if len(found(bob, "zebra")) != 0 {
		t.Error("found in what is deleted")
	}
}
