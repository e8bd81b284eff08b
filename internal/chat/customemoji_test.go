package chat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// gallery keeps files and takes what begins with "gif" for a picture of so many
// pixels.
type gallery struct {
	*memoryFiles
	side int
}

func (g *gallery) Save(ctx context.Context, id string, r io.Reader, most int64) (chat.File, error) {
	file, err := g.memoryFiles.Save(ctx, id, r, most)
	if strings.HasPrefix(string(g.kept[id]), "gif") {
		file.Type, file.Width, file.Height = "image/gif", g.side, g.side
	}
	return file, err
}

func TestCustomEmoji(t *testing.T) {
	stored, bell := &gallery{&memoryFiles{kept: map[string][]byte{}}, 128}, new(chattest.Bell)
	f := newFixture(t, func(c *chat.Config) { c.Files, c.Bell = stored, bell })
	ctx := t.Context()
	owner, joe, gus := f.Person("Olga", chat.RoleOwner), f.Person("Joe", chat.RoleMember),
		f.Person("Gus", chat.RoleGuest)
	room := f.Room(owner, chat.Private, joe, gus)
	create := func(who chat.Caller, name, alias, body string) (chat.CustomEmoji, error) {
		return f.CreateEmoji(ctx, who, chat.CreateEmojiInput{Name: name, Alias: alias},
			strings.NewReader(body))
	}
	// All that is kept is the pictures of those that there are.
	tidy := func(want ...chat.CustomEmoji) {
		t.Helper()
		f.Wait(4 * time.Hour)
		must(t, "maintain", f.Maintain(ctx))
		records, err := f.Store.Records(ctx, "face", "", 10)
		list, listErr := f.ListEmoji(ctx, gus, chat.None{})
		if errors.Join(err, listErr) != nil || len(records) > 0 || len(stored.kept) != len(want) {
			t.Errorf("kept %d, records %v, %v, %v", len(stored.kept), records, err, listErr)
		}
		if d := cmp.Diff(append([]chat.CustomEmoji{}, want...), list.Emoji); d != "" {
			t.Errorf("emoji (-want +got):\n%s", d)
		}
	}
	tidy()

	parrot, err := create(owner, ":Party_Parrot:", "pparrot", "gif parrot")
	must(t, "create", err)
	if want := (chat.CustomEmoji{Name: "party_parrot", Alias: "pparrot", Picture: parrot.Picture,
		By: owner.User.ID}); parrot != want {
		t.Errorf("got %+v, want %+v", parrot, want)
	}
	if s := bell.Signals(); len(s) != 1 ||
		s[0] != (chat.Signal{Stream: chat.ServerStream, Kind: chat.EmojiChanged, Version: 1}) {
		t.Errorf("signals %+v", s)
	}
	tidy(parrot)

	for what, c := range map[string]struct {
		who               chat.Caller
		name, alias, body string
		want              *chat.Error
	}{
		"a member":            {joe, "blob", "", "gif", chat.ErrForbidden},
		"nobody":              {nobody, "blob", "", "gif", chat.ErrUnauthenticated},
		"the same name":       {owner, "party_parrot", "", "gif", chat.ErrConflict},
		"the alias as a name": {owner, "pparrot", "", "gif", chat.ErrConflict},
		"a name as an alias":  {owner, "blob", "party_parrot", "gif", chat.ErrConflict},
		"twice the same":      {owner, "blob", "blob", "gif", chat.ErrInvalid},
		"a built-in name":     {owner, "tada", "", "gif", chat.ErrConflict},
		"a built-in alias":    {owner, "blob", "joy", "gif", chat.ErrConflict},
		"a skin tone":         {owner, "skin-tone-9", "", "gif", chat.ErrConflict},
		"one letter":          {owner, "q", "", "gif", chat.ErrInvalid},
		"33 letters":          {owner, strings.Repeat("q", 33), "", "gif", chat.ErrInvalid},
		"a time":              {owner, "30", "", "gif", chat.ErrInvalid},
		"markup":              {owner, "a<b>", "", "gif", chat.ErrInvalid},
		"no picture":          {owner, "blob", "", "text", chat.ErrInvalid},
		"257 KiB":             {owner, "blob", "", "gif" + strings.Repeat("x", 256<<10), chat.ErrTooLarge},
	} {
		refused(t, what, errOf(create(c.who, c.name, c.alias, c.body)), c.want)
	}
	stored.side = 257
	refused(t, "257 pixels", errOf(create(owner, "blob", "", "gif")), chat.ErrTooLarge)
	stored.side = 256
	tidy(parrot)

	// Reactions and statuses take it under each of its names, and keep one.
	m := f.Say(joe, room, "hello :party_parrot:")
	at := chat.ReactionInput{Room: room, No: m.No, Emoji: ":pparrot:"}
	m, err = f.AddReaction(ctx, gus, at)
	if err != nil || len(m.Reactions) != 1 || m.Reactions[0].Emoji != ":party_parrot:" {
		t.Fatalf("reacted: %+v, %v", m.Reactions, err)
	}
	for _, text := range []string{":blob:", "party_parrot", ":party_parrot", ":party_parrot::"} {
		at.Emoji = text
		_, err := f.AddReaction(ctx, joe, at)
		if ok := text == ":party_parrot"; ok != (err == nil) {
			t.Errorf("reacting with %s: %v", text, err)
		}
	}
	u := f.update(joe, chat.UpdateAccountInput{Status: &chat.StatusInput{Emoji: ":pparrot:"}})
	if u.Status.Emoji != ":party_parrot:" {
		t.Errorf("status %+v", u.Status)
	}

	open := func(who chat.Caller, name, v string) error {
		id, content, err := f.OpenEmoji(ctx, who, chat.EmojiPictureInput{Name: name, V: v})
		if err == nil && id != parrot.Picture {
			t.Errorf("opened %s", id)
		}
		if err == nil {
			content.Close()
		}
		return err
	}
	must(t, "a guest opens it", open(gus, "party_parrot", parrot.Picture))
	must(t, "by its alias", open(gus, "pparrot", ""))
	refused(t, "nobody opens it", open(nobody, "party_parrot", ""), chat.ErrUnauthenticated)
	refused(t, "another picture", open(gus, "party_parrot", joe.User.Picture+"x"), chat.ErrNotFound)

	// Members, where the owners let them, and then only their own.
	must(t, "members may", errOf(f.UpdateServer(ctx, owner, chat.UpdateServerInput{
		Rights: map[chat.Right]chat.Role{chat.RightEmoji: chat.RoleMember}})))
	refused(t, "a guest", errOf(create(gus, "blob", "", "gif")), chat.ErrForbidden)
	blob, err := create(joe, "blob", "", "gif blob")
	must(t, "a member", err)
	remove := func(who chat.Caller, name string) error {
		return errOf(f.DeleteEmoji(ctx, who, chat.EmojiInput{Name: name}))
	}
	refused(t, "another's", remove(joe, "party_parrot"), chat.ErrForbidden)
	refused(t, "one that is not there", remove(owner, "nothing"), chat.ErrNotFound)
	tidy(blob, parrot)
	must(t, "their own", remove(joe, "blob"))
	must(t, "as an owner", remove(owner, "party_parrot"))
	tidy()

	// Its reactions stay as text, can be taken back, and not be given.
	at.Emoji = ":party_parrot:"
	refused(t, "with one that is no more", errOf(f.AddReaction(ctx, owner, at)), chat.ErrInvalid)
	must(t, "taking it back", errOf(f.RemoveReaction(ctx, joe, at)))
	if m, err = f.RemoveReaction(ctx, gus, at); err != nil || len(m.Reactions) != 0 {
		t.Errorf("%+v, %v", m.Reactions, err)
	}
	refused(t, "again", errOf(f.RemoveReaction(ctx, gus, at)), chat.ErrInvalid)

	log, err := f.ListAudit(ctx, owner, chat.AuditInput{})
	must(t, "audit", err)
	var acts []string
	for _, e := range log.Entries {
		if strings.HasPrefix(e.Action, "emoji.") {
			acts = append(acts, e.Action+" "+e.Detail)
		}
	}
	if d := cmp.Diff([]string{"emoji.delete :party_parrot:", "emoji.delete :blob:", "emoji.create :blob:",
		"emoji.create :party_parrot:"}, acts); d != "" {
		t.Errorf("audit (-want +got):\n%s", d)
	}
}

// TestCustomEmojiAreBounded: there is room for 250, with the longest names.
func TestCustomEmojiAreBounded(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) {
		c.Files, c.Limits = &gallery{&memoryFiles{kept: map[string][]byte{}}, 1}, chattest.Unlimited()
	})
	owner := f.Person("Olga", chat.RoleOwner)
	create := func(i int) error {
		name := fmt.Sprintf("%031d", i)
		in := chat.CreateEmojiInput{Name: name + "n", Alias: name + "a"}
		return errOf(f.CreateEmoji(t.Context(), owner, in, strings.NewReader("gif")))
	}
	for i := range 250 {
		must(t, "create", create(i))
	}
	refused(t, "one more", create(250), chat.ErrConflict)
	r, err := f.Store.Record(t.Context(), "server", "emoji")
	if err != nil || len(r.Value) > 60<<10 {
		t.Errorf("a record of %d bytes, %v", len(r.Value), err)
	}
}

// TestCustomEmojiLeaveNothing: what is cut short before the list has it goes,
// and what is cut short after stays.
func TestCustomEmojiLeaveNothing(t *testing.T) {
	stored := &gallery{&memoryFiles{kept: map[string][]byte{}}, 1}
	store := &cutEmoji{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Files, c.Store = stored, store })
	owner := f.Person("Olga", chat.RoleOwner)
	for _, at := range []string{"before", "after"} {
		store.at = at
		refused(t, at, errOf(f.CreateEmoji(t.Context(), owner, chat.CreateEmojiInput{Name: at},
			strings.NewReader("gif"))), chat.ErrUnavailable)
	}
	store.at = ""
	f.Wait(4 * time.Hour)
	must(t, "maintain", f.Maintain(t.Context()))
	list, err := f.ListEmoji(t.Context(), owner, chat.None{})
	if err != nil || len(list.Emoji) != 1 || list.Emoji[0].Name != "after" || len(stored.kept) != 1 ||
		stored.kept[list.Emoji[0].Picture] == nil {
		t.Errorf("%+v, %v, kept %d", list, err, len(stored.kept))
	}
}

// cutEmoji fails to say that it wrote the list of emoji, before or after it
// did.
type cutEmoji struct {
	chat.Store
	at string
}

func (c *cutEmoji) PutRecord(ctx context.Context, kind, id string, was int64, value []byte) (int64, error) {
	if id != "emoji" || c.at == "" {
		return c.Store.PutRecord(ctx, kind, id, was, value)
	}
	if c.at == "after" {
		if _, err := c.Store.PutRecord(ctx, kind, id, was, value); err != nil {
			return 0, err
		}
	}
	return 0, chat.ErrUnavailable
}
