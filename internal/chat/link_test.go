package chat_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// web is what there is to look at.
type web struct {
	mu    sync.Mutex
	pages map[string]chat.Preview
	known map[string]bool
	busy  bool
	looks int
}

func (w *web) Known(_ context.Context, link string) (chat.Preview, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known[link] {
		return chat.Preview{}, false, nil
	}
	p, ok := w.pages[link]
	if !ok {
		return p, true, chat.ErrNotFound
	}
	return p, true, nil
}

func (w *web) Look(_ context.Context, link string) (chat.Preview, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looks++; w.busy {
		return chat.Preview{}, chat.ErrRateLimited
	}
	w.known[link] = true
	p, ok := w.pages[link]
	if !ok {
		return p, chat.ErrNotFound
	}
	return p, nil
}

func (w *web) Picture(_ context.Context, link string) (chat.Content, error) {
	return chat.Content{ReadSeekCloser: struct {
		io.ReadSeeker
		io.Closer
	}{strings.NewReader("picture of " + link), io.NopCloser(&bytes.Buffer{})}, Type: "image/jpeg",
		Inline: true}, nil
}

func TestPreviews(t *testing.T) {
	pages := &web{known: map[string]bool{}, pages: map[string]chat.Preview{
		"https://a.test/": {URL: "https://a.test/led/here", Title: "A", Image: "https://cdn.test/a.png"},
		"https://b.test/": {Title: "B", Description: "of b"},
	}}
	f := newFixture(t, func(c *chat.Config) {
		c.LinkPreviewer = pages
		c.Limits.Looks = chat.Rate{Limit: 5,
			Window: time.Minute}
	})
	ada, bob, eve := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember),
		f.Person("Eve", chat.RoleOwner)
	room := f.Room(ada, chat.Private, bob)
	m := f.Say(ada, room, "https://b.test/ https://none.test/ [a](https://a.test/)")
	in := chat.MessageInput{Room: room, No: m.No}
	list := func(who chat.Caller) []chat.Preview {
		t.Helper()
		out, err := f.ListPreviews(t.Context(), who, in)
		refused(t, "list", err, nil)
		return out.Previews
	}
	got := list(bob)
	if len(got) != 2 || got[0] != (chat.Preview{URL: "https://b.test/", Title: "B",
		Description: "of b"}) || got[1].URL != "https://a.test/" || got[1].Title != "A" {
		t.Fatalf("%+v", got)
	}
	where := strings.Split(got[1].Image, "/")
	if !strings.HasPrefix(got[1].Image, "/api/v1/rooms/"+string(room)+"/messages/1/previews/") ||
		len(where) != 10 {
		t.Fatalf("the picture is at %q", got[1].Image)
	}
	image := chat.PreviewInput{Room: room, No: m.No, Preview: where[8]}
	open := func(who chat.Caller, in chat.PreviewInput) (string, error) {
		c, err := f.OpenPreview(t.Context(), who, in)
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(c)
		return string(b), err
	}
	if text, err := open(bob, image); err != nil || text != "picture of https://a.test/" {
		t.Errorf("%q, %v", text, err)
	}

	refused(t, "a stranger's list", errOf(f.ListPreviews(t.Context(), eve, in)), chat.ErrNotFound)
	refused(t, "a stranger's picture", errOf(open(eve, image)), chat.ErrNotFound)
	refused(t, "nobody's picture", errOf(open(nobody, image)), chat.ErrUnauthenticated)
	other := bob
	other.Scopes = []string{chat.ScopeSend}
	refused(t, "a token that may not read", errOf(open(other, image)), chat.ErrForbidden)
	refused(t, "no such link", errOf(open(bob,
		chat.PreviewInput{Room: room, No: m.No, Preview: "0123456789abcdef"})), chat.ErrNotFound)

	// Those that are known cost nobody anything; of Bob's five, three are gone.
	for range 10 {
		list(bob)
	}
	if pages.looks != 3 {
		t.Errorf("looked %d times", pages.looks)
	}
	edit := func(text string) {
		t.Helper()
		refused(t, "edit", errOf(f.EditMessage(t.Context(), ada,
			chat.EditInput{Room: room, No: m.No, Text: text})), nil)
	}
	edit("https://1.test https://2.test https://3.test")
	refused(t, "too much", errOf(f.ListPreviews(t.Context(), bob, in)), chat.ErrRateLimited)
	refused(t, "the picture of what is not there any more", errOf(open(bob, image)), chat.ErrNotFound)
	f.Wait(2 * time.Minute)
	if got := list(bob); len(got) != 0 {
		t.Errorf("after the edit: %+v", got)
	}
	edit("https://b.test/")
	if got := list(bob); len(got) != 1 || got[0].Title != "B" {
		t.Errorf("after another: %+v", got)
	}
	edit("https://new.test/ https://b.test/")
	pages.busy = true
	refused(t, "busy", errOf(f.ListPreviews(t.Context(), bob, in)), chat.ErrRateLimited)
	pages.busy = false

	refused(t, "delete", errOf(f.DeleteMessage(t.Context(), ada, in)), nil)
	refused(t, "of a deleted message", errOf(f.ListPreviews(t.Context(), bob, in)), chat.ErrNotFound)

	f.LinkPreviewer = nil
	in.No = f.Say(ada, room, "https://a.test/").No
	if got := list(bob); got == nil || len(got) != 0 {
		t.Errorf("where links are not looked at: %+v", got)
	}
	if info, err := f.Info(t.Context(), nobody, chat.None{}); err != nil || info.Previews {
		t.Errorf("%+v, %v", info, err)
	}
}
