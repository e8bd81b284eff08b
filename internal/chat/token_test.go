package chat_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// call runs an action by its name, as a door does.
func (f *fixture) call(who chat.Caller, name string, fill func(in any)) error {
	f.T.Helper()
	i := slices.IndexFunc(chat.Actions(), func(a chat.Action) bool { return a.Name == name })
	_, err := chat.Actions()[i].Call(f.T.Context(), f.Service, who,
		func(in any) error { fill(in); return nil })
	return err
}

func (f *fixture) token(who chat.Caller, in chat.TokenInput) (chat.TokenOutput, chat.Caller) {
	f.T.Helper()
	out, err := f.CreateToken(f.T.Context(), who, in)
	if err != nil {
		f.T.Fatal(err)
	}
	as, err := f.Authenticate(f.T.Context(), out.Token, nobody)
	if err != nil {
		f.T.Fatal(err)
	}
	return out, as
}

func TestTokensDoWhatTheirScopesSay(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.Person("Ada", chat.RoleAdmin)
	room := f.Room(ada, chat.Private)
	get := func(in any) { *in.(*chat.RoomInput) = chat.RoomInput{Room: room} }
	send := func(in any) { *in.(*chat.SendInput) = chat.SendInput{Room: room, Text: "hi"} }
	name := "new name"
	update := func(in any) { *in.(*chat.UpdateRoomInput) = chat.UpdateRoomInput{Room: room, Name: &name} }
	nothing := func(any) {}
	for scope, may := range map[string]map[string]bool{
		chat.ScopeRead: {"room.get": true}, chat.ScopeSend: {"message.send": true},
		chat.ScopeManage: {"room.update": true},
	} {
		_, as := f.token(ada, chat.TokenInput{Name: scope, Scopes: []string{scope}})
		for action, fill := range map[string]func(any){"room.get": get, "message.send": send,
			"room.update": update, "session.list": nothing, "token.create": nothing,
			"account.password": nothing} {
			want := chat.ErrForbidden
			if may[action] {
				want = nil
			}
			refused(t, action+" with "+scope, f.call(as, action, fill), want)
		}
	}
	for what, in := range map[string]chat.TokenInput{
		"no name": {Scopes: []string{"read"}}, "no scope": {Name: "x"},
		"an unknown one": {Name: "x", Scopes: []string{"all"}},
		"too long":       {Name: "x", Scopes: []string{"read"}, Days: 4000},
		"a hook's":       {Name: "x", Scopes: []string{"hook:general"}},
	} {
		refused(t, what, errOf(f.CreateToken(t.Context(), ada, in)), chat.ErrInvalid)
	}
}

func TestTokensEndWhenTheyWereSaidTo(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	out, _ := f.token(ada, chat.TokenInput{Name: "ci", Scopes: []string{"read"}, Days: 40})
	f.Wait(39 * 24 * time.Hour) // longer than a session may idle
	refused(t, "before its end", errOf(f.Authenticate(t.Context(), out.Token, nobody)), nil)
	f.Wait(2 * time.Hour)
	refused(t, "used again", errOf(f.Authenticate(t.Context(), out.Token, nobody)), nil)
	f.Wait(24 * time.Hour)
	refused(t, "after its end", errOf(f.Authenticate(t.Context(), out.Token, nobody)),
		chat.ErrUnauthenticated)

	ada = f.Again("Ada")
	out, _ = f.token(ada, chat.TokenInput{Name: "ci", Scopes: []string{"read"}})
	list, err := f.ListTokens(t.Context(), ada, chat.TokenListInput{})
	if err != nil || len(list.Sessions) != 1 || list.Sessions[0].Name != "ci" {
		t.Errorf("the tokens are %+v, %v", list, err)
	}
	refused(t, "somebody else's", errOf(f.RevokeToken(t.Context(), bob,
		chat.TokenIDInput{Token: out.Session.ID})), chat.ErrNotFound)
	refused(t, "of somebody else",
		errOf(f.RevokeToken(t.Context(), bob,
			chat.TokenIDInput{Token: out.Session.ID, User: ada.User.ID})), chat.ErrForbidden)
	refused(t, "revoke", errOf(f.RevokeToken(t.Context(), ada,
		chat.TokenIDInput{Token: out.Session.ID})), nil)
	refused(t, "revoked", errOf(f.Authenticate(t.Context(), out.Token, nobody)), chat.ErrUnauthenticated)

	out, _ = f.token(ada, chat.TokenInput{Name: "ci", Scopes: []string{"read"}})
	refused(t, "password", errOf(f.ChangePassword(t.Context(), ada,
		chat.PasswordInput{Old: "password123", New: "password456"})), nil)
	refused(t, "after a new password", errOf(f.Authenticate(t.Context(), out.Token, nobody)),
		chat.ErrUnauthenticated)
}

func TestBots(t *testing.T) {
	f := newFixture(t, nil)
	admin, ada := f.Person("Admin", chat.RoleAdmin), f.Person("Ada", chat.RoleMember)
	refused(t, "a member's bot", errOf(f.CreateBot(t.Context(), ada, chat.BotInput{Name: "Robot"})),
		chat.ErrForbidden)
	refused(t, "an owner of a bot",
		errOf(f.CreateBot(t.Context(), admin, chat.BotInput{Name: "Robot", Role: chat.RoleOwner})),
		chat.ErrInvalid)
	bot, err := f.CreateBot(t.Context(), admin, chat.BotInput{Name: "Robot"})
	if err != nil || !bot.Bot || bot.Role != chat.RoleGuest {
		t.Fatalf("made %+v, %v", bot, err)
	}
	refused(t, "its log-in", errOf(f.LogIn(t.Context(), nobody, chat.LogInInput{Name: "Robot"})),
		chat.ErrUnauthenticated)
	refused(t, "its token, by somebody else",
		errOf(f.CreateToken(t.Context(), ada,
			chat.TokenInput{Name: "x", Scopes: []string{"send"}, User: bot.ID})), chat.ErrForbidden)
	refused(t, "a person's token",
		errOf(f.CreateToken(t.Context(), admin,
			chat.TokenInput{Name: "x", Scopes: []string{"send"}, User: ada.User.ID})), chat.ErrForbidden)
	_, as := f.token(admin, chat.TokenInput{Name: "x", Scopes: []string{"send"}, User: bot.ID})
	refused(t, "where it is not", errOf(f.Send(t.Context(), as,
		chat.SendInput{Room: chat.GeneralID, Text: "x"})), chat.ErrNotFound)
	room := f.Room(ada, chat.Private)
	refused(t, "added", errOf(f.AddMember(t.Context(), ada, chat.MemberInput{Room: room, User: bot.ID})), nil)
	f.Say(as, room, "beep")
}

// TestBotTokensEndWithTheirMakersRights: an admin who is demoted or disabled
// knows the tokens of bots that they made.
func TestBotTokensEndWithTheirMakersRights(t *testing.T) {
	f := newFixture(t, nil)
	owner := f.Person("Olga", chat.RoleOwner)
	bot, err := f.CreateBot(t.Context(), owner, chat.BotInput{Name: "Robot", Role: chat.RoleMember})
	refused(t, "the bot", err, nil)
	make := func(who chat.Caller) string {
		t.Helper()
		out, _ := f.token(who, chat.TokenInput{Name: "x", Scopes: []string{"read", "send"}, User: bot.ID})
		return out.Token
	}
	works := func(what, token string, want *chat.Error) {
		t.Helper()
		refused(t, what, errOf(f.Authenticate(t.Context(), token, nobody)), want)
	}
	kept := make(owner)
	disabled, demoted, admin := true, chat.RoleMember, chat.RoleAdmin
	for name, change := range map[string]chat.UpdateUserInput{
		"Disabled": {Disabled: &disabled}, "Disabled For An Hour": {Disabled: &disabled, Seconds: 3600},
		"Demoted": {Role: &demoted},
	} {
		who := f.Person(name, chat.RoleAdmin)
		others := make(who)
		own, as := f.token(who, chat.TokenInput{Name: "own", Scopes: []string{"manage"}})
		refused(t, name+": own token", errOf(f.CreateInvite(t.Context(), as,
			chat.InviteInput{Role: chat.RoleAdmin})), nil)
		change.User = who.User.ID
		refused(t, name, errOf(f.UpdateUser(t.Context(), owner, change)), nil)
		works(name+": the bot's token", others, chat.ErrUnauthenticated)
		if as, err = f.Authenticate(t.Context(), own.Token, nobody); change.Role == nil {
			refused(t, name+": own token", err, chat.ErrUnauthenticated)
		} else {
			refused(t, name+": own token", errOf(f.CreateInvite(t.Context(), as,
				chat.InviteInput{Role: chat.RoleAdmin})), chat.ErrForbidden)
		}
		change = chat.UpdateUserInput{User: who.User.ID, Disabled: new(bool), Role: &admin}
		refused(t, name+": an admin again", errOf(f.UpdateUser(t.Context(), owner, change)), nil)
		works(name+": the bot's token, as an admin again", others, chat.ErrUnauthenticated)
	}
	works("a token of who is an owner still", kept, nil)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	works("after that", kept, nil)
	list, err := f.ListAudit(t.Context(), owner, chat.AuditInput{})
	refused(t, "the audit log", err, nil)
	ended := 0
	for _, e := range list.Entries {
		if e.Action == "token.revoke" && e.User == bot.ID {
			ended++
		}
	}
	if ended != 3 {
		t.Errorf("the audit log tells of %d tokens that have ended", ended)
	}
}

// TestDemotedWhileMakingABotsToken: the demotion comes first, or it finds the
// token.
func TestDemotedWhileMakingABotsToken(t *testing.T) {
	store := &late{}
	f := newFixture(t, func(cfg *chat.Config) { store.Store = cfg.Store; cfg.Store = store })
	owner, eve := f.Person("Olga", chat.RoleOwner), f.Person("Eve", chat.RoleAdmin)
	bot, err := f.CreateBot(t.Context(), owner, chat.BotInput{Name: "Robot"})
	refused(t, "the bot", err, nil)
	store.before = func() {
		store.before = nil
		role := chat.RoleMember
		refused(t, "demoted", errOf(f.UpdateUser(t.Context(), owner,
			chat.UpdateUserInput{User: eve.User.ID, Role: &role})), nil)
	}
	refused(t, "the token", errOf(f.CreateToken(t.Context(), eve,
		chat.TokenInput{Name: "x", Scopes: []string{"read"}, User: bot.ID})), chat.ErrForbidden)
	list, err := f.ListTokens(t.Context(), owner, chat.TokenListInput{User: bot.ID})
	if err != nil || len(list.Sessions) != 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
}

// TestHooksActWithTheirOwnersRights: who may not moderate the room any more
// posts nothing into it through what they left behind.
func TestHooksActWithTheirOwnersRights(t *testing.T) {
	f := newFixture(t, nil)
	ada, eve := f.Person("Ada", chat.RoleMember), f.Person("Eve", chat.RoleMember)
	room := f.Room(ada, chat.Private, eve)
	role := func(to chat.RoomRole) {
		t.Helper()
		refused(t, "the role", errOf(f.UpdateMember(t.Context(), ada,
			chat.UpdateMemberInput{Room: room, User: eve.User.ID, Role: to})), nil)
	}
	role(chat.RoomModerator)
	out, err := f.CreateHook(t.Context(), eve, chat.HookInput{Room: room, Name: "Eve's"})
	refused(t, "made", err, nil)
	posts := func(what string, want *chat.Error) {
		t.Helper()
		refused(t, what, errOf(post(t, f, out.Path[len("/hooks/"):], "x")), want)
	}
	state := func() chat.Hook {
		t.Helper()
		list, err := f.ListHooks(t.Context(), ada, chat.RoomInput{Room: room})
		if err != nil || len(list.Hooks) != 1 {
			t.Fatalf("the webhooks are %+v, %v", list, err)
		}
		return list.Hooks[0]
	}
	posts("as a moderator", nil)
	role(chat.RoomMember)
	posts("as a member", chat.ErrForbidden)
	posts("again", chat.ErrForbidden)
	if h := state(); !h.Paused || h.CreatedBy != eve.User.ID {
		t.Errorf("the list shows %+v", h)
	}
	role(chat.RoomModerator)
	posts("as a moderator again", nil)
	refused(t, "remove", errOf(f.RemoveMember(t.Context(), ada,
		chat.RemoveMemberInput{Room: room, User: eve.User.ID})), nil)
	posts("from outside", chat.ErrForbidden)
	log, err := f.ListAudit(t.Context(), ada, chat.AuditInput{Room: room})
	refused(t, "the audit log", err, nil)
	paused := 0
	for _, e := range log.Entries {
		if e.Action == "hook.pause" && e.User == eve.User.ID {
			paused++
		}
	}
	if paused != 2 {
		t.Errorf("paused %d times: %+v", paused, log.Entries)
	}
	refused(t, "adopt, from outside", errOf(f.AdoptHook(t.Context(), eve,
		chat.HookIDInput{Room: room, Bot: out.Hook.Bot.ID})), chat.ErrNotFound)
	refused(t, "adopt", errOf(f.AdoptHook(t.Context(), ada,
		chat.HookIDInput{Room: room, Bot: out.Hook.Bot.ID})), nil)
	posts("adopted", nil)
	if h := state(); h.Paused || h.CreatedBy != ada.User.ID {
		t.Errorf("adopted: %+v", h)
	}
}

func TestHooks(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	refused(t, "by a member", errOf(f.CreateHook(t.Context(), bob,
		chat.HookInput{Room: room, Name: "Grafana"})), chat.ErrForbidden)
	out, err := f.CreateHook(t.Context(), ada, chat.HookInput{Room: room, Name: "Grafana"})
	refused(t, "made", err, nil)
	token := out.Path[len("/hooks/"):]
	m, err := post(t, f, token, "it is hot")
	if err != nil || m.Room != room || m.From != out.Hook.Bot.ID {
		t.Errorf("posted %+v, %v", m, err)
	}
	as, err := f.Authenticate(t.Context(), token, nobody)
	refused(t, "authenticate", err, nil)
	for _, action := range []string{"room.get", "message.list", "message.send", "room.list", "account.get"} {
		refused(t, action+" with a webhook's token", f.call(as, action, func(any) {}), chat.ErrForbidden)
	}
	list, err := f.ListHooks(t.Context(), ada, chat.RoomInput{Room: room})
	if err != nil || len(list.Hooks) != 1 || list.Hooks[0].Bot.Name != "Grafana" {
		t.Errorf("the webhooks are %+v, %v", list, err)
	}
	refused(t, "end it, by a member",
		errOf(f.DeleteHook(t.Context(), bob, chat.HookIDInput{Room: room, Bot: out.Hook.Bot.ID})),
		chat.ErrForbidden)
	refused(t, "end it", errOf(f.DeleteHook(t.Context(), ada,
		chat.HookIDInput{Room: room, Bot: out.Hook.Bot.ID})), nil)
	refused(t, "ended", errOf(post(t, f, token, "x")), chat.ErrUnauthenticated)
	if list, err = f.ListHooks(t.Context(), ada, chat.RoomInput{Room: room}); err != nil ||
		len(list.Hooks) != 0 {
		t.Errorf("the webhooks are %+v, %v", list, err)
	}
	// Its name is free, and its messages still show it.
	old, err := f.GetUser(t.Context(), ada, chat.UserInput{User: out.Hook.Bot.ID})
	if err != nil || old.Name != "Grafana" || !old.Disabled {
		t.Errorf("who has posted is %+v, %v", old, err)
	}
	again, err := f.CreateHook(t.Context(), ada, chat.HookInput{Room: room, Name: "Grafana"})
	if err != nil || again.Hook.Bot.ID == old.ID {
		t.Errorf("made again: %+v, %v", again, err)
	}
	account, err := f.Store.Account(t.Context(), old.ID)
	refused(t, "its account", err, nil)
	refused(t, "brought back beside the other", f.Disable(t.Context(), account, false), chat.ErrConflict)
	refused(t, "end the other", errOf(f.DeleteHook(t.Context(), ada,
		chat.HookIDInput{Room: room, Bot: again.Hook.Bot.ID})), nil)
	refused(t, "brought back", f.Disable(t.Context(), account, false), nil)
	refused(t, "a third", errOf(f.CreateHook(t.Context(), ada,
		chat.HookInput{Room: room, Name: "grafana"})), chat.ErrConflict)
}

// post posts by the token of an incoming webhook, as the HTTP handler does.
func post(t *testing.T, f *fixture, token, text string) (chat.Message, error) {
	as, err := f.AuthenticateHook(t.Context(), token, nobody)
	if err != nil {
		return chat.Message{}, err
	}
	return f.PostHook(t.Context(), as, text)
}
