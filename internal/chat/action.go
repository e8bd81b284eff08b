package chat

import (
	"context"
	"reflect"
)

// Access says who may call an action. Permissions on rooms and people are
// checked inside the action.
type Access string

const (
	Anyone   Access = "anyone"   // without logging in
	LoggedIn Access = "loggedin" // every person with a session
)

// Action is one request of the API. Every transport offers all actions with the
// same names, inputs and outputs.
type Action struct {
	Name    string // WebSocket method and OpenAPI operation id, e.g. "message.send"
	Method  string // HTTP method
	Path    string // below /api/v1; {fields} are taken from the input by their JSON name
	Status  int    // HTTP status of success
	Summary string // one line
	Doc     string // more details for callers
	Access  Access
	Scope   string // what a token needs; empty for none

	In, Out reflect.Type // structs with json and doc tags; with GET, In comes from path and query

	// Call decodes the input with the given function, which fills a pointer to
	// In, and runs the action. The result is a value of type Out.
	Call func(ctx context.Context, s *Service, who Caller, decode func(in any) error) (any, error)
}

// None is the input or output of actions that have none.
type None struct{}

// action declares one entry of the table.
func action[In, Out any](name, method, path string, status int, access Access, summary, doc string,
	do func(*Service, context.Context, Caller, In) (Out, error)) Action {
	scope := ""
	if access == LoggedIn {
		scope = scopeOf(name, method)
	}
	return Action{
		Name: name, Method: method, Path: path, Status: status, Access: access, Scope: scope,
		Summary: summary, Doc: doc,
		In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out](),
		Call: func(ctx context.Context, s *Service, who Caller, decode func(any) error) (any, error) {
			if access == LoggedIn && who.Anonymous() {
				return nil, ErrUnauthenticated
			}
			if err := who.May(scope); err != nil {
				return nil, err
			}
			if err := s.Admit(ctx, who); err != nil { // decoding is work, too
				return nil, err
			}
			var in In
			if err := decode(&in); err != nil {
				return nil, err
			}
			out, err := do(s, ctx, who, in)
			if err != nil {
				return out, err
			}
			return who.readable(out), nil
		},
	}
}

// Actions lists all actions in the order of the reference.
func Actions() []Action {
	return []Action{
		action("server.info", "GET", "/server", 200, Anyone, "What this server is",
			"Its name, who may sign up, and its limits. needs_setup is true until the server has an owner.", (*Service).Info),
		action("server.update", "PATCH", "/server", 200, LoggedIn, "Change what the server does",
			"For owners.", (*Service).UpdateServer),
		action("server.status", "GET", "/server/status", 200, LoggedIn, "How the server is doing",
			"For admins and owners.", (*Service).Status),

		action("account.create", "POST", "/accounts", 201, Anyone, "Sign up",
			"Creates an account and logs in. On invite-only servers, invite must be an unused code.", (*Service).SignUpAccount),
		action("session.create", "POST", "/sessions", 201, Anyone, "Log in",
			"A wrong name and a wrong password get the same error.", (*Service).LogIn),
		action("session.redeem", "POST", "/sessions/link", 201, Anyone, "Log in with a link",
			"The operator makes such links (parley user link). Each works once, for 15 minutes.", (*Service).LogInByLink),
		action("passkey.ask", "POST", "/sessions/passkey/challenge", 200, Anyone, "Begin to use a passkey",
			"For session.passkey, session.prove, or in place of a code. Any passkey of this server can answer; the authenticator has to verify the person.", (*Service).AskPasskey),
		action("session.passkey", "POST", "/sessions/passkey", 201, Anyone, "Log in with a passkey",
			"Without name and password, and without another factor.", (*Service).LogInByPasskey),
		action("session.prove", "POST", "/sessions/current/proof", 200, LoggedIn, "Confirm that it is you",
			"With a code of your second factor or a passkey, or without one with your password. Counts for ten minutes in this session, as a log-in does. What needs it answers with an error of the kind proof.", (*Service).Prove),
		action("password.forgot", "POST", "/password/forgot", 200, Anyone, "Get a link to set a new password",
			"It is mailed to the account's address, if there is such an account and it has one. The answer does not tell.", (*Service).AskReset),
		action("password.reset", "POST", "/password/reset", 201, Anyone, "Set a new password with a link",
			"Each link works once, for an hour. Ends all sessions of the account and logs in. A second factor is asked for.", (*Service).ResetPassword),
		action("password.link", "POST", "/users/{user}/password", 201, LoggedIn, "Make a link to set a new password",
			"For admins and owners, to hand to somebody who has forgotten theirs. Needs a proof that it is you.", (*Service).MakeReset),
		action("session.delete", "DELETE", "/sessions/current", 200, LoggedIn, "Log out",
			"Ends the current session and closes its connections.", (*Service).LogOut),
		action("session.list", "GET", "/sessions", 200, LoggedIn, "Your sessions", "",
			(*Service).ListSessions),
		action("session.revoke", "DELETE", "/sessions/{session}", 200, LoggedIn,
			"End one of your sessions", "Its connections close at once.", (*Service).RevokeSession),
		action("token.create", "POST", "/tokens", 201, LoggedIn, "Create an API token",
			"The token is shown once. Set user for a bot's token. Changing the password also ends all tokens.", (*Service).CreateToken),
		action("token.list", "GET", "/tokens", 200, LoggedIn, "API tokens",
			"Newest first. Set user for a bot's tokens.", (*Service).ListTokens),
		action("token.revoke", "DELETE", "/tokens/{token}", 200, LoggedIn, "End a token",
			"Its connections close at once.", (*Service).RevokeToken),
		action("bot.create", "POST", "/bots", 201, LoggedIn, "Create a bot",
			"For admins and owners. Then create a token for it.", (*Service).CreateBot),
		action("account.get", "GET", "/account", 200, LoggedIn, "Who you are", "", (*Service).Me),
		action("account.update", "PATCH", "/account", 200, LoggedIn,
			"Set your status, quiet times and profile",
			"Given fields are replaced; an empty status or time clears it. Clients do not show a status after its until.", (*Service).UpdateAccount),
		action("picture.delete", "DELETE", "/account/picture", 200, LoggedIn,
			"Delete your picture", "It disappears for everyone.", (*Service).DeletePicture),
		action("account.password", "PUT", "/account/password", 200, LoggedIn, "Change your password",
			"Ends all your sessions, including this one, and returns a new one.", (*Service).ChangePassword),

		action("factor.get", "GET", "/account/factor", 200, LoggedIn, "Your second factor", "", (*Service).GetFactor),
		action("factor.begin", "POST", "/account/factor", 200, LoggedIn, "Begin to set up a second factor",
			"Show the address as a QR code to an authenticator app. It counts once it is confirmed, within 15 minutes. Needs a proof that it is you.", (*Service).BeginFactor),
		action("factor.confirm", "PUT", "/account/factor", 200, LoggedIn, "Confirm a second factor",
			"With the code that the app shows. It replaces the one before. A session that could only do this ends, and a whole one takes its place.", (*Service).ConfirmFactor),
		action("factor.recovery", "POST", "/account/factor/recovery", 200, LoggedIn, "New recovery codes",
			"Those before end. Needs a proof that it is you.", (*Service).RenewRecovery),
		action("factor.delete", "DELETE", "/account/factor", 200, LoggedIn, "Remove your authenticator app",
			"Unless it is the last second factor and your role needs one. Needs a proof that it is you.", (*Service).DeleteFactor),
		action("factor.reset", "DELETE", "/users/{user}/factor", 200, LoggedIn, "Remove the second factor of somebody who has lost it",
			"All of them, passkeys and recovery codes too. For admins and owners. Needs a proof that it is you.", (*Service).ResetFactor),

		action("passkey.list", "GET", "/account/passkeys", 200, LoggedIn, "Your passkeys", "", (*Service).ListPasskeys),
		action("passkey.begin", "POST", "/account/passkeys/challenge", 200, LoggedIn, "Begin to add a passkey",
			"Needs a proof that it is you.", (*Service).BeginPasskey),
		action("passkey.finish", "POST", "/account/passkeys", 200, LoggedIn, "Add a passkey",
			"From then on a password alone does not log in any more. With the first second factor come recovery codes. A session that could only do this ends, and a whole one takes its place.", (*Service).FinishPasskey),
		action("passkey.rename", "PATCH", "/account/passkeys/{passkey}", 200, LoggedIn, "Rename a passkey", "", (*Service).RenamePasskey),
		action("passkey.delete", "DELETE", "/account/passkeys/{passkey}", 200, LoggedIn, "Remove a passkey",
			"Unless it is the last second factor and your role needs one. Needs a proof that it is you.", (*Service).DeletePasskey),

		action("document.list", "GET", "/documents", 200, LoggedIn, "Your documents",
			"Small JSON objects that your clients share: settings, the order of the sidebar.", (*Service).ListDocuments),
		action("document.put", "PUT", "/documents/{name}", 200, LoggedIn, "Replace one of your documents",
			"conflict if its version is not was any more: read it again, and repeat the change. At most 20 of 48 KiB each. Your other clients get a signal.", (*Service).PutDocument),

		action("push.get", "GET", "/push", 200, LoggedIn, "Your devices that get push notifications",
			"With the server's key, to subscribe with.", (*Service).GetPush),
		action("push.subscribe", "PUT", "/push", 200, LoggedIn, "Get push notifications on this device",
			"Web Push, as a browser's PushSubscription says it. It ends with the log-in. A device that subscribes again replaces its subscription; of more than 20 devices the oldest ends.", (*Service).SubscribePush),
		action("push.unsubscribe", "DELETE", "/push/{device}", 200, LoggedIn,
			"End the push notifications of a device", "", (*Service).UnsubscribePush),
		action("push.test", "POST", "/push/{device}/test", 200, LoggedIn, "Send a test to a device",
			"conflict, with the reason, if its push service does not accept it.", (*Service).TestPush),
		action("push.why", "GET", "/rooms/{room}/messages/{no}/push", 200, LoggedIn,
			"Why a message notified you, or did not",
			"What the rule says, and for each of your devices what was sent and when. Traces are kept for a day.", (*Service).WhyPush),

		action("mail.get", "GET", "/account/mail", 200, LoggedIn, "Your mail address, and what it is for", "",
			(*Service).GetMail),
		action("mail.set", "PUT", "/account/mail", 200, LoggedIn, "Set your mail address",
			"A mail with a link goes there; the address is yours when you follow it. The address before gets a mail with a link that undoes the change.", (*Service).SetMail),
		action("mail.update", "PATCH", "/account/mail", 200, LoggedIn, "Turn mail about unread messages on or off", "",
			(*Service).UpdateMail),
		action("mail.confirm", "POST", "/mail/confirm", 200, Anyone, "Confirm a mail address",
			"With the code from the mail, which works for a day.", (*Service).ConfirmMail),
		action("mail.undo", "POST", "/mail/undo", 200, Anyone, "Undo the change of a mail address",
			"With the code from the mail to the address before, which works for a week. Ends all sessions of the account.", (*Service).UndoMail),
		action("mail.unsubscribe", "POST", "/mail/unsubscribe", 200, Anyone, "End mail about unread messages",
			"With the code from such a mail.", (*Service).UnsubscribeMail),

		action("emoji.list", "GET", "/emoji", 200, LoggedIn, "Custom emoji",
			"Those that people have added to this server. After a change everyone online gets the signal emoji, and sync says their revision.", (*Service).ListEmoji),
		action("emoji.delete", "DELETE", "/emoji/{name}", 200, LoggedIn, "Remove a custom emoji",
			"For admins and owners, and for who added it while they have the right emoji, see server.info. Messages show its name from then on.", (*Service).DeleteEmoji),

		action("user.list", "GET", "/users", 200, LoggedIn, "People",
			"Sorted by id. Guests see only the people in their rooms.", (*Service).ListUsers),
		action("user.find", "POST", "/users/find", 200, LoggedIn, "Find people",
			"By how a name begins, or by ids. A name that is new may take a moment to be found. Guests find only the people in their rooms.", (*Service).FindUsers),
		action("user.get", "GET", "/users/{user}", 200, LoggedIn, "One person", "", (*Service).GetUser),
		action("user.update", "PATCH", "/users/{user}", 200, LoggedIn,
			"Change a person's role, or disable them",
			"For admins and owners. Disabling ends all their sessions at once; with seconds, they may log in again after that.", (*Service).UpdateUser),
		action("presence.list", "GET", "/presence", 200, LoggedIn, "Who is online",
			"Sorted by id, without those who do not show it. Guests are told nothing.", (*Service).ListOnline),
		action("presence.seen", "POST", "/presence/seen", 200, LoggedIn, "When people were last online",
			"At most 100 people, to the minute. Without bots and those who do not show it. Guests are told nothing.", (*Service).ListSeen),

		action("invite.create", "POST", "/invites", 201, LoggedIn, "Invite someone",
			"The code is shown once. It lets one person sign up, or with uses several. For those who have the right invite, see server.info.", (*Service).CreateInvite),
		action("invite.show", "POST", "/invites/show", 200, Anyone, "Who invites to what",
			"For whoever has the code.", (*Service).ShowInvite),
		action("invite.list", "GET", "/invites", 200, LoggedIn, "Open invites",
			"For admins and owners; members see their own.", (*Service).ListInvites),
		action("invite.delete", "DELETE", "/invites/{invite}", 200, LoggedIn, "Withdraw an invite",
			"For admins and owners.", (*Service).DeleteInvite),

		action("audit.list", "GET", "/audit", 200, LoggedIn, "Audit log",
			"Newest first, for a year. For admins and owners; with room, also for its moderators.",
			(*Service).ListAudit),

		action("room.list", "GET", "/rooms", 200, LoggedIn, "Your rooms",
			"Each as you see it, with its position.", (*Service).ListRooms),
		action("room.directory", "GET", "/directory", 200, LoggedIn, "Public rooms",
			"Sorted by id. Not for guests.", (*Service).Directory),
		action("room.create", "POST", "/rooms", 201, LoggedIn, "Create a room",
			"You become its moderator.", (*Service).CreateRoom),
		action("direct.open", "POST", "/direct", 200, LoggedIn,
			"Open the direct room with one to eight people",
			"There is one room per set of people: opening it again returns the same room.", (*Service).OpenDirect),
		action("room.get", "GET", "/rooms/{room}", 200, LoggedIn, "One of your rooms", "",
			(*Service).GetRoom),
		action("room.update", "PATCH", "/rooms/{room}", 200, LoggedIn,
			"Rename a room, set its topic, archive it or slow it down",
			"For its moderators. In an archived room no one can write, react, pin or join.",
			(*Service).UpdateRoom),
		action("room.join", "POST", "/rooms/{room}/join", 200, LoggedIn, "Join a public room", "",
			(*Service).JoinRoom),
		action("room.leave", "POST", "/rooms/{room}/leave", 200, LoggedIn, "Leave a room",
			"A direct room is only closed: it leaves your list until someone writes in it or you open it.",
			(*Service).LeaveRoom),
		action("room.notify", "PUT", "/rooms/{room}/notify", 200, LoggedIn,
			"Set your notification level for a room", "", (*Service).SetNotify),
		action("member.list", "GET", "/rooms/{room}/members", 200, LoggedIn, "People in a room",
			"Sorted by user id.", (*Service).ListMembers),
		action("member.add", "PUT", "/rooms/{room}/members/{user}", 200, LoggedIn,
			"Add a person to a room", "For its moderators. Adding someone twice changes nothing.",
			(*Service).AddMember),
		action("member.update", "PATCH", "/rooms/{room}/members/{user}", 200, LoggedIn,
			"Change a person's role in a room", "For its moderators.", (*Service).UpdateMember),
		action("member.remove", "DELETE", "/rooms/{room}/members/{user}", 200, LoggedIn,
			"Remove a person from a room", "For its moderators.", (*Service).RemoveMember),
		action("member.mute", "PUT", "/rooms/{room}/members/{user}/mute", 200, LoggedIn,
			"Keep a member from writing in a room and its threads",
			"For its moderators, who cannot be muted themselves. Leaving and joining again does not end the mute.", (*Service).MuteMember),
		action("member.unmute", "DELETE", "/rooms/{room}/members/{user}/mute", 200, LoggedIn,
			"Let a member write again", "For the room's moderators.", (*Service).UnmuteMember),
		action("member.ban", "PUT", "/rooms/{room}/bans/{user}", 200, LoggedIn,
			"Ban a person from a room",
			"For its moderators, who cannot be banned themselves. In General, only guests can be banned.",
			(*Service).BanMember),
		action("ban.list", "GET", "/rooms/{room}/bans", 200, LoggedIn, "The banned person of a room",
			"For its moderators.", (*Service).ListBans),
		action("ban.lift", "DELETE", "/rooms/{room}/bans/{user}", 200, LoggedIn,
			"Lift a ban",
			"For its moderators. The person can then join or be added again.", (*Service).LiftBan),

		action("hook.create", "POST", "/rooms/{room}/hooks", 201, LoggedIn, "Create an incoming webhook",
			"For the room's moderators. Apps post to its address in Slack's format, see docs/integrations.md.", (*Service).CreateHook),
		action("hook.list", "GET", "/rooms/{room}/hooks", 200, LoggedIn,
			"Incoming webhooks of a room", "For its moderators.", (*Service).ListHooks),
		action("hook.delete", "DELETE", "/rooms/{room}/hooks/{bot}", 200, LoggedIn,
			"Delete an incoming webhook", "For the room's moderators. Its messages stay, and its name becomes free.", (*Service).DeleteHook),
		action("hook.adopt", "POST", "/rooms/{room}/hooks/{bot}/adopt", 200, LoggedIn,
			"Adopt an incoming webhook", "For the room's moderators. A webhook acts with the permissions of the person who created or adopted it, and pauses when they no longer moderate the room.", (*Service).AdoptHook),

		action("outgoing.create", "POST", "/rooms/{room}/outgoing", 201, LoggedIn,
			"Create an outgoing webhook",
			"For the room's moderators. New events are posted to its address, signed and in order, see docs/integrations.md.", (*Service).CreateOutgoing),
		action("outgoing.list", "GET", "/rooms/{room}/outgoing", 200, LoggedIn,
			"Outgoing webhooks of a room",
			"For its moderators. Shows the position of each and its last error.", (*Service).ListOutgoing),
		action("outgoing.delete", "DELETE", "/rooms/{room}/outgoing/{webhook}", 200, LoggedIn,
			"Delete an outgoing webhook", "For the room's moderators.", (*Service).DeleteOutgoing),
		action("outgoing.adopt", "POST", "/rooms/{room}/outgoing/{webhook}/adopt", 200, LoggedIn,
			"Adopt an outgoing webhook", "For the room's moderators. A webhook acts with the permissions of the person who created or adopted it, and pauses when they no longer moderate the room.", (*Service).AdoptOutgoing),
		action("outgoing.dead", "GET", "/rooms/{room}/outgoing/{webhook}/dead", 200, LoggedIn,
			"Dead letters of an outgoing webhook", "For the room's moderators. Oldest first.", (*Service).ListDead),
		action("outgoing.retry", "POST", "/rooms/{room}/outgoing/{webhook}/retry", 200, LoggedIn,
			"Retry dead letters",
			"For the room's moderators. Retries all of them, or the one given as dead, and the event that is waiting for its next attempt.", (*Service).RetryDead),

		action("message.send", "POST", "/rooms/{room}/messages", 201, LoggedIn, "Send a message",
			"The response means that the message is stored and numbered. Retrying with the same client_id from the same device returns the same message.", (*Service).Send),
		action("message.list", "GET", "/rooms/{room}/messages", 200, LoggedIn, "Messages of a room",
			"Ascending by no. Give one of before, after and around, or none for the newest messages.",
			(*Service).ListMessages),
		action("message.get", "GET", "/rooms/{room}/messages/{no}", 200, LoggedIn, "One message",
			"", (*Service).GetMessage),
		action("message.edit", "PATCH", "/rooms/{room}/messages/{no}", 200, LoggedIn,
			"Edit your message", "The earlier text is kept, see message.edits.",
			(*Service).EditMessage),
		action("message.delete", "DELETE", "/rooms/{room}/messages/{no}", 200, LoggedIn, "Delete a message",
			"Your own, or any as a moderator of the room. Its content is removed everywhere; its number stays.", (*Service).DeleteMessage),
		action("message.edits", "GET", "/rooms/{room}/messages/{no}/edits", 200, LoggedIn,
			"Earlier texts of a message", "The newest 100 of them, oldest first, in pages.", (*Service).ListEdits),
		action("message.pin", "PUT", "/rooms/{room}/messages/{no}/pin", 200, LoggedIn,
			"Pin a message", "At most 100 in a room. Not for guests.", (*Service).PinMessage),
		action("message.unpin", "DELETE", "/rooms/{room}/messages/{no}/pin", 200, LoggedIn,
			"Unpin a message", "Not for guests.", (*Service).UnpinMessage),
		action("message.pins", "GET", "/rooms/{room}/pins", 200, LoggedIn,
			"Pinned messages of a room", "Last pinned first, in pages.", (*Service).ListPins),
		action("reaction.add", "PUT", "/rooms/{room}/messages/{no}/reactions/{emoji}", 200,
			LoggedIn, "React to a message", "Adding it twice changes nothing.", (*Service).AddReaction),
		action("reaction.remove", "DELETE", "/rooms/{room}/messages/{no}/reactions/{emoji}", 200,
			LoggedIn, "Remove your reaction", "", (*Service).RemoveReaction),
		action("link.previews", "GET", "/rooms/{room}/messages/{no}/previews", 200, LoggedIn,
			"Link previews of a message",
			"Title, description and picture of the first three links. Links in code and links between < and > have no preview. The server first fetches pages that it has not fetched recently, which may take seconds.", (*Service).ListPreviews),
		action("thread.follow", "PUT", "/rooms/{room}/messages/{no}/thread", 200, LoggedIn,
			"Follow the thread under a message",
			"The thread is a room of its own and is created if necessary. Leave it to stop following. People who reply or are mentioned in it follow it automatically. Everyone in the message's room can read it.", (*Service).FollowThread),
		action("message.search", "GET", "/search", 200, LoggedIn, "Find messages",
			"Searches your rooms and their threads. All given fields apply. Words are found by their beginning and without accents, long ones also by a part. If nothing has the words, one typing error is forgiven, and corrected says what was found instead. A message is found about a second after it was sent. Where next is set but there are few messages, the search stopped early; until says how far back it went.", (*Service).Search),
		action("file.list", "GET", "/rooms/{room}/files", 200, LoggedIn, "Files of a room",
			"Those of its messages and of the threads there that you follow, newest first. A page looks at some thousands of messages: it may have no files and a next.", (*Service).ListFiles),
		action("event.list", "GET", "/rooms/{room}/events", 200, LoggedIn,
			"What happened in a room since a position",
			"Ascending, without gaps. The error resync means: fetch the room again.",
			(*Service).ListEvents),
		action("read.mark", "PUT", "/rooms/{room}/read", 200, LoggedIn,
			"Mark a room as read up to a message", "Only moves forward.", (*Service).MarkRead),
		action("read.list", "GET", "/rooms/{room}/reads", 200, LoggedIn,
			"How far the people in a room have read",
			"In rooms of up to 100 people, unless it is off on the server. Without those who hide what they have read, who may not ask either.", (*Service).ListReads),
		action("report.create", "POST", "/rooms/{room}/messages/{no}/report", 201, LoggedIn, "Have a message looked at",
			"By the moderators of its room, or by admins if it is in a direct room or by a moderator. They get it as it is now. A second time, the answer is the first report.", (*Service).ReportMessage),
		action("report.list", "GET", "/reports", 200, LoggedIn, "Reports",
			"Those that you may close, and your own that were closed. The signal reports says that some report was made or closed.", (*Service).ListReports),
		action("report.close", "PUT", "/reports/{report}", 200, LoggedIn, "Say what came of a report",
			"The reporter hears it, and not from whom.", (*Service).CloseReport),
		action("schedule.create", "POST", "/scheduled", 201, LoggedIn, "Send a message later, or be reminded of one",
			"At its time a message is sent as if you did it then. A reminder becomes due, and your clients get a signal.", (*Service).Schedule),
		action("schedule.list", "GET", "/scheduled", 200, LoggedIn, "Your scheduled messages and reminders",
			"A message that could not be sent stays, with the error.", (*Service).ListScheduled),
		action("schedule.update", "PATCH", "/scheduled/{id}", 200, LoggedIn, "Change when or what is sent", "",
			(*Service).UpdateScheduled),
		action("schedule.delete", "DELETE", "/scheduled/{id}", 200, LoggedIn,
			"Cancel a scheduled message or reminder", "", (*Service).DeleteScheduled),
		action("typing.send", "POST", "/rooms/{room}/typing", 200, LoggedIn,
			"Show that you are typing", "Lasts 5 seconds. May be lost.", (*Service).SendTyping),
	}
}
