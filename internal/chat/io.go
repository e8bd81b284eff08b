package chat

import "time"

// Inputs and outputs of the actions, in the order of the table. Their json tags
// are the names on the wire, their doc tags the reference.

// ServerInfo is what anybody may know of the server.
type ServerInfo struct {
	Name       string `json:"name" doc:"The server's name"`
	Version    string `json:"version" doc:"Its version"`
	SignUp     SignUp `json:"sign_up" enum:"open,invite,closed" doc:"Who may sign up"`
	NeedsSetup bool   `json:"needs_setup" doc:"Nobody owns the server yet: use the link that it printed at its start"`
	External   bool   `json:"external,omitempty" doc:"Another program logs people in: there are no passwords, and nobody signs up"`
	LogIn      string `json:"log_in,omitempty" doc:"With external: address of its page for logging in"`
	LogOut     string `json:"log_out,omitempty" doc:"With external: address of its page for logging out"`
	Limits     Limits `json:"limits" doc:"What it allows"`
	Previews   bool   `json:"previews" doc:"It shows what links lead to, see link.previews"`
}

// SignUpInput asks for an account.
type SignUpInput struct {
	Name     string `json:"name" doc:"Name that others will see"`
	Password string `json:"password" doc:"Password"`
	Invite   string `json:"invite,omitempty" doc:"Code of an invite"`
}

// LogInInput asks for a session.
type LogInInput struct {
	Name     string `json:"name" doc:"Name"`
	Password string `json:"password" doc:"Password"`
}

// LoggedInOutput is a new session. Browsers get the token as a cookie instead.
type LoggedInOutput struct {
	User    User    `json:"user" doc:"Who you are"`
	Session Session `json:"session" doc:"The session"`
	Token   string  `json:"token,omitempty" doc:"Bearer token; keep it secret"`
}

// SessionList is a person's sessions, newest first.
type SessionList struct {
	Sessions []Session `json:"sessions" doc:"Newest first"`
}

// SessionInput names a session.
type SessionInput struct {
	Session SessionID `json:"session" doc:"Id of the session"`
}

// TokenInput asks for a token.
type TokenInput struct {
	Name   string   `json:"name" doc:"What it is for"`
	Scopes []string `json:"scopes" doc:"What it may do: read, send, manage"`
	Days   int      `json:"days,omitempty" doc:"How long it is valid; 0 for ten years"`
	User   UserID   `json:"user,omitempty" doc:"A bot whose token it is to be; default you"`
}

// TokenOutput is a new token.
type TokenOutput struct {
	Session Session `json:"session" doc:"What it may do, and until when"`
	Token   string  `json:"token" doc:"Bearer token; keep it secret. It is not shown again"`
}

// TokenListInput asks for tokens.
type TokenListInput struct {
	User UserID `json:"user,omitempty" doc:"A bot; default you"`
}

// TokenIDInput names a token.
type TokenIDInput struct {
	Token SessionID `json:"token" doc:"Id of the token's session, not the token"`
	User  UserID    `json:"user,omitempty" doc:"The bot whose it is; default you"`
}

// BotInput asks for a bot.
type BotInput struct {
	Name string `json:"name" doc:"Name that others will see"`
	Role Role   `json:"role,omitempty" enum:"member,guest" doc:"A guest sees only the rooms that it is added to, a member also public ones; default guest"`
}

// Hook is an incoming webhook: an address at which a program posts into one
// room.
type Hook struct {
	Room      RoomID    `json:"room" doc:"Room"`
	Bot       User      `json:"bot" doc:"As whom it posts"`
	CreatedBy UserID    `json:"created_by" doc:"Who made it"`
	CreatedAt time.Time `json:"created_at" doc:"When"`
}

// HookInput asks for an incoming webhook.
type HookInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	Name string `json:"name" doc:"Name under which it posts; nobody else may have it"`
}

// HookOutput is a new incoming webhook.
type HookOutput struct {
	Hook Hook   `json:"hook" doc:"The webhook"`
	Path string `json:"path" doc:"Path of its address on this server; keep it secret. It is not shown again"`
}

// HookList is the incoming webhooks of a room.
type HookList struct {
	Hooks []Hook `json:"hooks" doc:"Sorted by the id of their bot"`
}

// HookIDInput names an incoming webhook.
type HookIDInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	Bot  UserID `json:"bot" doc:"Id of its bot"`
}

// MeOutput is who asks.
type MeOutput struct {
	User    User    `json:"user" doc:"You"`
	Session Session `json:"session" doc:"The session that asks"`
}

// PasswordInput changes a password.
type PasswordInput struct {
	Old string `json:"old" doc:"Password until now"`
	New string `json:"new" doc:"Password from now on"`
}

// UserPageInput asks for a page of people.
type UserPageInput struct {
	After UserID `json:"after,omitempty" doc:"Only people with a greater id: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"At most so many; default 100"`
}

// UserPage is a page of people.
type UserPage struct {
	Users    []User   `json:"users" doc:"Sorted by id"`
	Next     UserID   `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
	Position Position `json:"position" doc:"Place in the server's stream: every event up to it is in this page or in later ones"`
}

// UserInput names a person.
type UserInput struct {
	User UserID `json:"user" doc:"Id of the person"`
}

// UpdateUserInput changes a person. What is not given stays.
type UpdateUserInput struct {
	User     UserID `json:"user" doc:"Id of the person"`
	Role     *Role  `json:"role,omitempty" enum:"owner,admin,member,guest" doc:"New role"`
	Disabled *bool  `json:"disabled,omitempty" doc:"Whether they may not log in"`
	Seconds  int    `json:"seconds,omitempty" doc:"With disabled: for how long; default for good"`
	Reason   string `json:"reason,omitempty" doc:"Why, for the audit log; at most 250 characters"`
}

// PictureInput names a person's picture.
type PictureInput struct {
	User UserID `json:"user" doc:"Id of the person"`
	V    string `json:"v,omitempty" doc:"Id of the picture, as the person has it: what comes may be kept for good then"`
}

// UpdateAccountInput changes what one says of oneself. What is not given stays,
// what is given empty is taken away.
type UpdateAccountInput struct {
	Status     *StatusInput `json:"status,omitempty" doc:"New status"`
	QuietUntil *string      `json:"quiet_until,omitempty" doc:"You do not want to be disturbed until then: a time as in RFC 3339, or empty"`
	About      *string      `json:"about,omitempty" doc:"What you say of yourself: one line of at most 250 characters"`
}

// StatusInput is a new status.
type StatusInput struct {
	Emoji string `json:"emoji,omitempty" doc:"One emoji"`
	Text  string `json:"text,omitempty" doc:"At most 100 characters; a status without both is none"`
	Until string `json:"until,omitempty" doc:"Shown until then: a time as in RFC 3339; default until it is taken away"`
}

// OnlineOutput is who is online.
type OnlineOutput struct {
	Online []UserID `json:"online" doc:"People with at least one open connection, sorted"`
}

// InviteInput asks for an invite.
type InviteInput struct {
	Role  Role `json:"role,omitempty" enum:"owner,admin,member,guest" doc:"Role that it gives; default member"`
	Hours int  `json:"hours,omitempty" doc:"How long it is valid; default 168 (a week), at most 720"`
}

// InviteOutput is a new invite.
type InviteOutput struct {
	Invite Invite `json:"invite" doc:"The invite"`
	Code   string `json:"code" doc:"Give it to the person; it is not shown again"`
}

// InviteList is the open invites.
type InviteList struct {
	Invites []Invite `json:"invites" doc:"Newest first"`
}

// InviteIDInput names an invite.
type InviteIDInput struct {
	Invite string `json:"invite" doc:"Id of the invite"`
}

// RoomList is a person's rooms.
type RoomList struct {
	Rooms []RoomView `json:"rooms" doc:"Sorted by id"`
}

// RoomPageInput asks for a page of public rooms.
type RoomPageInput struct {
	After RoomID `json:"after,omitempty" doc:"Only rooms with a greater id: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"At most so many; default 100"`
}

// RoomPage is a page of public rooms.
type RoomPage struct {
	Rooms []Room `json:"rooms" doc:"Sorted by id"`
	Next  RoomID `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
}

// CreateRoomInput asks for a room.
type CreateRoomInput struct {
	Name  string   `json:"name" doc:"Name"`
	Topic string   `json:"topic,omitempty" doc:"What it is about"`
	Kind  RoomKind `json:"kind,omitempty" enum:"public,private" doc:"Who may come in; default public"`
	Users []UserID `json:"users,omitempty" doc:"People to add at once, at most 50"`
}

// OpenDirectInput asks for a direct room.
type OpenDirectInput struct {
	User  UserID   `json:"user,omitempty" doc:"Id of another person"`
	Users []UserID `json:"users,omitempty" doc:"Ids of one to eight others; instead of user, or beside it"`
}

// RoomInput names a room.
type RoomInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
}

// UpdateRoomInput changes a room. What is not given stays.
type UpdateRoomInput struct {
	Room     RoomID  `json:"room" doc:"Id of the room"`
	Name     *string `json:"name,omitempty" doc:"New name"`
	Topic    *string `json:"topic,omitempty" doc:"New topic, empty for none"`
	Retain   *int    `json:"retain,omitempty" doc:"Days after which messages are deleted; 0 as the server does, -1 never. For admins and owners"`
	Archived *bool   `json:"archived,omitempty" doc:"Whether it can only be read and left. Not General"`
	Slow     *int    `json:"slow,omitempty" doc:"Seconds from one message of a member to the next, up to 21600; 0 for none. Not for its moderators, and not in threads"`
}

// MemberPageInput asks for a page of a room's people.
type MemberPageInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	After UserID `json:"after,omitempty" doc:"Only people with a greater id: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"At most so many; default 100"`
}

// MemberPage is a page of a room's people.
type MemberPage struct {
	Members []Member `json:"members" doc:"Sorted by user id"`
	Next    UserID   `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
}

// MemberInput names a person in a room.
type MemberInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	User UserID `json:"user" doc:"Id of the person"`
}

// UpdateMemberInput changes a person's role in a room.
type UpdateMemberInput struct {
	Room RoomID   `json:"room" doc:"Id of the room"`
	User UserID   `json:"user" doc:"Id of the person"`
	Role RoomRole `json:"role" enum:"moderator,member" doc:"New role"`
}

// RemoveMemberInput takes a person out of a room.
type RemoveMemberInput struct {
	Room   RoomID `json:"room" doc:"Id of the room"`
	User   UserID `json:"user" doc:"Id of the person"`
	Reason string `json:"reason,omitempty" doc:"Why; they see it, and it is kept in the record of what was done"`
}

// MuteInput keeps a member from writing.
type MuteInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	User    UserID `json:"user" doc:"Id of the person"`
	Seconds int64  `json:"seconds" doc:"For how long from now"`
	Reason  string `json:"reason,omitempty" doc:"Why; they see it"`
}

// BanInput keeps a person out of a room.
type BanInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	User    UserID `json:"user" doc:"Id of the person"`
	Seconds int64  `json:"seconds,omitempty" doc:"For how long from now; 0 for good"`
	Reason  string `json:"reason,omitempty" doc:"Why; they see it when they try to come in"`
}

// BanList is who is kept out of a room.
type BanList struct {
	Bans []Ban `json:"bans" doc:"Sorted by user id"`
}

// SendInput is a message to be sent.
type SendInput struct {
	Room     RoomID   `json:"room" doc:"Id of the room"`
	Text     string   `json:"text,omitempty" doc:"Markdown; may be empty if there are files"`
	Files    []string `json:"files,omitempty" doc:"Ids of files that you have uploaded"`
	Thread   int64    `json:"thread,omitempty" doc:"Number of a message of the room: send it into the thread under that, which is made if it is not there"`
	ClientID string   `json:"client_id,omitempty" doc:"Your id for this message, at most 64 bytes; a retry with the same id is the same message"`
}

// MessageListInput asks for messages.
type MessageListInput struct {
	Room   RoomID `json:"room" doc:"Id of the room"`
	Before int64  `json:"before,omitempty" doc:"Only messages with a smaller no, the newest of them"`
	After  *int64 `json:"after,omitempty" doc:"Only messages with a greater no, the oldest of them; 0 starts at the first"`
	Around int64  `json:"around,omitempty" doc:"Messages around this no"`
	Limit  int    `json:"limit,omitempty" doc:"At most so many; default 50"`
}

// MessagePage is a page of messages. No runs without holes, so first and last
// are the cursors.
type MessagePage struct {
	Messages  []Message `json:"messages" doc:"Ascending by no"`
	MoreOlder bool      `json:"more_older" doc:"There are messages before the first"`
	MoreNewer bool      `json:"more_newer" doc:"There are messages after the last"`
}

// MessageInput names a message.
type MessageInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	No   int64  `json:"no" doc:"Number of the message"`
}

// EditInput is another text for a message.
type EditInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	No   int64  `json:"no" doc:"Number of the message"`
	Text string `json:"text" doc:"Markdown"`
}

// EditList is the earlier texts of a message, of which [MaxEdits] are kept.
type EditList struct {
	Edits []Edit `json:"edits" doc:"Oldest first"`
}

// MessageList is some messages.
type MessageList struct {
	Messages []Message `json:"messages" doc:"Messages"`
}

// ReactionInput is a reaction to a message.
type ReactionInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	No    int64  `json:"no" doc:"Number of the message"`
	Emoji string `json:"emoji" doc:"One emoji"`
}

// FileInput names a file of a message.
type FileInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	No    int64  `json:"no" doc:"Number of the message"`
	File  string `json:"file" doc:"Id of the file"`
	Width int    `json:"width,omitempty" doc:"Pictures: the smallest one whose longer side has at least so many pixels, if it is smaller than the file"`
}

// Preview is what can be shown of a link. Its texts are a stranger's: one line
// each, to be shown as text.
type Preview struct {
	URL         string `json:"url" doc:"The link, as it stands in the message"`
	Title       string `json:"title" doc:"Title; may be empty if there is an image"`
	Description string `json:"description,omitempty" doc:"What it is about"`
	Site        string `json:"site,omitempty" doc:"The site's name for itself"`
	Image       string `json:"image,omitempty" doc:"Path on this server of a small picture, which may turn out not to be there"`
}

// PreviewList is what can be shown of a message's links.
type PreviewList struct {
	Previews []Preview `json:"previews" doc:"In the order of the text; links of which there is nothing to show are not there"`
}

// PreviewInput names the picture of a link in a message.
type PreviewInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	No      int64  `json:"no" doc:"Number of the message"`
	Preview string `json:"preview" doc:"Id of the link, as in image of link.previews"`
}

// EventListInput asks for the events since a position.
type EventListInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	Epoch string `json:"epoch" doc:"Epoch of the position"`
	Seq   int64  `json:"seq" doc:"Number of the last event seen"`
	ID    string `json:"id,omitempty" doc:"Id of that event, if known"`
	Limit int    `json:"limit,omitempty" doc:"At most so many; default 100"`
}

// EventList is what happened since.
type EventList struct {
	Events []Event `json:"events" doc:"Ascending by seq, without holes"`
	More   bool    `json:"more" doc:"Ask again from the last of these"`
}

// ReadInput moves a read position.
type ReadInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	No   int64  `json:"no" doc:"Number of the newest message read"`
}

// ReadOutput is the read position now.
type ReadOutput struct {
	Read
	Unread int64 `json:"unread" doc:"Messages after it"`
}

// maxInviteAge bounds how long an invite can be valid.
const maxInviteAge = 720 * time.Hour
