package chat_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// least is the lowest role that has the right.
func least(info chat.ServerInfo, right chat.Right) chat.Role {
	i := slices.IndexFunc(info.Rights, func(r chat.RightRule) bool { return r.Right == right })
	return info.Rights[i].Least
}

// TestRightsAreWhatTheOwnersSay tries each right that can be changed, by each
// role, at each of its choices.
func TestRightsAreWhatTheOwnersSay(t *testing.T) {
	f := boundless(t, nil)
	ctx := t.Context()
	people := map[chat.Role]chat.Caller{}
	ranks := []chat.Role{chat.RoleGuest, chat.RoleMember, chat.RoleAdmin, chat.RoleOwner}
	for _, role := range ranks {
		people[role] = f.Person("The "+string(role), role)
	}
	owner := people[chat.RoleOwner]
	room := f.Room(owner, chat.Private)
	for _, role := range ranks[:3] {
		must(t, "add", errOf(f.AddMember(ctx, owner, chat.MemberInput{Room: room, User: people[role].User.ID})))
	}
	acts := map[chat.Right]func(chat.Caller) error{
		chat.RightTokens: func(who chat.Caller) error {
			return errOf(f.CreateToken(ctx, who, chat.TokenInput{Name: "x", Scopes: []string{"read"}}))
		},
		chat.RightRooms: func(who chat.Caller) error {
			return errOf(f.CreateRoom(ctx, who, chat.CreateRoomInput{Name: "Room of " + who.User.Name}))
		},
		chat.RightCallAll: func(who chat.Caller) error {
			m, err := f.Send(ctx, who, chat.SendInput{Room: room, Text: "@room"})
			if err == nil && len(m.Mentions) == 0 {
				err = chat.ErrForbidden
			}
			return err
		},
		chat.RightInvite: func(who chat.Caller) error {
			return errOf(f.CreateInvite(ctx, who, chat.InviteInput{Role: chat.RoleGuest}))
		},
		chat.RightEmoji: func(who chat.Caller) error {
			err := errOf(f.DeleteEmoji(ctx, who, chat.EmojiInput{Name: "none"}))
			if errors.Is(err, chat.ErrNotFound) {
				err = nil // it was looked for
			}
			return err
		},
	}
	info, err := f.Info(ctx, owner, chat.None{})
	must(t, "info", err)
	for _, rule := range info.Rights {
		if len(rule.Choices) == 0 {
			continue
		}
		for _, choice := range rule.Choices {
			to := chat.UpdateServerInput{Rights: map[chat.Right]chat.Role{rule.Right: choice}}
			set, err := f.UpdateServer(ctx, owner, to)
			must(t, "set", err)
			if got := least(set, rule.Right); got != choice {
				t.Errorf("%s is said to be for %s, want %s", rule.Right, got, choice)
			}
			for i, role := range ranks {
				var want *chat.Error
				if i < slices.Index(ranks, choice) {
					want = chat.ErrForbidden
				}
				refused(t, string(rule.Right)+" for "+string(choice)+", by "+string(role),
					acts[rule.Right](people[role]), want)
			}
		}
	}
}

// TestRightsHaveBounds: nothing is given to a role that cannot have it.
func TestRightsHaveBounds(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.Person("Pablo", chat.RoleOwner)
	for right, role := range map[chat.Right]chat.Role{
		chat.RightInvite: chat.RoleGuest, chat.RightPeople: chat.RoleMember,
		chat.RightRooms: chat.RoleOwner, "fly": chat.RoleAdmin,
	} {
		refused(t, string(right), errOf(f.UpdateServer(t.Context(), owner,
			chat.UpdateServerInput{Rights: map[chat.Right]chat.Role{right: role}})), chat.ErrInvalid)
	}
}

// TestTokensEndWithTheRight: a token that was made before is refused, and
// works again when its owner may have it again. Programs keep theirs.
func TestTokensEndWithTheRight(t *testing.T) {
	f := newFixture(t, nil)
	ctx := t.Context()
	owner, mary := f.Person("Pablo", chat.RoleOwner), f.Person("Mary", chat.RoleMember)
	out, _ := f.token(mary, chat.TokenInput{Name: "script", Scopes: []string{chat.ScopeRead}})
	bot, err := f.CreateBot(ctx, owner, chat.BotInput{Name: "Bot"})
	must(t, "bot", err)
	its, _ := f.token(owner, chat.TokenInput{User: bot.ID, Name: "bot", Scopes: []string{chat.ScopeRead}})
	for role, want := range map[chat.Role]*chat.Error{
		chat.RoleAdmin: chat.ErrUnauthenticated, chat.RoleMember: nil,
	} {
		must(t, "set", errOf(f.UpdateServer(ctx, owner, chat.UpdateServerInput{
			Rights: map[chat.Right]chat.Role{chat.RightTokens: role}})))
		refused(t, "from "+string(role)+" on", errOf(f.Authenticate(ctx, out.Token, nobody)), want)
		must(t, "the bot", errOf(f.Authenticate(ctx, its.Token, nobody)))
	}
}

// TestOldSwitchesAreRights: what owners had let members do, they still do. Each
// change is told to those who are online.
func TestOldSwitchesAreRights(t *testing.T) {
	bell := new(chattest.Bell)
	f := newFixture(t, func(c *chat.Config) { c.Bell = bell })
	_, err := f.Store.PutRecord(context.Background(), "server", "settings", 0,
		[]byte(`{"member_invites":true,"member_emoji":true}`))
	must(t, "put", err)
	owner := f.Person("Pablo", chat.RoleOwner)
	for range 2 {
		info, err := f.UpdateServer(t.Context(), owner, chat.UpdateServerInput{})
		must(t, "update", err)
		for right, want := range map[chat.Right]chat.Role{chat.RightInvite: chat.RoleMember,
			chat.RightEmoji: chat.RoleMember, chat.RightRooms: chat.RoleMember,
			chat.RightPeople: chat.RoleAdmin} {
			if got := least(info, right); got != want {
				t.Errorf("%s is for %s, want %s", right, got, want)
			}
		}
	}
	told, want := bell.Signals(), chat.Signal{Stream: chat.ServerStream, Kind: chat.ServerChanged, Version: 3}
	if len(told) != 2 || told[1] != want {
		t.Errorf("signals %+v", told)
	}
}
