package chat_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func (s *memoryFiles) SaveAvatar(ctx context.Context, id string, r io.Reader, most int64) error {
	_, err := s.Save(ctx, id, r, most)
	return err
}

// crashingStore refuses changes to accounts while it is down, before or after
// it has made them.
type crashingStore struct {
	chat.Store
	before, after bool
}

func (c *crashingStore) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if c.before && changes[0].Kind() == chat.UserUpdated {
		return nil, chat.ErrUnavailable
	}
	r, err := c.Store.Commit(ctx, changes...)
	if c.after && changes[0].Kind() == chat.UserUpdated {
		return nil, chat.ErrUnavailable
	}
	return r, err
}

func TestPicturesOfPeople(t *testing.T) {
	stored, store := &memoryFiles{kept: map[string][]byte{}}, &crashingStore{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Files, c.Store, c.Limits.File = stored, store, 100 })
	ctx := t.Context()
	ada, ben, gus := f.Person("Ada", chat.RoleMember), f.Person("Ben", chat.RoleMember),
		f.Person("Gus", chat.RoleGuest)
	open := func(who chat.Caller, v string) (string, error) {
		id, content, err := f.OpenPicture(ctx, who, chat.PictureInput{User: ada.User.ID, V: v})
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(content)
		if v != "" && id != v {
			t.Errorf("asked for %s, got %s", v, id)
		}
		return string(b), errors.Join(err, content.Close())
	}
	set := func(body string) chat.User {
		t.Helper()
		u, err := f.SetPicture(ctx, ada, strings.NewReader(body))
		if err != nil || u.Picture == "" || u != f.update(ada, chat.UpdateAccountInput{}) {
			t.Fatalf("set: %+v, %v", u, err)
		}
		return u
	}
	// Nothing is kept but the picture, and nothing says that more is, but
	// lately.
	tidy := func(what string, want ...string) {
		t.Helper()
		f.Wait(4 * time.Hour)
		refused(t, "maintain", f.Maintain(ctx), nil)
		records, err := f.Store.Records(ctx, "face", "", 10)
		if err != nil || len(records) > 0 || len(stored.kept) != len(want) {
			t.Errorf("%s: kept %v, records %v, %v", what, stored.kept, records, err)
		}
		for _, id := range want {
			if _, there := stored.kept[id]; !there {
				t.Errorf("%s: %s is gone", what, id)
			}
		}
	}
	refused(t, "no picture", errOf(open(ben, "")), chat.ErrNotFound)
	first := set("one")
	for _, v := range []string{"", first.Picture} {
		if body, err := open(ben, v); body != "one" || err != nil {
			t.Errorf("with v=%q: %q, %v", v, body, err)
		}
	}
	refused(t, "another one", errOf(open(ben, "01OTHER")), chat.ErrNotFound)
	refused(t, "a guest who does not meet her", errOf(open(gus, first.Picture)), chat.ErrNotFound)
	refused(t, "nobody", errOf(open(nobody, first.Picture)), chat.ErrUnauthenticated)
	f.Room(ada, chat.Private, gus)
	refused(t, "a guest who does", errOf(open(gus, first.Picture)), nil)
	tidy("the first", first.Picture)

	second := set("two")
	if second.Picture == first.Picture || len(stored.kept) != 1 {
		t.Errorf("%s, then %s, kept %v", first.Picture, second.Picture, stored.kept)
	}
	refused(t, "the first one", errOf(open(ben, first.Picture)), chat.ErrNotFound)
	tidy("the second", second.Picture)

	// What is refused, leaves nothing.
	refused(t, "too large", errOf(f.SetPicture(ctx, ada,
		strings.NewReader(strings.Repeat("x", 101)))), chat.ErrTooLarge)
	refused(t, "nobody's", errOf(f.SetPicture(ctx, nobody, strings.NewReader("x"))), chat.ErrUnauthenticated)
	sender := ada
	sender.Scopes = []string{chat.ScopeSend, chat.ScopeRead}
	refused(t, "by a token that may only send",
		errOf(f.SetPicture(ctx, sender, strings.NewReader("x"))), chat.ErrForbidden)
	tidy("after refusals", second.Picture)

	// Cut short: before the account has it, after, and with the bytes out of
	// reach.
	store.before = true
	refused(t, "cut short before", errOf(f.SetPicture(ctx, ada, strings.NewReader("x"))), chat.ErrUnavailable)
	store.before = false
	if len(stored.kept) != 2 {
		t.Errorf("nobody knows whether it is hers, and it is gone: %v", stored.kept)
	}
	tidy("cut short before", second.Picture)
	store.after = true
	refused(t, "cut short after", errOf(f.SetPicture(ctx, ada, strings.NewReader("three"))),
		chat.ErrUnavailable)
	store.after = false
	third := f.update(ada, chat.UpdateAccountInput{})
	tidy("cut short after", third.Picture)
	if body, err := open(ben, third.Picture); body != "three" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	stored.down = errors.New("the bucket is away")
	fourth := set("four")
	if len(stored.kept) != 2 {
		t.Errorf("kept %v", stored.kept)
	}
	stored.down = nil
	tidy("out of reach", fourth.Picture)

	u, err := f.DeletePicture(ctx, ada, chat.None{})
	if err != nil || u.Picture != "" || len(stored.kept) != 0 {
		t.Errorf("taken away: %+v, %v, kept %v", u, err, stored.kept)
	}
	refused(t, "of one who has none any more", errOf(open(ben, fourth.Picture)), chat.ErrNotFound)
	refused(t, "again", errOf(f.DeletePicture(ctx, ada, chat.None{})), nil)
	tidy("none")

	f.Files = nil
	refused(t, "a server without files", errOf(f.SetPicture(ctx, ada, strings.NewReader("x"))),
		chat.ErrForbidden)
}

// TestPicturesCountAsUploads: they share their limit.
func TestPicturesCountAsUploads(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) {
		c.Files, c.Limits.Uploads = &memoryFiles{kept: map[string][]byte{}},
			chat.Rate{Limit: 2, Window: time.Minute}
	})
	ada := f.Person("Ada", chat.RoleMember)
	refused(t, "a file", errOf(f.Upload(t.Context(), ada, "x", strings.NewReader("x"))), nil)
	refused(t, "a picture", errOf(f.SetPicture(t.Context(), ada, strings.NewReader("x"))), nil)
	refused(t, "one more", errOf(f.SetPicture(t.Context(), ada, strings.NewReader("x"))), chat.ErrRateLimited)
}
