package chat

import "time"

// Role is what a person may do on the server. See permission.go for the rules.
type Role string

const (
	RoleOwner  Role = "owner"  // everything, including making owners
	RoleAdmin  Role = "admin"  // people, invites, public rooms
	RoleMember Role = "member" // create rooms, join public ones, invite where allowed
	RoleGuest  Role = "guest"  // only the rooms that they were added to
)

// User is a person as others see them. Users can be compared with ==: their
// times are in UTC, to the millisecond.
type User struct {
	ID        UserID    `json:"id" doc:"Id"`
	Name      string    `json:"name" doc:"Unique name; no other name looks like it, but for those of deleted webhooks"`
	Role      Role      `json:"role" enum:"owner,admin,member,guest" doc:"Role on the server"`
	Disabled  bool      `json:"disabled,omitempty" doc:"May not log in"`
	Bot       bool      `json:"bot,omitempty" doc:"A program: it has tokens, and no password"`
	CreatedAt time.Time `json:"created_at" doc:"When the account was made"`

	// What follows is left out where it is empty.
	Status        Status    `json:"status,omitzero" doc:"What they say of themselves for now"`
	QuietUntil    time.Time `json:"quiet_until,omitzero" doc:"They do not want to be disturbed until then"`
	About         string    `json:"about,omitempty" doc:"What they say of themselves, one line"`
	Picture       string    `json:"picture,omitempty" doc:"Id of their picture, see picture.open; another with each picture"`
	DisabledUntil time.Time `json:"disabled_until,omitzero" doc:"With disabled: until then; without it, for good"`
}

// Status is what somebody says of themselves for a while. The zero Status is
// none.
type Status struct {
	Emoji string    `json:"emoji,omitempty" doc:"One emoji"`
	Text  string    `json:"text,omitempty" doc:"A few words"`
	Until time.Time `json:"until,omitzero" doc:"Shown until then; without it, until it is taken away"`
}

// disabled refuses a log-in.
func disabled(u User) *Error {
	e := &Error{Code: CodeForbidden, Message: "this account is disabled",
		Because: &Because{Kind: IsDisabled, Until: u.DisabledUntil}}
	if !u.DisabledUntil.IsZero() {
		e.Message += " until " + minute(u.DisabledUntil)
	}
	e.Message += ": ask who runs this server"
	return e
}

// barred reports whether a person may not log in at that time.
func (u User) barred(now time.Time) bool {
	return u.Disabled && (u.DisabledUntil.IsZero() || now.Before(u.DisabledUntil))
}

// Account is a person as the server keeps them. Password never leaves it.
type Account struct {
	User
	NameKey  string // the name folded so that look-alikes collide; unique
	Password string // encoded hash
}

// Session is one log-in of one person on one device, or a token that they made
// for a program. The token itself is not kept, only its hash.
type Session struct {
	ID        SessionID `json:"id" doc:"Id, not the token"`
	User      UserID    `json:"-"`
	TokenHash string    `json:"-"` // lower-case hex SHA-256 of the token
	Name      string    `json:"name,omitempty" doc:"Tokens for programs: what it is for; empty for log-ins"`
	Scopes    []string  `json:"scopes,omitempty" doc:"Tokens for programs: what it may do; empty for log-ins, which may do all"`
	Agent     string    `json:"agent,omitempty" doc:"User-Agent at log-in"`
	Addr      string    `json:"addr,omitempty" doc:"Address at log-in"`
	CreatedAt time.Time `json:"created_at" doc:"Log-in"`
	SeenAt    time.Time `json:"seen_at" doc:"Last used, to a few minutes"`
	ExpiresAt time.Time `json:"expires_at" doc:"Ends then at the latest"`
	Current   bool      `json:"current,omitempty" doc:"The session that asks"`
}

// Invite lets one person sign up. The code itself is not kept, only its hash.
type Invite struct {
	ID        string    `json:"id" doc:"Id, not the code"`
	CodeHash  string    `json:"-"` // lower-case hex SHA-256 of the code
	Role      Role      `json:"role" enum:"owner,admin,member,guest" doc:"Role that it gives"`
	CreatedBy UserID    `json:"created_by,omitempty" doc:"Empty for the server itself"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	ExpiresAt time.Time `json:"expires_at" doc:"No longer valid then"`
}
