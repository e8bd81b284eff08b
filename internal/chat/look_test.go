package chat_test

import (
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestNamesThatLookAlike: what looks like somebody's name is nobody else's, by
// whatever way it would be taken.
func TestNamesThatLookAlike(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.SignUp = chat.SignUpOpen; cfg.Limits.Logins.Limit = -1 })
	owner, ctx := f.Person("NINA", chat.RoleOwner), t.Context()
	other := f.Person("ニ宮", chat.RoleMember)
	for twin, name := range map[string]string{"ΝΙΝΑ": "Olga", "二宮": "Pablo"} {
		_, err := f.SignUpAccount(ctx, nobody, chat.SignUpInput{Name: twin, Password: "password123"})
		refused(t, "sign up as "+twin, err, chat.ErrConflict)
		someone := f.Person(name, chat.RoleMember)
		_, err = f.UpdateUser(ctx, owner, chat.UpdateUserInput{User: someone.User.ID, Name: &twin})
		refused(t, "rename to "+twin, err, chat.ErrConflict)
		_, err = f.CreateBot(ctx, owner, chat.BotInput{Name: twin})
		refused(t, "a bot "+twin, err, chat.ErrConflict)
		u, err := f.UpsertUser(ctx, chat.ExternalUser{ID: twin, Name: twin})
		if err != nil || u.Name != twin+"-2" {
			t.Errorf("%s of another program is %q, %v", twin, u.Name, err)
		}
	}
	_, err := f.CreateRoom(ctx, owner, chat.CreateRoomInput{Name: "GEΝERAL"}) // a Greek Ν
	refused(t, "a second General", err, chat.ErrConflict)

	// Who is renamed gives both keys back.
	name := "Mia"
	must(t, "rename", errOf(f.UpdateUser(ctx, owner,
		chat.UpdateUserInput{User: other.User.ID, Name: &name})))
	_, err = f.SignUpAccount(ctx, nobody, chat.SignUpInput{Name: "二宮", Password: "password123"})
	refused(t, "a name that is free again", err, nil)
}

// TestAccountsGetTheirLooks: accounts from before there were second keys get
// them once; twins of theirs stay.
func TestAccountsGetTheirLooks(t *testing.T) {
	f := newFixture(t, func(cfg *chat.Config) { cfg.SignUp = chat.SignUpOpen; cfg.Limits.PageMax = 2 })
	ctx := t.Context()
	for _, name := range []string{"Olga", "ΝΙΝΑ", "Nina", "ニ宮", "Pablo"} {
		who := f.Person(name, chat.RoleMember)
		account, err := f.Store.Account(ctx, who.User.ID)
		must(t, "account", err)
		account.LookKey = ""
		must(t, "an old account", errOf(f.Store.Commit(ctx, chat.Change{Stream: chat.ServerStream,
			ID: f.NewID(), At: f.Now(), Op: chat.UpdateUser{Account: account}})))
	}
	must(t, "maintain", f.Maintain(ctx))
	looks := map[string]string{}
	users, err := f.Store.Users(ctx, "", 100)
	must(t, "users", err)
	for _, u := range users {
		account, err := f.Store.Account(ctx, u.ID)
		must(t, "account", err)
		looks[u.Name] = account.LookKey
	}
	if looks["ニ宮"] != "二宮" || looks["ΝΙΝΑ"]+looks["Nina"]+looks["Olga"] != "" {
		t.Errorf("looks: %q", looks)
	}
	_, err = f.SignUpAccount(ctx, nobody, chat.SignUpInput{Name: "二宮", Password: "password123"})
	refused(t, "a twin of an old account", err, chat.ErrConflict)
}
