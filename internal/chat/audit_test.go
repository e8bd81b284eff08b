package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// deafStore keeps no entries of the audit log.
type deafStore struct {
	chat.Store
	deaf bool
}

func (d *deafStore) PutRecord(ctx context.Context, kind, id string, was int64, value []byte) (int64, error) {
	if d.deaf && kind == "audit" {
		return 0, chat.ErrUnavailable
	}
	return d.Store.PutRecord(ctx, kind, id, was, value)
}

func (f *fixture) audited(who chat.Caller, in chat.AuditInput) []chat.AuditEntry {
	f.T.Helper()
	page, err := f.ListAudit(f.T.Context(), who, in)
	if err != nil {
		f.T.Fatal(err)
	}
	return page.Entries
}

// TestActsAreAudited does everything that people in charge can do to others, to
// rooms and to the server, first without being able to write it down: then it
// is not done.
func TestActsAreAudited(t *testing.T) {
	store := &deafStore{Store: chattest.NewModel(nil)}
	f := newFixture(t, func(c *chat.Config) { c.Store = store })
	ctx := t.Context()
	owner, ada, ben := f.Person("Owner", chat.RoleOwner), f.Person("Ada", chat.RoleAdmin),
		f.Person("Ben", chat.RoleMember)
	room := f.Room(ada, chat.Private, ben)
	thread, err := f.FollowThread(ctx, ben, chat.MessageInput{Room: room, No: f.Say(ben, room, "root").No})
	refused(t, "thread", err, nil)
	said, answered := f.Say(ben, room, "secret words"), f.Say(ben, thread.ID, "secret answer")
	admin, yes, no, days, name := chat.RoleAdmin, true, false, 30, "secret plan"
	var invite chat.InviteOutput
	var bot chat.User
	var token chat.TokenOutput
	var hook chat.HookOutput
	var outgoing chat.OutgoingOutput
	account := func(who chat.Caller) chat.Account {
		a, err := f.Store.Account(ctx, who.User.ID)
		refused(t, "account", err, nil)
		return a
	}
	for _, act := range []struct {
		do   func() error
		want chat.AuditEntry
	}{
		{func() error {
			return errOf(f.UpdateUser(ctx, owner, chat.UpdateUserInput{User: ben.User.ID, Role: &admin}))
		},
			chat.AuditEntry{By: owner.User.ID, Action: "user.update", User: ben.User.ID,
				Detail: "admin, was member"}},
		{func() error { return f.Disable(ctx, account(ben), yes) },
			chat.AuditEntry{Action: "user.update", User: ben.User.ID, Detail: "disabled"}},
		{func() error { return f.Disable(ctx, account(ben), no) },
			chat.AuditEntry{Action: "user.update", User: ben.User.ID, Detail: "enabled"}},
		{func() error { return f.SetPassword(ctx, account(ben), "password456") },
			chat.AuditEntry{Action: "account.password", User: ben.User.ID}},
		{func() error { return errOf(f.AddUser(ctx, "Cleo", "password123", chat.RoleGuest, "")) },
			chat.AuditEntry{Action: "account.create", Detail: "guest"}},
		{func() (err error) { invite, err = f.CreateInvite(ctx, ada, chat.InviteInput{}); return err },
			chat.AuditEntry{By: ada.User.ID, Action: "invite.create",
				Detail: "…for a member, valid for 168h0m0s"}},
		{func() error {
			return errOf(f.DeleteInvite(ctx, ada,
				chat.InviteIDInput{Invite: invite.Invite.ID}))
		},
			chat.AuditEntry{By: ada.User.ID, Action: "invite.delete", Detail: "…for a member"}},
		{func() (err error) { bot, err = f.CreateBot(ctx, ada, chat.BotInput{Name: "Robot"}); return err },
			chat.AuditEntry{By: ada.User.ID, Action: "bot.create", Detail: "guest"}},
		{func() (err error) {
			token, err = f.CreateToken(ctx, ada,
				chat.TokenInput{User: bot.ID, Name: "ci", Scopes: []string{"send", "read"}, Days: 3})
			return err
		}, chat.AuditEntry{By: ada.User.ID, Action: "token.create", Detail: "ci: read, send, for 3 days"}},
		{func() error {
			return errOf(f.RevokeToken(ctx, ada, chat.TokenIDInput{User: bot.ID, Token: token.Session.ID}))
		},
			chat.AuditEntry{By: ada.User.ID, Action: "token.revoke", Detail: "ci"}},
		{func() (err error) {
			hook, err = f.CreateHook(ctx, ada, chat.HookInput{Room: room, Name: "News"})
			return err
		},
			chat.AuditEntry{By: ada.User.ID, Action: "hook.create", Room: room, Detail: "guest"}},
		{func() error {
			return errOf(f.DeleteHook(ctx, ada, chat.HookIDInput{Room: room, Bot: hook.Hook.Bot.ID}))
		},
			chat.AuditEntry{By: ada.User.ID, Action: "hook.delete", Room: room}},
		{func() (err error) {
			outgoing, err = f.CreateOutgoing(ctx, ada,
				chat.OutgoingInput{Room: room, URL: "https://example.org/secret"})
			return err
		}, chat.AuditEntry{By: ada.User.ID, Action: "outgoing.create", Room: room,
			Detail: "…, to example.org"}},
		{func() error {
			return errOf(f.DeleteOutgoing(ctx, ada,
				chat.OutgoingIDInput{Room: room, Webhook: outgoing.Webhook.ID}))
		}, chat.AuditEntry{By: ada.User.ID, Action: "outgoing.delete", Room: room, Detail: "…"}},
		{func() error {
			return errOf(f.UpdateRoom(ctx, ada,
				chat.UpdateRoomInput{Room: room, Name: &name, Topic: &name, Retain: &days}))
		}, chat.AuditEntry{By: ada.User.ID, Action: "room.update", Room: room,
			Detail: "name; topic; retain 30, was 0"}},
		{func() error {
			return errOf(f.AddMember(ctx, ada, chat.MemberInput{Room: room, User: owner.User.ID}))
		},
			chat.AuditEntry{By: ada.User.ID, Action: "member.add", Room: room, User: owner.User.ID}},
		{func() error {
			return errOf(f.UpdateMember(ctx, ada,
				chat.UpdateMemberInput{Room: room, User: owner.User.ID, Role: chat.RoomModerator}))
		}, chat.AuditEntry{By: ada.User.ID, Action: "member.update", Room: room,
			User: owner.User.ID, Detail: "moderator"}},
		{func() error {
			return errOf(f.RemoveMember(ctx, ada, chat.RemoveMemberInput{Room: room, User: owner.User.ID}))
		},
			chat.AuditEntry{By: ada.User.ID, Action: "member.remove", Room: room, User: owner.User.ID}},
		{func() error { return errOf(f.DeleteMessage(ctx, ada, chat.MessageInput{Room: room, No: said.No})) },
			chat.AuditEntry{By: ada.User.ID, Action: "message.delete", Room: room,
				User: ben.User.ID, Detail: fmt.Sprint("message ", said.No)}},
		{func() error {
			return errOf(f.DeleteMessage(ctx, ada, chat.MessageInput{Room: thread.ID, No: answered.No}))
		},
			chat.AuditEntry{By: ada.User.ID, Action: "message.delete", Room: room,
				User: ben.User.ID, Detail: fmt.Sprintf("message %d in the thread %s", answered.No,
					thread.ID)}},
	} {
		before := f.audited(owner, chat.AuditInput{})
		store.deaf = true
		if err := act.do(); !errors.Is(err, chat.ErrUnavailable) {
			t.Errorf("%s without a trace: %v", act.want.Action, err)
		}
		store.deaf = false
		if err := act.do(); err != nil {
			t.Errorf("%s: %v", act.want.Action, err)
			continue
		}
		got := f.audited(owner, chat.AuditInput{})
		if len(got) != len(before)+1 {
			t.Errorf("%s made %d entries", act.want.Action, len(got)-len(before))
			continue
		}
		e := got[0]
		if detail, ok := strings.CutPrefix(act.want.Detail, "…"); ok && strings.HasSuffix(e.Detail, detail) {
			act.want.Detail = e.Detail
		}
		if act.want.User == "" && (e.Action == "account.create" ||
			strings.HasPrefix(e.Action, "bot.") || strings.HasPrefix(e.Action, "token.") ||
			strings.HasPrefix(e.Action, "hook.")) {
			if e.User == "" {
				t.Errorf("%s does not say whose account it is about", e.Action)
			}
			act.want.User = e.User
		}
		act.want.ID, act.want.At = e.ID, f.Now()
		if e != act.want {
			t.Errorf("entry %+v, want %+v", e, act.want)
		}
		if in := f.audited(owner, chat.AuditInput{Room: room}); e.Room == room &&
			(len(in) == 0 || in[0] != e) || e.Room == "" && slices.Contains(in, e) {
			t.Errorf("%s: the room's entries are %+v", e.Action, in)
		}
		if text := fmt.Sprint(e); strings.Contains(text, "secret") {
			t.Errorf("%s tells too much: %s", e.Action, text)
		}
	}
}

// TestOnesOwnActsAreNotAudited: nor what changes nothing, or is refused.
func TestOnesOwnActsAreNotAudited(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	ada, ben := f.Person("Ada", chat.RoleAdmin), f.Person("Ben", chat.RoleMember)
	room := f.Room(ada, chat.Public, ben)
	before := len(f.audited(ada, chat.AuditInput{}))
	name, member, no := "public room", chat.RoleMember, false
	token, err := f.CreateToken(ctx, ada, chat.TokenInput{Name: "mine", Scopes: []string{"read"}})
	refused(t, "token", err, nil)
	for what, err := range map[string]error{
		"one's own token's end": errOf(f.RevokeToken(ctx, ada, chat.TokenIDInput{Token: token.Session.ID})),
		"deleting one's own": errOf(f.DeleteMessage(ctx, ada,
			chat.MessageInput{Room: room, No: f.Say(ada, room, "x").No})),
		"leaving": errOf(f.RemoveMember(ctx, ben,
			chat.RemoveMemberInput{Room: room, User: ben.User.ID})),
		"coming": errOf(f.JoinRoom(ctx, ben, chat.RoomInput{Room: room})),
		"adding who is there": errOf(f.AddMember(ctx, ada,
			chat.MemberInput{Room: room, User: ben.User.ID})),
		"the same settings": errOf(f.UpdateRoom(ctx, ada,
			chat.UpdateRoomInput{Room: room, Name: &name})),
		"the same state": errOf(f.UpdateUser(ctx, ada,
			chat.UpdateUserInput{User: ben.User.ID, Role: &member, Disabled: &no})),
		"a password of one's own": errOf(f.ChangePassword(ctx, ben,
			chat.PasswordInput{Old: "password123", New: "password456"})),
	} {
		refused(t, what, err, nil)
	}
	refused(t, "renaming as a member",
		errOf(f.UpdateRoom(ctx, ben, chat.UpdateRoomInput{Room: room, Topic: &name})), chat.ErrForbidden)
	refused(t, "no such invite", errOf(f.DeleteInvite(ctx, ada,
		chat.InviteIDInput{Invite: "none"})), chat.ErrNotFound)
	if got := f.audited(ada, chat.AuditInput{}); len(got) != before {
		t.Errorf("entries %+v", got[:len(got)-before])
	}
}

func TestWhoReadsTheAuditLog(t *testing.T) {
	f := newFixture(t, nil)
	owner, ada, ben, cleo := f.Person("Owner", chat.RoleOwner), f.Person("Ada", chat.RoleAdmin),
		f.Person("Ben", chat.RoleMember), f.Person("Cleo", chat.RoleMember)
	room, other := f.Room(ben, chat.Private, cleo), f.Room(cleo, chat.Private, ben)
	for _, c := range []struct {
		who  chat.Caller
		room chat.RoomID
		want *chat.Error
	}{
		{owner, "", nil}, {ada, "", nil}, {ada, room, nil}, {ben, room, nil}, {cleo, other, nil},
		{ben, "", chat.ErrForbidden}, {cleo, room, chat.ErrForbidden}, {ben, other, chat.ErrForbidden},
		{ben, "none", chat.ErrNotFound}, {ben, "*", chat.ErrNotFound},
		{ben, f.Room(ada, chat.Private), chat.ErrNotFound}, {ben, chat.GeneralID, chat.ErrForbidden},
	} {
		refused(t, fmt.Sprintf("%s asks for %q", c.who.User.Name, c.room),
			errOf(f.ListAudit(t.Context(), c.who, chat.AuditInput{Room: c.room})), c.want)
	}
	refused(t, "a cursor that is none",
		errOf(f.ListAudit(t.Context(), ada, chat.AuditInput{After: strings.Repeat("0", 101)})),
		chat.ErrInvalid)
	refused(t, "too large a page",
		errOf(f.ListAudit(t.Context(), ada, chat.AuditInput{Limit: 100_000})), chat.ErrInvalid)
}

func TestAuditPages(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.Person("Ada", chat.RoleAdmin)
	rooms := []chat.RoomID{f.Room(ada, chat.Private), f.Room(ada, chat.Private)}
	for i := range 23 {
		topic := fmt.Sprint("topic ", i)
		refused(t, topic, errOf(f.UpdateRoom(t.Context(), ada,
			chat.UpdateRoomInput{Room: rooms[i%2], Topic: &topic})), nil)
		f.Wait(time.Duration(i%3) * time.Millisecond) // some in the same one
	}
	for _, room := range []chat.RoomID{"", rooms[0], rooms[1]} {
		want := f.audited(ada, chat.AuditInput{Room: room})
		if !slices.IsSortedFunc(want, func(a, b chat.AuditEntry) int { return b.At.Compare(a.At) }) {
			t.Errorf("not newest first: %+v", want)
		}
		var got []chat.AuditEntry
		for in := (chat.AuditInput{Room: room, Limit: 5}); ; {
			page, err := f.ListAudit(t.Context(), ada, in)
			refused(t, "page", err, nil)
			got = append(got, page.Entries...)
			if in.After = page.Next; in.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) || room != "" && len(got) < 11 {
			t.Errorf("pages of %q give %d entries, want %d", room, len(got), len(want))
		}
	}
	topic := "one more"
	refused(t, topic, errOf(f.UpdateRoom(t.Context(), ada,
		chat.UpdateRoomInput{Room: rooms[1], Topic: &topic})), nil)
	refused(t, topic, errOf(f.UpdateRoom(t.Context(), ada,
		chat.UpdateRoomInput{Room: rooms[0], Topic: &topic})), nil)
	if got := f.audited(ada, chat.AuditInput{}); got[0].Room != rooms[0] || got[1].Room != rooms[1] {
		t.Errorf("of one millisecond, the last is not first: %+v", got[:2])
	}
}

func TestAuditIsForgottenAfterAYear(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.Person("Ada", chat.RoleAdmin)
	room := f.Room(ada, chat.Private)
	set := func(topic string) {
		refused(t, topic, errOf(f.UpdateRoom(t.Context(), ada,
			chat.UpdateRoomInput{Room: room, Topic: &topic})), nil)
	}
	set("old")
	f.Wait(200 * 24 * time.Hour)
	set("new")
	newest := f.audited(ada, chat.AuditInput{Limit: 1})
	f.Wait(100 * 24 * time.Hour)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	if got := f.audited(ada, chat.AuditInput{Room: room}); len(got) != 2 {
		t.Errorf("forgot too early: %+v", got)
	}
	f.Wait(70 * 24 * time.Hour)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	for _, in := range []chat.AuditInput{{}, {Room: room}} {
		if got := f.audited(ada, in); !slices.Equal(got, newest) {
			t.Errorf("left after a year: %+v, want %+v", got, newest)
		}
	}
	f.Wait(365 * 24 * time.Hour)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	if records, err := f.Store.Records(t.Context(), "audit", "", 10); err != nil || len(records) > 0 {
		t.Errorf("records are left: %v, %v", records, err)
	}
}

func TestAuditedActsAreLimited(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits.Audits = chat.Rate{Limit: 2, Window: time.Hour} })
	ada := f.Person("Ada", chat.RoleMember)
	room := f.Room(ada, chat.Private)
	for i, want := range []*chat.Error{nil, nil, chat.ErrRateLimited} {
		topic := fmt.Sprint(i)
		refused(t, topic, errOf(f.UpdateRoom(t.Context(), ada,
			chat.UpdateRoomInput{Room: room, Topic: &topic})), want)
	}
}
