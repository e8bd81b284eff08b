package chat_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func (f *fixture) invite(who chat.Caller, in chat.InviteInput) chat.InviteOutput {
	f.T.Helper()
	out, err := f.CreateInvite(f.T.Context(), who, in)
	must(f.T, "invite", err)
	return out
}

func (f *fixture) signUp(name, code string) (chat.LoggedInOutput, error) {
	return f.SignUpAccount(f.T.Context(), chat.Caller{Addr: "192.0.2." + name},
		chat.SignUpInput{Name: name, Password: chattest.Password, Invite: code})
}

func TestInviteLinkIsUsedSoOftenInARace(t *testing.T) {
	f := newFixture(t, nil)
	link := f.invite(f.Person("Pablo", chat.RoleOwner), chat.InviteInput{Uses: 3})
	var wg sync.WaitGroup
	var in atomic.Int64
	for i := range 16 {
		wg.Go(func() {
			_, err := f.signUp(fmt.Sprint("New ", i), link.Code)
			if err == nil {
				in.Add(1)
			} else if !errors.Is(err, chat.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in.Load() != 3 {
		t.Errorf("%d people used a link for 3", in.Load())
	}
}

func TestInviteLinks(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) { c.Limits = chattest.Unlimited() })
	ctx := t.Context()
	owner := f.Person("Pablo", chat.RoleOwner)
	public, private := f.Room(owner, chat.Public), f.Room(owner, chat.Private)
	link := f.invite(owner,
		chat.InviteInput{Role: chat.RoleGuest, Uses: 2, Rooms: []chat.RoomID{private, public}})

	shown, err := f.ShowInvite(ctx, nobody, chat.ShowInviteInput{Invite: link.Code})
	must(t, "show", err)
	want := chat.ShownInvite{Role: chat.RoleGuest, By: "Pablo", ExpiresAt: link.Invite.ExpiresAt}
	for _, id := range link.Invite.Rooms {
		room, err := f.Store.Room(ctx, id)
		must(t, "room", err)
		want.Rooms = append(want.Rooms, room.Name)
	}
	if d := cmp.Diff(want, shown); d != "" {
		t.Errorf("shown (-want +got):\n%s", d)
	}

	refused(t, "a name that is taken", errOf(f.signUp("Pablo", link.Code)), chat.ErrConflict)
	for _, name := range []string{"Joe", "Zoe"} { // the refusal has used nothing
		in, err := f.signUp(name, link.Code)
		must(t, name, err)
		for _, id := range []chat.RoomID{public, private} {
			must(t, name+" in the room", errOf(f.Store.Member(ctx, id, in.User.ID)))
		}
		_, err = f.Store.Member(ctx, chat.GeneralID, in.User.ID)
		refused(t, "a guest in General", err, chat.ErrNotFound)
	}
	refused(t, "a third one", errOf(f.signUp("Ann", link.Code)), chat.ErrNotFound)
	refused(t, "showing one that is used up", errOf(f.ShowInvite(ctx, nobody,
		chat.ShowInviteInput{Invite: link.Code})), chat.ErrNotFound)

	// An invite brings nobody where its maker may not bring them any more.
	maker := f.Person("Mia", chat.RoleAdmin)
	must(t, "join", errOf(f.JoinRoom(ctx, maker, chat.RoomInput{Room: public})))
	refused(t, "into a room of others", errOf(f.CreateInvite(ctx, maker,
		chat.InviteInput{Rooms: []chat.RoomID{private}})), chat.ErrNotFound)
	second := f.invite(maker, chat.InviteInput{Uses: 5, Hours: 2, Rooms: []chat.RoomID{public}})
	must(t, "leave", errOf(f.LeaveRoom(ctx, maker, chat.RoomInput{Room: public})))
	in, err := f.signUp("Ann", second.Code)
	must(t, "sign up", err)
	_, err = f.Store.Member(ctx, public, in.User.ID)
	refused(t, "brought into a room that the maker left", err, chat.ErrNotFound)

	list, err := f.ListInvites(ctx, owner, chat.None{})
	must(t, "list", err)
	if len(list.Invites) != 1 || list.Invites[0].ID != second.Invite.ID || list.Invites[0].Used != 1 {
		t.Errorf("open invites: %+v, want the second, used once", list.Invites)
	}
	f.Wait(2 * time.Hour)
	refused(t, "an expired link", errOf(f.signUp("Eve", second.Code)), chat.ErrNotFound)
	must(t, "maintain", f.Maintain(ctx))
	left, err := f.Store.Records(ctx, "invite", "", 10)
	must(t, "records", err)
	if len(left) != 0 {
		t.Errorf("%d links are left after their end", len(left))
	}
	gone := f.invite(owner, chat.InviteInput{Uses: 2})
	must(t, "withdraw", errOf(f.DeleteInvite(ctx, owner, chat.InviteIDInput{Invite: gone.Invite.ID})))
	refused(t, "a withdrawn link", errOf(f.signUp("Eve", gone.Code)), chat.ErrNotFound)
	refused(t, "for a million", errOf(f.CreateInvite(ctx, owner,
		chat.InviteInput{Uses: 1_000_000})), chat.ErrInvalid)
}

func TestMembersInviteIfTheOwnerLetsThem(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, admin := f.Person("Pablo", chat.RoleOwner), f.Person("Ada", chat.RoleAdmin)
	mary := f.Person("Mary", chat.RoleMember)
	from := func(least chat.Role) chat.UpdateServerInput {
		return chat.UpdateServerInput{Rights: map[chat.Right]chat.Role{chat.RightInvite: least}}
	}
	set := func(least chat.Role) {
		t.Helper()
		must(t, "set", errOf(f.UpdateServer(ctx, owner, from(least))))
	}
	refused(t, "a member", errOf(f.CreateInvite(ctx, mary, chat.InviteInput{})), chat.ErrForbidden)
	refused(t, "an admin lets members", errOf(f.UpdateServer(ctx, admin,
		from(chat.RoleMember))), chat.ErrForbidden)
	set(chat.RoleMember)
	mine := f.invite(mary, chat.InviteInput{Uses: 3})
	f.invite(owner, chat.InviteInput{})
	refused(t, "an admin's invite by a member", errOf(f.CreateInvite(ctx, mary,
		chat.InviteInput{Role: chat.RoleAdmin})), chat.ErrForbidden)
	list, err := f.ListInvites(ctx, mary, chat.None{})
	must(t, "list", err)
	if len(list.Invites) != 1 || list.Invites[0].ID != mine.Invite.ID {
		t.Errorf("a member sees %+v, want their own", list.Invites)
	}
	must(t, "one joins", errOf(f.signUp("Joe", mine.Code)))
	set(chat.RoleAdmin)
	refused(t, "after it was taken back", errOf(f.signUp("Zoe", mine.Code)), chat.ErrNotFound)

	name := "Northwind"
	info, err := f.UpdateServer(ctx, owner, chat.UpdateServerInput{Name: &name})
	must(t, "name", err)
	if info.Name != name || least(info, chat.RightInvite) != chat.RoleAdmin {
		t.Errorf("the server is %+v", info)
	}
	name = ""
	info, err = f.UpdateServer(ctx, owner, chat.UpdateServerInput{Name: &name})
	if err != nil || info.Name != "Parley" {
		t.Errorf("without a name: %q, %v", info.Name, err)
	}
}
