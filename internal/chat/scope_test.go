package chat_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// world is what the rows of TestActionsByScopeAndRole act on: a private room of
// an owner's, a member's and the person's, who is its moderator or not, and
// what is in it.
type world struct {
	*fixture
	owner, target, me chat.Caller
	room, public      chat.RoomID
	own               int64 // number of a message of the person's; 1 is another's
	invite, code      string
	hook              chat.UserID
	outgoing          string
}

func newWorld(t *testing.T, role string) *world {
	t.Helper()
	w := &world{fixture: newFixture(t, func(c *chat.Config) {
		c.Limits, c.SignUp = chattest.Unlimited(), chat.SignUpOpen
	})}
	w.owner, w.target = w.Person("Owner", chat.RoleOwner), w.Person("Target", chat.RoleMember)
	serverRole := chat.Role(role)
	if role == "moderator" {
		serverRole = chat.RoleMember
	}
	w.me = w.Person("Me", serverRole)
	w.room, w.public = w.Room(w.owner, chat.Private, w.target, w.me), w.Room(w.owner, chat.Public)
	if role == "moderator" {
		must(t, "moderator", errOf(w.UpdateMember(t.Context(), w.owner,
			chat.UpdateMemberInput{Room: w.room, User: w.me.User.ID, Role: chat.RoomModerator})))
	}
	w.Say(w.owner, w.room, "SECRET")
	w.own = w.Say(w.me, w.room, "mine").No
	for _, no := range []int64{1, w.own} {
		must(t, "answer", errOf(w.Send(t.Context(), w.owner,
			chat.SendInput{Room: w.room, Thread: no, Text: "SECRET"})))
	}
	w.Say(w.owner, w.room, "SECRET @Me")
	in, err := w.CreateInvite(t.Context(), w.owner, chat.InviteInput{Role: chat.RoleGuest})
	must(t, "invite", err)
	hook, err := w.CreateHook(t.Context(), w.owner, chat.HookInput{Room: w.room, Name: "Robot"})
	must(t, "hook", err)
	out, err := w.CreateOutgoing(t.Context(), w.owner,
		chat.OutgoingInput{Room: w.room, URL: "https://hooks.example/1"})
	must(t, "outgoing", err)
	w.invite, w.code, w.hook, w.outgoing = in.Invite.ID, in.Code, hook.Hook.Bot.ID, out.Webhook.ID
	return w
}

func (w *world) scheduled() string {
	w.T.Helper()
	item, err := w.Schedule(w.T.Context(), w.me, chat.ScheduleInput{Room: w.room, Text: "later",
		At: w.Now().Add(time.Hour).Format(time.RFC3339)})
	must(w.T, "schedule", err)
	return item.ID
}
func (w *world) emoji() string {
	w.T.Helper()
	w.Files = &gallery{&memoryFiles{kept: map[string][]byte{}}, 1}
	e, err := w.CreateEmoji(w.T.Context(), w.owner, chat.CreateEmojiInput{Name: "blob"}, strings.NewReader("gif"))
	must(w.T, "emoji", err)
	return e.Name
}
func (w *world) at(no int64) chat.MessageInput { return chat.MessageInput{Room: w.room, No: no} }
func (w *world) them() chat.MemberInput {
	return chat.MemberInput{Room: w.room, User: w.target.User.ID}
}

const (
	all       = "guest member admin owner moderator"
	members   = "member admin owner moderator"
	admins    = "admin owner"
	moderator = "moderator"
)

// scopeRows says of every action which scope a token needs for it, and who may
// do it to the world above: roles on the server, and the moderator of the room.
var scopeRows = map[string]struct {
	scope, may string
	in         func(w *world) any
}{
	"server.info": {"", all, func(w *world) any { return chat.None{} }},
	"account.create": {"", all, func(w *world) any {
		return chat.SignUpInput{Name: "New", Password: chattest.Password}
	}},
	"session.create": {"", all, func(w *world) any {
		return chat.LogInInput{Name: "Me", Password: chattest.Password}
	}},
	"session.redeem": {"", all, func(w *world) any {
		account := valueOf(w.UserNamed(w.T.Context(), "me"))
		return chat.LogInLinkInput{Code: valueOf(w.NewLogInLink(w.T.Context(), account))}
	}},
	"session.delete": {"", all, func(w *world) any { return chat.None{} }},
	"session.list":   {chat.ScopeLogin, "", func(w *world) any { return chat.None{} }},
	"session.revoke": {chat.ScopeLogin, "", func(w *world) any {
		return chat.SessionInput{Session: w.me.Session}
	}},
	"token.create": {chat.ScopeLogin, "", func(w *world) any {
		return chat.TokenInput{Name: "x", Scopes: []string{"read"}}
	}},
	"token.list": {chat.ScopeLogin, "", func(w *world) any { return chat.TokenListInput{} }},
	"token.revoke": {chat.ScopeLogin, "", func(w *world) any {
		return chat.TokenIDInput{Token: w.me.Session}
	}},
	"bot.create": {chat.ScopeLogin, "", func(w *world) any { return chat.BotInput{Name: "Bot"} }},
	"account.password": {chat.ScopeLogin, "", func(w *world) any {
		return chat.PasswordInput{Old: chattest.Password, New: "password1234"}
	}},
	"session.prove":   {chat.ScopeLogin, "", func(w *world) any { return chat.ProofInput{} }},
	"password.forgot": {"", "", func(w *world) any { return chat.AskResetInput{Name: "Target"} }},
	"password.link":   {chat.ScopeLogin, "", func(w *world) any { return chat.UserInput{User: w.target.User.ID} }},
	"password.reset": {"", all, func(w *world) any {
		made, err := w.MakeReset(w.T.Context(), w.owner, chat.UserInput{User: w.target.User.ID})
		must(w.T, "reset", err)
		return chat.ResetInput{Code: made.Code, Password: "password1234"}
	}},
	"passkey.ask":     {"", "", func(w *world) any { return chat.None{} }},
	"session.passkey": {"", "", func(w *world) any { return chat.PasskeyAnswer{} }},
	"passkey.list":    {chat.ScopeFactor, "", func(w *world) any { return chat.None{} }},
	"passkey.begin":   {chat.ScopeFactor, "", func(w *world) any { return chat.None{} }},
	"passkey.finish":  {chat.ScopeFactor, "", func(w *world) any { return chat.NewPasskeyInput{Name: "x"} }},
	"passkey.rename":  {chat.ScopeFactor, "", func(w *world) any { return chat.RenamePasskeyInput{Passkey: "x", Name: "x"} }},
	"passkey.delete":  {chat.ScopeFactor, "", func(w *world) any { return chat.PasskeyInput{Passkey: "x"} }},
	"factor.get":      {chat.ScopeFactor, "", func(w *world) any { return chat.None{} }},
	"factor.begin":    {chat.ScopeFactor, "", func(w *world) any { return chat.None{} }},
	"factor.confirm":  {chat.ScopeFactor, "", func(w *world) any { return chat.CodeInput{Code: "123456"} }},
	"factor.recovery": {chat.ScopeFactor, "", func(w *world) any { return chat.None{} }},
	"factor.delete":   {chat.ScopeFactor, "", func(w *world) any { return chat.None{} }},
	"factor.reset":    {chat.ScopeFactor, "", func(w *world) any { return chat.UserInput{User: w.target.User.ID} }},
	"account.get":     {chat.ScopeRead, all, func(w *world) any { return chat.None{} }},
	"account.update": {chat.ScopeManage, all, func(w *world) any {
		return chat.UpdateAccountInput{About: ptr("hello")}
	}},
	"picture.delete": {chat.ScopeManage, all, func(w *world) any { return chat.None{} }},
	"document.list":  {chat.ScopeRead, all, func(w *world) any { return chat.None{} }},
	"document.put": {chat.ScopeManage, all, func(w *world) any {
		return chat.PutDocumentInput{Name: "sidebar", Value: map[string]any{}}
	}},
	"schedule.create": {chat.ScopeSend, all, func(w *world) any {
		return chat.ScheduleInput{Room: w.room, Text: "later", At: w.Now().Add(time.Hour).Format(time.RFC3339)}
	}},
	"schedule.list": {chat.ScopeRead, all, func(w *world) any { return chat.None{} }},
	"schedule.update": {chat.ScopeSend, all, func(w *world) any {
		return chat.UpdateScheduledInput{ID: w.scheduled(), Text: ptr("changed")}
	}},
	"schedule.delete": {chat.ScopeSend, all, func(w *world) any {
		return chat.ScheduledIDInput{ID: w.scheduled()}
	}},
	"user.list": {chat.ScopeRead, all, func(w *world) any { return chat.UserPageInput{} }},
	"user.find": {chat.ScopeRead, all, func(w *world) any {
		return chat.FindUsersInput{Users: []chat.UserID{w.owner.User.ID}}
	}},
	"user.get": {chat.ScopeRead, all, func(w *world) any {
		return chat.UserInput{User: w.owner.User.ID}
	}},
	"user.update": {chat.ScopeManage, admins, func(w *world) any {
		return chat.UpdateUserInput{User: w.target.User.ID, Role: ptr(chat.RoleGuest)}
	}},
	"presence.seen": {chat.ScopeRead, all, func(w *world) any {
		return chat.SeenInput{Users: []chat.UserID{w.target.User.ID}}
	}},
	"emoji.list": {chat.ScopeRead, all, func(w *world) any { return chat.None{} }},
	"emoji.delete": {chat.ScopeManage, admins, func(w *world) any {
		return chat.EmojiInput{Name: w.emoji()}
	}},
	"presence.list": {chat.ScopeRead, all, func(w *world) any { return chat.OnlinePageInput{} }},
	"server.status": {chat.ScopeRead, admins, func(w *world) any { return chat.None{} }},
	"server.update": {chat.ScopeManage, "owner", func(w *world) any {
		return chat.UpdateServerInput{Name: ptr("Northwind")}
	}},
	"invite.show":   {"", all, func(w *world) any { return chat.ShowInviteInput{Invite: w.code} }},
	"invite.create": {chat.ScopeManage, admins, func(w *world) any { return chat.InviteInput{} }},
	"invite.list":   {chat.ScopeRead, admins, func(w *world) any { return chat.None{} }},
	"invite.delete": {chat.ScopeManage, admins, func(w *world) any {
		return chat.InviteIDInput{Invite: w.invite}
	}},
	"audit.list":     {chat.ScopeRead, admins, func(w *world) any { return chat.AuditInput{} }},
	"room.list":      {chat.ScopeRead, all, func(w *world) any { return chat.None{} }},
	"room.directory": {chat.ScopeRead, members, func(w *world) any { return chat.RoomPageInput{} }},
	"room.create": {chat.ScopeManage, members, func(w *world) any {
		return chat.CreateRoomInput{Name: "New"}
	}},
	"direct.open": {chat.ScopeManage, members, func(w *world) any {
		return chat.OpenDirectInput{User: w.target.User.ID}
	}},
	"room.get": {chat.ScopeRead, all, func(w *world) any { return chat.RoomInput{Room: w.room} }},
	"room.update": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.UpdateRoomInput{Room: w.room, Topic: ptr("new")}
	}},
	"room.join": {chat.ScopeManage, members, func(w *world) any {
		return chat.RoomInput{Room: w.public}
	}},
	"room.leave": {chat.ScopeManage, all, func(w *world) any {
		return chat.RoomInput{Room: w.room}
	}},
	"room.notify": {chat.ScopeManage, all, func(w *world) any {
		return chat.Notify{Room: w.room, Level: chat.NotifyAll}
	}},
	"member.list": {chat.ScopeRead, all, func(w *world) any {
		return chat.MemberPageInput{Room: w.room}
	}},
	"member.add": {chat.ScopeManage, moderator, func(w *world) any { return w.them() }},
	"member.update": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.UpdateMemberInput{Room: w.room, User: w.target.User.ID, Role: chat.RoomModerator}
	}},
	"member.remove": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.RemoveMemberInput{Room: w.room, User: w.target.User.ID}
	}},
	"member.mute": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.MuteInput{Room: w.room, User: w.target.User.ID, Seconds: 60}
	}},
	"member.unmute": {chat.ScopeManage, moderator, func(w *world) any { return w.them() }},
	"member.ban": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.BanInput{Room: w.room, User: w.target.User.ID}
	}},
	"ban.list": {chat.ScopeRead, moderator, func(w *world) any { return chat.RoomInput{Room: w.room} }},
	"ban.lift": {chat.ScopeManage, moderator, func(w *world) any {
		must(w.T, "ban", errOf(w.BanMember(w.T.Context(), w.owner,
			chat.BanInput{Room: w.room, User: w.target.User.ID})))
		return w.them()
	}},
	"hook.create": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.HookInput{Room: w.room, Name: "Another"}
	}},
	"hook.list": {chat.ScopeRead, moderator, func(w *world) any {
		return chat.RoomInput{Room: w.room}
	}},
	"hook.delete": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.HookIDInput{Room: w.room, Bot: w.hook}
	}},
	"outgoing.create": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.OutgoingInput{Room: w.room, URL: "https://other.example/"}
	}},
	"outgoing.list": {chat.ScopeRead, moderator, func(w *world) any {
		return chat.RoomInput{Room: w.room}
	}},
	"outgoing.delete": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.OutgoingIDInput{Room: w.room, Webhook: w.outgoing}
	}},
	"hook.adopt": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.HookIDInput{Room: w.room, Bot: w.hook}
	}},
	"outgoing.adopt": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.OutgoingIDInput{Room: w.room, Webhook: w.outgoing}
	}},
	"outgoing.dead": {chat.ScopeRead, moderator, func(w *world) any {
		return chat.OutgoingIDInput{Room: w.room, Webhook: w.outgoing}
	}},
	"outgoing.retry": {chat.ScopeManage, moderator, func(w *world) any {
		return chat.RetryInput{Room: w.room, Webhook: w.outgoing}
	}},
	"mail.get":         {chat.ScopeLogin, "", func(w *world) any { return chat.None{} }},
	"mail.set":         {chat.ScopeLogin, "", func(w *world) any { return chat.SetMailInput{} }},
	"mail.update":      {chat.ScopeLogin, "", func(w *world) any { return chat.UpdateMailInput{} }},
	"mail.confirm":     {"", "", func(w *world) any { return chat.MailCodeInput{} }},
	"mail.undo":        {"", "", func(w *world) any { return chat.MailCodeInput{} }},
	"mail.unsubscribe": {"", "", func(w *world) any { return chat.MailCodeInput{} }},
	"push.get":         {chat.ScopeLogin, "", func(w *world) any { return chat.None{} }},
	"push.subscribe":   {chat.ScopeLogin, "", func(w *world) any { return chat.PushInput{} }},
	"push.unsubscribe": {chat.ScopeLogin, "", func(w *world) any { return chat.PushDeviceInput{} }},
	"push.test":        {chat.ScopeLogin, "", func(w *world) any { return chat.PushDeviceInput{} }},
	"push.why":         {chat.ScopeLogin, "", func(w *world) any { return w.at(1) }},
	"message.send": {chat.ScopeSend, all, func(w *world) any {
		return chat.SendInput{Room: w.room, Text: "x"}
	}},
	"message.list": {chat.ScopeRead, all, func(w *world) any {
		return chat.MessageListInput{Room: w.room}
	}},
	"message.get": {chat.ScopeRead, all, func(w *world) any { return w.at(1) }},
	"message.edit": {chat.ScopeSend, all, func(w *world) any {
		return chat.EditInput{Room: w.room, No: w.own, Text: "y"}
	}},
	"message.delete": {chat.ScopeSend, all, func(w *world) any { return w.at(w.own) }},
	"message.edits": {chat.ScopeRead, all, func(w *world) any {
		return chat.EditListInput{Room: w.room, No: 1}
	}},
	"message.pin":   {chat.ScopeSend, members, func(w *world) any { return w.at(1) }},
	"message.unpin": {chat.ScopeSend, members, func(w *world) any { return w.at(1) }},
	"message.pins": {chat.ScopeRead, all, func(w *world) any {
		return chat.PinListInput{Room: w.room}
	}},
	"reaction.add": {chat.ScopeSend, all, func(w *world) any {
		return chat.ReactionInput{Room: w.room, No: 1, Emoji: "👍"}
	}},
	"reaction.remove": {chat.ScopeSend, all, func(w *world) any {
		return chat.ReactionInput{Room: w.room, No: 1, Emoji: "👍"}
	}},
	"link.previews": {chat.ScopeRead, all, func(w *world) any { return w.at(1) }},
	"thread.follow": {chat.ScopeSend, all, func(w *world) any { return w.at(1) }},
	"file.list": {chat.ScopeRead, all, func(w *world) any {
		return chat.FileListInput{Room: w.room}
	}},
	"message.search": {chat.ScopeRead, all, func(w *world) any {
		return chat.SearchInput{Text: "secret"}
	}},
	"event.list": {chat.ScopeRead, all, func(w *world) any { return eventsFromTheStart(w) }},
	"read.mark": {chat.ScopeSend, all, func(w *world) any {
		return chat.ReadInput{Room: w.room, No: 2}
	}},
	"report.create": {chat.ScopeSend, all, func(w *world) any { return chat.ReportInput{Room: w.room, No: 1} }},
	"report.list":   {chat.ScopeRead, all, func(w *world) any { return chat.None{} }},
	"report.close": {chat.ScopeManage, moderator, func(w *world) any {
		no := w.Say(w.target, w.room, "mean").No
		r, err := w.ReportMessage(w.T.Context(), w.owner, chat.ReportInput{Room: w.room, No: no})
		must(w.T, "report", err)
		return chat.CloseReportInput{Report: r.ID, Outcome: chat.ReportActed}
	}},
	"read.list": {chat.ScopeRead, all, func(w *world) any { return chat.RoomInput{Room: w.room} }},
	"typing.send": {chat.ScopeSend, all, func(w *world) any {
		return chat.RoomInput{Room: w.room}
	}},
}

func eventsFromTheStart(w *world) chat.EventListInput {
	heads, err := w.Store.Heads(w.T.Context(), chat.RoomStream(w.room))
	must(w.T, "heads", err)
	return chat.EventListInput{Room: w.room, Epoch: heads[0].Epoch}
}

// TestActionsByScopeAndRole tries every action with a token of each scope as
// each role. What needs another scope is refused, and no answer holds a message
// of another's, or of what is unread, unless the token may read. A new action
// needs a row.
func TestActionsByScopeAndRole(t *testing.T) {
	for _, a := range chat.Actions() {
		row, ok := scopeRows[a.Name]
		if !ok {
			t.Errorf("%s has no row in scopeRows", a.Name)
			continue
		}
		for _, role := range strings.Fields(all) {
			for _, scope := range []string{chat.ScopeRead, chat.ScopeSend, chat.ScopeManage} {
				w := newWorld(t, role)
				_, as := w.token(w.me, chat.TokenInput{Name: scope, Scopes: []string{scope}})
				in := row.in(w)
				answer, err := a.Call(t.Context(), w.Service, as, func(to any) error {
					reflect.ValueOf(to).Elem().Set(reflect.ValueOf(in))
					return nil
				})
				what := a.Name + " with " + scope + " as " + role
				if row.scope != "" && row.scope != scope {
					refused(t, what, err, chat.ErrForbidden)
					e, ok := errors.AsType[*chat.Error](err)
					if ok && !strings.Contains(strings.ToLower(e.Message), "token") {
						t.Errorf("%s is refused for another reason than its scope: %v", what, err)
					}
					continue
				}
				if may := slices.Contains(strings.Fields(row.may), role); may != (err == nil) {
					t.Errorf("%s: %v, want it allowed: %v", what, err, may)
				}
				text, jsonErr := json.Marshal(answer)
				must(t, what, jsonErr)
				for _, secret := range []string{"SECRET", `"last":`, `"replies":`, `"unread":1`,
					`"head_no":3`} {
					if scope != chat.ScopeRead && err == nil && strings.Contains(string(text), secret) {
						t.Errorf("%s answers %s", what, text)
					}
				}
			}
		}
	}
	if len(scopeRows) != len(chat.Actions()) {
		t.Error("there is a row of an action that is no more")
	}
}
