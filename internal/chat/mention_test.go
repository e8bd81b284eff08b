package chat_test

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestMentions runs the table that the client's tests run as well. Whoever is
// mentioned in any of its rows is in the room. Who was called something else
// formerly stands alone in the row that says so, before those who took that
// name.
func TestMentions(t *testing.T) {
	var cases []struct {
		Text     string
		Mentions []string
		Formerly string
	}
	readTable(t, "mentions.json", &cases)
	f := boundless(t, nil)
	author := f.Person("Author", chat.RoleMember)
	room := f.Room(author, chat.Private)
	ids := map[string]chat.UserID{"*": chat.MentionAll}
	for _, c := range cases {
		for _, name := range c.Mentions {
			if _, there := ids[name]; there {
				continue
			}
			who := f.Person(cmp.Or(c.Formerly, name), chat.RoleMember)
			if c.Formerly != "" {
				f.update(who, chat.UpdateAccountInput{Name: &name})
			}
			ids[name] = who.User.ID
			refused(t, "add "+name, errOf(f.AddMember(t.Context(), author,
				chat.MemberInput{Room: room, User: who.User.ID})), nil)
		}
	}
	for _, c := range cases {
		want := []chat.UserID{}
		for _, name := range c.Mentions {
			want = append(want, ids[name])
		}
		slices.Sort(want)
		if got := f.Say(author, room, c.Text).Mentions; !slices.Equal(got, want) {
			t.Errorf("%q mentions %v, want %v: %v", c.Text, got, c.Mentions, want)
		}
	}
}

func readTable(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhoMayMention: members of the room, and everyone only by members.
func TestWhoMayMention(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob, guest := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember),
		f.Person("Guest", chat.RoleGuest)
	f.Person("Eve", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob, guest)
	only := []chat.UserID{bob.User.ID}
	if m := f.Say(ada, room, "@Eve is not here, @Bob is"); !slices.Equal(m.Mentions, only) {
		t.Errorf("someone outside the room: %v", m.Mentions)
	}
	if m := f.Say(guest, room, "@room @Bob"); !slices.Equal(m.Mentions, only) {
		t.Errorf("a guest mentions %v", m.Mentions)
	}
	view, err := f.GetRoom(t.Context(), bob, chat.RoomInput{Room: room})
	refused(t, "get", err, nil)
	if len(view.Mentions) != 2 {
		t.Errorf("Bob is mentioned in %v", view.Mentions)
	}
}

// TestFormerNamesMention: a name that was given up leads to whoever had it
// last, until they give up another or someone else has it.
func TestFormerNamesMention(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob, eve := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember),
		f.Person("Eve", chat.RoleMember)
	author := f.Person("Author", chat.RoleMember)
	room := f.Room(author, chat.Private, ada, bob)
	mentions := func(name string, want ...chat.UserID) {
		t.Helper()
		if got := f.Say(author, room, "@"+name).Mentions; !slices.Equal(got, want) {
			t.Errorf("@%s mentions %v, want %v", name, got, want)
		}
	}
	rename := func(who chat.Caller, name string) {
		t.Helper()
		f.update(who, chat.UpdateAccountInput{Name: &name})
	}
	rename(ada, "Countess")
	mentions("ADA", ada.User.ID)
	rename(bob, "Ada")
	mentions("Ada", bob.User.ID)
	rename(bob, "Bob")
	mentions("Ada", bob.User.ID)
	rename(eve, "Ada")
	mentions("Ada")
	rename(eve, "Eve")
	mentions("Ada")
	rename(ada, "Lovelace")
	mentions("Countess", ada.User.ID)
	rename(ada, "Byron")
	mentions("Countess")
	mentions("Lovelace", ada.User.ID)
}
