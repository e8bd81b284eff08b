package chat_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

func at(room chat.RoomID, no int64) chat.MessageInput { return chat.MessageInput{Room: room, No: no} }

func TestEditing(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleAdmin)
	room := f.Room(ada, chat.Private, bob)
	f.Say(ada, room, "one")
	edit := func(who chat.Caller, text string) error {
		_, err := f.EditMessage(t.Context(), who, chat.EditInput{Room: room, No: 1, Text: text})
		return err
	}
	refused(t, "somebody else's message", edit(bob, "mine"), chat.ErrForbidden)
	refused(t, "nothing", edit(ada, " "), chat.ErrInvalid)
	refused(t, "an edit", edit(ada, "two @Bob"), nil)
	refused(t, "the same again", edit(ada, "two @Bob"), nil)
	m, err := f.GetMessage(t.Context(), bob, at(room, 1))
	if err != nil || m.Text != "two @Bob" || m.EditedAt.IsZero() ||
		!slices.Equal(m.Mentions, []chat.UserID{bob.User.ID}) {
		t.Errorf("the message is %+v, %v", m, err)
	}
	edits, err := f.ListEdits(t.Context(), bob, chat.EditListInput{Room: room, No: 1})
	if err != nil || len(edits.Edits) != 1 || edits.Edits[0].Text != "one" {
		t.Errorf("the earlier texts are %+v, %v", edits, err)
	}
	refused(t, "no such message", errOf(f.EditMessage(t.Context(), ada,
		chat.EditInput{Room: room, No: 2, Text: "x"})), chat.ErrNotFound)
}

func TestDeleting(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob, eve := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember),
		f.Person("Eve", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	f.Say(bob, room, "one")
	f.Say(ada, room, "two")
	refused(t, "an outsider", errOf(f.DeleteMessage(t.Context(), eve, at(room, 1))), chat.ErrNotFound)
	refused(t, "a member, a moderator's message",
		errOf(f.DeleteMessage(t.Context(), bob, at(room, 2))), chat.ErrForbidden)
	refused(t, "the moderator, a member's", errOf(f.DeleteMessage(t.Context(), ada, at(room, 1))), nil)
	refused(t, "twice", errOf(f.DeleteMessage(t.Context(), ada, at(room, 1))), nil)
	m, err := f.GetMessage(t.Context(), bob, at(room, 1))
	if err != nil || m.Text != "" || !m.Deleted() {
		t.Errorf("what is left is %+v, %v", m, err)
	}
	for what, err := range map[string]error{
		"edit":  errOf(f.EditMessage(t.Context(), bob, chat.EditInput{Room: room, No: 1, Text: "x"})),
		"react": errOf(f.AddReaction(t.Context(), bob, chat.ReactionInput{Room: room, No: 1, Emoji: "👍"})),
		"pin":   errOf(f.PinMessage(t.Context(), bob, at(room, 1))),
		"edits": errOf(f.ListEdits(t.Context(), bob, chat.EditListInput{Room: room, No: 1})),
	} {
		refused(t, what+" of a deleted message", err, chat.ErrNotFound)
	}
	direct, err := f.OpenDirect(t.Context(), ada, chat.OpenDirectInput{User: bob.User.ID})
	refused(t, "a direct room", err, nil)
	f.Say(ada, direct.ID, "between us")
	refused(t, "the other's, in a direct room",
		errOf(f.DeleteMessage(t.Context(), bob, at(direct.ID, 1))), chat.ErrForbidden)
}

func TestReactions(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	f.Say(ada, room, "one")
	react := func(who chat.Caller, emoji string) error {
		return errOf(f.AddReaction(t.Context(), who, chat.ReactionInput{Room: room, No: 1, Emoji: emoji}))
	}
	for _, good := range []string{"👍", "👍🏽", "❤️", "👩‍💻", "🇩🇪", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "☕", "©️"} {
		refused(t, good, react(bob, good), nil)
	}
	for _, bad := range []string{"", "a", "1", "<b>", "👍 ", "\u202e", "👍x", strings.Repeat("👍", 20),
		"\xff", "\u200d"} {
		refused(t, bad, react(bob, bad), chat.ErrInvalid)
	}
	refused(t, "twice", react(bob, "👍"), nil)
	refused(t, "another person", react(ada, "👍"), nil)
	refused(t, "taken back", errOf(f.RemoveReaction(t.Context(), bob,
		chat.ReactionInput{Room: room, No: 1, Emoji: "👍"})), nil)
	m, err := f.GetMessage(t.Context(), ada, at(room, 1))
	refused(t, "get", err, nil)
	i := slices.IndexFunc(m.Reactions, func(r chat.Reacted) bool { return r.Emoji == "👍" })
	if i < 0 || !slices.Equal(m.Reactions[i].Users, []chat.UserID{ada.User.ID}) || len(m.Reactions) != 9 {
		t.Errorf("the reactions are %+v", m.Reactions)
	}
}

func TestPins(t *testing.T) {
	f := newFixture(t, nil)
	ada, guest := f.Person("Ada", chat.RoleMember), f.Person("Guest", chat.RoleGuest)
	room := f.Room(ada, chat.Private, guest)
	f.Say(ada, room, "one")
	f.Say(ada, room, "two")
	refused(t, "a guest", errOf(f.PinMessage(t.Context(), guest, at(room, 1))), chat.ErrForbidden)
	for no := range int64(2) {
		f.Wait(1e9)
		refused(t, "a pin", errOf(f.PinMessage(t.Context(), ada, at(room, no+1))), nil)
	}
	pins, err := f.ListPins(t.Context(), guest, chat.PinListInput{Room: room})
	if err != nil || len(pins.Messages) != 2 || pins.Messages[0].No != 2 ||
		pins.Messages[0].PinnedBy != ada.User.ID {
		t.Errorf("the pins are %+v, %v", pins, err)
	}
	refused(t, "unpin", errOf(f.UnpinMessage(t.Context(), ada, at(room, 2))), nil)
	if pins, err = f.ListPins(t.Context(), ada, chat.PinListInput{Room: room}); err != nil ||
		len(pins.Messages) != 1 {
		t.Errorf("the pins are %+v, %v", pins, err)
	}
}

// TestReactionsHaveOneForm: however an emoji was typed, it is one reaction,
// also beside older ones that are kept in another form.
func TestReactionsHaveOneForm(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	in := func(emoji string) chat.ReactionInput { return chat.ReactionInput{Room: room, No: 1, Emoji: emoji} }
	f.Say(ada, room, "hello")
	for _, forms := range [][2]string{{"👍", "👍\ufe0f"}, {"❤\ufe0f", "❤"},
		{"1\ufe0f\u20e3", "1\u20e3"}} {
		must(t, "react", errOf(f.AddReaction(t.Context(), ada, in(forms[0]))))
		m, err := f.AddReaction(t.Context(), bob, in(forms[1]))
		if err != nil || len(m.Reactions) != 1 || len(m.Reactions[0].Users) != 2 ||
			m.Reactions[0].Emoji != forms[0] {
			t.Errorf("%+q: %+v, %v", forms, m.Reactions, err)
		}
		must(t, "take back", errOf(f.RemoveReaction(t.Context(), ada, in(forms[1]))))
		m, err = f.RemoveReaction(t.Context(), bob, in(forms[0]))
		if err != nil || len(m.Reactions) != 0 {
			t.Errorf("%+q, taken back: %+v, %v", forms, m.Reactions, err)
		}
	}
	for code, emoji := range map[string]string{"+1": "👍", ":+1:": "👍", "thumbsup": "👍", ":heart:": "❤\ufe0f",
		":wave::skin-tone-3:": "👋🏼", "wave::skin-tone-3": "👋🏼", ":x:": "❌", ":snowman:": "☃\ufe0f",
		":it:": "🇮🇹", "tada": "🎉", "100": "💯", ":shrug:": "🤷"} {
		m, err := f.AddReaction(t.Context(), ada, in(code))
		if err != nil || len(m.Reactions) != 1 || m.Reactions[0].Emoji != emoji {
			t.Errorf("%q: %+v, %v", code, m.Reactions, err)
		}
		m, err = f.RemoveReaction(t.Context(), ada, in(code))
		if err != nil || len(m.Reactions) != 0 {
			t.Errorf("%q, taken back: %+v, %v", code, m.Reactions, err)
		}
	}
	for _, none := range []string{":", "::", "x", ":nothing_of_this_name:", ":+1::+1:", " :+1:", ":+1::skin-tone-9:"} {
		refused(t, none, errOf(f.AddReaction(t.Context(), ada, in(none))), chat.ErrInvalid)
	}
	must(t, "an older form", errOf(f.Store.Commit(t.Context(), chat.Change{
		Stream: chat.RoomStream(room), ID: "old", At: f.Now(),
		Op: chat.AddReaction{Reaction: chat.Reaction{No: 1, Emoji: "👍\ufe0f", User: ada.User.ID}}})))
	m, err := f.AddReaction(t.Context(), bob, in("👍"))
	if err != nil || len(m.Reactions) != 1 || len(m.Reactions[0].Users) != 2 {
		t.Errorf("beside an older form: %+v, %v", m.Reactions, err)
	}
	m, err = f.RemoveReaction(t.Context(), ada, in("👍"))
	if err != nil || len(m.Reactions) != 1 || len(m.Reactions[0].Users) != 1 {
		t.Errorf("taking an older form back: %+v, %v", m.Reactions, err)
	}
}
