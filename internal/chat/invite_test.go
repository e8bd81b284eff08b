package chat_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func TestInviteIsUsedOnceInARace(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.person("Pablo", chat.RoleOwner)
	invite, err := f.CreateInvite(t.Context(), owner, chat.InviteInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(invite.Code) < 22 {
		t.Errorf("the code %q has less than 128 bits", invite.Code)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for i := range 16 {
		wg.Go(func() {
			_, err := f.SignUpAccount(t.Context(), nobody,
				chat.SignUpInput{Name: "Guest " + string(rune('A'+i)), Password: "password123",
					Invite: invite.Code})
			if err == nil {
				mu.Lock()
				in++
				mu.Unlock()
			} else if !errors.Is(err, chat.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in != 1 {
		t.Errorf("%d people used one invite", in)
	}
}

func TestInvitesExpireAndAreWithdrawn(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.person("Pablo", chat.RoleOwner)
	late, _ := f.CreateInvite(t.Context(), owner, chat.InviteInput{Hours: 1})
	f.wait(time.Hour)
	_, err := f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Joe", Password: "password123", Invite: late.Code})
	refused(t, "an expired invite", err, chat.ErrNotFound)
	gone, _ := f.CreateInvite(t.Context(), owner, chat.InviteInput{})
	if list, _ := f.ListInvites(t.Context(), owner, chat.None{}); len(list.Invites) != 1 ||
		list.Invites[0].ID != gone.Invite.ID {
		t.Errorf("open invites: %+v", list)
	}
	if _, err := f.DeleteInvite(t.Context(), owner, chat.InviteIDInput{Invite: gone.Invite.ID}); err != nil {
		t.Fatal(err)
	}
	_, err = f.SignUpAccount(t.Context(), nobody,
		chat.SignUpInput{Name: "Joe", Password: "password123", Invite: gone.Code})
	refused(t, "a withdrawn invite", err, chat.ErrNotFound)
	_, err = f.CreateInvite(t.Context(), owner, chat.InviteInput{Hours: 10_000})
	refused(t, "an invite for years", err, chat.ErrInvalid)
}
