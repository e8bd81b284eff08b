package chat

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// Config is what a [Service] is made of. Every field without a default must be
// set.
type Config struct {
	Store         Store
	Bell          Bell
	Presence      OnlineUsers
	Limiter       Limiter
	Hasher        Hasher
	Names         NameFolder
	Files         FileStore     // nil: no files are taken
	LinkPreviewer LinkPreviewer // nil: links are not looked at
	Index         SearchIndex   // nil: messages are not searched

	NewID    func() string    // unique, sortable by time, at most 64 letters and digits
	NewToken func() string    // at least 128 bits of randomness, URL-safe
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // default slog.Default()

	SessionIdle time.Duration // a session ends when unused for so long; default 30 days
	SessionMax  time.Duration // and after this in any case; default a year

	Retain time.Duration // messages are deleted after it, unless their room says otherwise; 0 for never
	Limits Limits        // zero fields take those of DefaultLimits
	SignUp SignUp        // default SignUpInvite

	External *External // another program logs people in; nil for none
	// Providers are where people can log in instead of with a password.
	Providers   []Provider
	NoPasswords bool // people log in at providers only
	// Passkeys, if not nil, checks passkeys. Without it, there are none.
	Passkeys Passkeys

	// OutgoingChanged, if not nil, is called when there may be something new to
	// deliver to an outgoing webhook.
	OutgoingChanged func()
	// Push, if not nil, sends a notification to a device; it fails with a
	// *DeliveryError where the push service did not take it. Without it, Web
	// Push is off.
	Push func(context.Context, StoredPush, PushMessage) error
	// PushChanged, if not nil, is called when there is a new device.
	PushChanged func()
	// PushWithoutContent leaves texts and names of rooms out of notifications.
	PushWithoutContent bool
	// Mail, if not nil, hands a mail in; it fails with a *DeliveryError where
	// it was not taken. Without it, no mail is sent.
	Mail func(context.Context, Mail) error
	// MailChanged, if not nil, is called when there is a letter to send.
	MailChanged func()
	// MailAfter is how long a message is unread before it is mailed; default 15
	// minutes.
	MailAfter time.Duration
	// Health returns what does not work although the store can be read, by the
	// part; nil for nothing.
	Health func(context.Context) map[string]string
	// Node returns how this node is doing. It is nil where nothing is known.
	Node func(context.Context) NodeStatus

	Version string
	Name    string // the server's name, as shown to people; default "Parley"
}

// Hasher hashes passwords, in bounded parallel slots.
type Hasher interface {
	// Hash returns the encoded hash of a password. ErrRateLimited where no slot
	// came free in time.
	Hash(ctx context.Context, password string) (string, error)
	// Verify reports whether the password has that encoded hash. An empty hash
	// does the same work and reports false.
	Verify(ctx context.Context, encoded, password string) (bool, error)
	// Stale reports whether a hash was made in an older way, and should be made
	// anew when the password is known.
	Stale(encoded string) bool
}

// NameFolder turns a name as typed into the form shown and the key under which
// look-alikes collide: compatibility forms, case, zero-width and confusable
// letters. ErrInvalid for names that cannot be shown safely.
type NameFolder interface {
	Fold(name string) (shown, key string, err error)
	// Key returns the key of any text, also of one that no new name may be. Use
	// it to find and to compare.
	Key(text string) string
	// Look returns a second key, of how a name looks as it is written, or ""
	// where that is its key. No key or look of one name is one of another.
	Look(name string) string
}

const (
	SignUpOpen   SignUp = "open"   // anyone
	SignUpInvite SignUp = "invite" // whoever has an invite
	SignUpClosed SignUp = "closed" // nobody; the operator adds people
)

// Service implements the rules of the chat on top of a store. Its methods are
// safe for concurrent use.
type Service struct {
	Config
	owned atomic.Bool            // somebody owns the server; never unset
	id    atomic.Pointer[string] // see ServerID; nil until it is read
}

// New returns a service. It panics if cfg lacks a required field.
func New(cfg Config) *Service {
	for part, missing := range map[string]bool{
		"Store": cfg.Store == nil, "Bell": cfg.Bell == nil, "Presence": cfg.Presence == nil,
		"Limiter": cfg.Limiter == nil,
		"Hasher":  cfg.Hasher == nil, "Names": cfg.Names == nil, "NewID": cfg.NewID == nil,
		"NewToken": cfg.NewToken == nil,
	} {
		if missing {
			panic("chat.New: Config." + part + " is missing")
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.SignUp == "" {
		cfg.SignUp = SignUpInvite
	}
	if cfg.Name == "" {
		cfg.Name = "Parley"
	}
	if cfg.SessionIdle == 0 {
		cfg.SessionIdle = 30 * 24 * time.Hour
	}
	if cfg.SessionMax == 0 {
		cfg.SessionMax = 365 * 24 * time.Hour
	}
	if cfg.MailAfter == 0 {
		cfg.MailAfter = 15 * time.Minute
	}
	cfg.Limits = cfg.Limits.withDefaults()
	return &Service{Config: cfg}
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

func isContextError(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// Caller is who makes a request: a person with a session, or no one (the zero
// User).
type Caller struct {
	User    User
	Session SessionID
	Scopes  []string // of the token; empty for a log-in, which may do all
	// Token expiry, so that a transport can close connections that outlive it.
	ExpiresAt time.Time
	// Device names the client program on which the person works; stable over
	// reconnects and log-ins. It separates the client ids of that person's
	// devices. At most 64 bytes; the session's id if empty.
	Device string
	Addr   string // address for limits: an IPv4 address or an IPv6 /64
	Agent  string // User-Agent
}

// Anonymous reports whether the caller is not logged in.
func (c Caller) Anonymous() bool { return c.User.ID == "" }

// change completes a change by the caller.
func (s *Service) change(who Caller, c Change) Change {
	c.ID, c.At, c.By = s.NewID(), s.now(), who.User.ID
	return c
}
