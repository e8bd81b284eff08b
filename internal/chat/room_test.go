package chat_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

func TestEveryoneIsInGeneral(t *testing.T) {
	f := newFixture(t, nil)
	pablo := f.Person("Pablo", chat.RoleOwner)
	rooms, err := f.ListRooms(t.Context(), pablo, chat.None{})
	if err != nil || len(rooms.Rooms) != 1 || rooms.Rooms[0].ID != chat.GeneralID ||
		rooms.Rooms[0].Name != "General" {
		t.Fatalf("%+v, %v", rooms, err)
	}
	_, err = f.LeaveRoom(t.Context(), pablo, chat.RoomInput{Room: chat.GeneralID})
	refused(t, "leaving General", err, chat.ErrForbidden)
	if err := f.Setup(t.Context()); err != nil {
		t.Errorf("setting up again: %v", err)
	}
}

// TestAccess asks for everything in a room, as people with every kind of right
// to it.
func TestAccess(t *testing.T) {
	type outcome = map[string]*chat.Error
	no, hidden := chat.ErrForbidden, chat.ErrNotFound
	for _, c := range []struct {
		kind chat.RoomKind
		want map[string]outcome // by action, then by person
	}{
		{chat.Private, map[string]outcome{
			"read":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"send":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"typing": {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"join":   {"owner outside": hidden, "outsider": hidden},
			"rename": {"moderator": nil, "member": no, "admin inside": no, "owner outside": hidden,
				"outsider": hidden},
			"add": {"moderator": nil, "member": no, "admin inside": no, "owner outside": hidden,
				"outsider": hidden},
			"role":   {"moderator": nil, "member": no, "admin inside": no, "outsider": hidden},
			"remove": {"member": no, "admin inside": no, "outsider": hidden, "moderator": nil},
		}},
		{chat.Public, map[string]outcome{
			"read":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"send":   {"moderator": nil, "member": nil, "owner outside": hidden, "outsider": hidden},
			"rename": {"moderator": nil, "member": no, "admin inside": nil, "owner outside": hidden},
			"role":   {"moderator": nil, "member": no, "admin inside": nil},
			"remove": {"member": no, "outsider": hidden, "admin inside": nil},
			"join":   {"owner outside": nil, "outsider": nil, "member": nil},
		}},
	} {
		f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.Logins.Limit = -1 })
		who := map[string]chat.Caller{
			"moderator":     f.Person("moderator", chat.RoleMember),
			"member":        f.Person("member", chat.RoleMember),
			"admin inside":  f.Person("admin", chat.RoleAdmin),
			"owner outside": f.Person("owner", chat.RoleOwner),
			"outsider":      f.Person("outsider", chat.RoleMember),
			"victim":        f.Person("victim", chat.RoleMember),
		}
		room := f.Room(who["moderator"], c.kind, who["member"], who["admin inside"], who["victim"])
		f.Say(who["member"], room, "first")
		victim, name := who["victim"].User.ID, "renamed"
		try := map[string]func(chat.Caller) error{
			"read": func(w chat.Caller) error {
				_, err := f.ListMessages(t.Context(), w, chat.MessageListInput{Room: room})
				for what, other := range map[string]error{
					"get":     errOf(f.GetRoom(t.Context(), w, chat.RoomInput{Room: room})),
					"message": errOf(f.GetMessage(t.Context(), w, chat.MessageInput{Room: room, No: 1})),
					"members": errOf(f.ListMembers(t.Context(), w, chat.MemberPageInput{Room: room})),
					"mark":    errOf(f.MarkRead(t.Context(), w, chat.ReadInput{Room: room, No: 1})),
					"stream":  f.MayRead(t.Context(), w, chat.RoomStream(room)),
				} {
					if (other == nil) != (err == nil) {
						t.Errorf("reading gives %v, but %s gives %v", err, what, other)
					}
				}
				return err
			},
			"send": func(w chat.Caller) error {
				return errOf(f.Send(t.Context(), w, chat.SendInput{Room: room, Text: "x"}))
			},
			"typing": func(w chat.Caller) error {
				return errOf(f.SendTyping(t.Context(), w,
					chat.RoomInput{Room: room}))
			},
			"join": func(w chat.Caller) error {
				return errOf(f.JoinRoom(t.Context(), w,
					chat.RoomInput{Room: room}))
			},
			"rename": func(w chat.Caller) error {
				return errOf(f.UpdateRoom(t.Context(), w, chat.UpdateRoomInput{Room: room, Name: &name}))
			},
			"add": func(w chat.Caller) error {
				return errOf(f.AddMember(t.Context(), w, chat.MemberInput{Room: room, User: victim}))
			},
			"role": func(w chat.Caller) error {
				return errOf(f.UpdateMember(t.Context(), w,
					chat.UpdateMemberInput{Room: room, User: victim, Role: chat.RoomMember}))
			},
			"remove": func(w chat.Caller) error {
				return errOf(f.RemoveMember(t.Context(), w,
					chat.RemoveMemberInput{Room: room, User: victim}))
			},
		}
		for _, what := range []string{"read", "send", "typing", "rename", "add", "role", "remove", "join"} {
			for name, want := range c.want[what] {
				refused(t, string(c.kind)+": "+name+": "+what, try[what](who[name]), want)
			}
		}
	}
}

func TestRoomLimitsAndNames(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.Limits.RoomsCreated, cfg.Limits.RoomsJoined = 2, 4 })
	a, b := f.Person("Pablo", chat.RoleOwner), f.Person("Joe", chat.RoleMember)
	for name, want := range map[string]*chat.Error{"": chat.ErrInvalid, "   ": chat.ErrInvalid,
		strings.Repeat("x", 65): chat.ErrInvalid, "\u3164\u200b": chat.ErrInvalid,
		"General":   chat.ErrConflict,
		" GENERA1 ": chat.ErrConflict, "Gen\u034feral": chat.ErrConflict,
		"Ｇｅｎｅｒａｌ": chat.ErrConflict} {
		_, err := f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: name})
		refused(t, "name "+name, err, want)
	}
	_, err := f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: "x", Topic: strings.Repeat("x", 251)})
	refused(t, "a long topic", err, chat.ErrInvalid)
	_, err = f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: "x", Kind: chat.Direct})
	refused(t, "a direct room by hand", err, chat.ErrInvalid)
	f.Room(a, chat.Public)
	second := f.Room(a, chat.Public)
	_, err = f.CreateRoom(t.Context(), a, chat.CreateRoomInput{Name: "third"})
	refused(t, "one room too many", err, chat.ErrForbidden)
	f.Room(b, chat.Public)
	f.Room(b, chat.Public)
	if _, err := f.JoinRoom(t.Context(), b, chat.RoomInput{Room: second}); err != nil {
		t.Fatal(err)
	}
	_, err = f.OpenDirect(t.Context(), a, chat.OpenDirectInput{User: b.User.ID})
	refused(t, "in one room too many", err, chat.ErrForbidden)
}
