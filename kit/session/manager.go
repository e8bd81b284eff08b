package session

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// Errors to tell apart with errors.Is. Any other error means that Redis gave no
// answer, or not a good one.
var (
	// ErrNotFound: there is no such session; it never was, expired, was
	// revoked, or the token was renewed.
	ErrNotFound = errors.New("session: not found")
	// ErrConflict: the session was saved by someone else since it was read.
	// Reload and try again.
	ErrConflict = errors.New("session: changed by another request")
	// ErrRevoked: all sessions of the user were revoked while this one was
	// being created.
	ErrRevoked = errors.New("session: revoked while it was being created")
	// ErrUnannounced: the session is gone, but Redis refused to publish that.
	ErrUnannounced = errors.New("session: revoked, but not announced")
	// ErrHeaderSent: the response has begun, so no cookie can be set any more.
	// Nothing was done.
	ErrHeaderSent = errors.New("session: the response header has been sent")
)

var (
	//go:embed create.lua
	createSource string
	//go:embed load.lua
	loadSource string
	//go:embed save.lua
	saveSource string
	//go:embed destroy.lua
	destroySource string
	//go:embed index.lua
	indexSource string
	//go:embed confirm.lua
	confirmSource string
	//go:embed mark.lua
	markSource string
	//go:embed prune.lua
	pruneSource string
)

// Options are a manager's settings; the zero value is ready to use.
type Options[T any] struct {
	// Prefix begins every key and channel in Redis. Default: "session".
	Prefix string

	// IdleTimeout is how long a session lives without use. Default: 7 days.
	IdleTimeout time.Duration

	// Lifetime is how long a session lives at most. Lowering it shortens the
	// life of existing sessions, raising it does not lengthen it. Default: 30
	// days.
	Lifetime time.Duration

	// TouchInterval is the shortest time between two writes of the last use. A
	// session can idle out up to this much early, so it is at most half of
	// IdleTimeout. Default: a minute, or a tenth of IdleTimeout if that is
	// less.
	TouchInterval time.Duration

	// Timeout bounds each call to Redis, in addition to the caller's deadline.
	// Default: 2 s, and 100 ms for reading a request's session with Degrade.
	Timeout time.Duration

	// Merge joins two changes of the same data: base was read by both, theirs
	// is in Redis, mine was to be saved. What it returns is saved. Default: the
	// top-level members of the JSON object are joined, each by whoever changed
	// it; it is ErrConflict where both changed the same one differently, or
	// where the data is no object.
	Merge func(base, mine, theirs T) (T, error)

	// Cookie is how browsers hold the token.
	Cookie Cookie

	// Degrade lets a request go on without a session when Redis gives no
	// answer, as if no one were logged in; [Manager.Degraded] tells. After
	// three requests in a row that Redis did not answer it is asked once a
	// second. Without it, ErrorHandler answers.
	Degrade bool

	// ErrorHandler answers a request whose session could not be read or saved.
	// Default: 409 for ErrConflict, 401 for ErrNotFound, 503 for anything else,
	// as a problem document that does not tell why.
	ErrorHandler func(http.ResponseWriter, *http.Request, error)

	// OnError receives the error of a save that failed after the response had
	// begun. It must not block. Default: a warning to [slog.Default].
	OnError func(error)
}

// A Manager makes, finds, lists and revokes sessions. It is safe for concurrent
// use and starts no goroutine.
type Manager[T any] struct {
	client  rueidis.Client
	opt     Options[T]
	breaker exec.Breaker // of requests, with Degrade

	create, load, save, index, confirm, mark, prune *rueidis.Lua
	// Sent with its text each time, because many at once go to many nodes of
	// which each may have lost its scripts.
	destroy *rueidis.Lua
	loadAll *rueidis.Lua
}

// New returns a manager of sessions with data of type T, which is stored as
// JSON. The client stays the caller's.
func New[T any](client rueidis.Client, opt Options[T]) (*Manager[T], error) {
	if opt.Prefix == "" {
		opt.Prefix = "session"
	}
	if strings.ContainsAny(opt.Prefix, "{}") {
		return nil, fmt.Errorf("session: the prefix %q has braces, which would move every key to one slot", opt.Prefix)
	}
	if opt.IdleTimeout == 0 {
		opt.IdleTimeout = 7 * 24 * time.Hour
	}
	if opt.Lifetime == 0 {
		opt.Lifetime = 30 * 24 * time.Hour
	}
	if opt.TouchInterval == 0 {
		opt.TouchInterval = min(time.Minute, opt.IdleTimeout/10)
	}
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
	}
	if opt.IdleTimeout < time.Millisecond || opt.Lifetime < time.Millisecond || opt.Timeout < 0 ||
		opt.TouchInterval < 0 || opt.TouchInterval > opt.IdleTimeout/2 {
		return nil, fmt.Errorf("session: options out of range: idle timeout %s, lifetime %s, touch interval %s, timeout %s",
			opt.IdleTimeout, opt.Lifetime, opt.TouchInterval, opt.Timeout)
	}
	if opt.ErrorHandler == nil {
		opt.ErrorHandler = writeFailure
	}
	if opt.OnError == nil {
		opt.OnError = exec.Log
	}
	if err := opt.Cookie.check(); err != nil {
		return nil, err
	}
	return &Manager[T]{
		client: client, opt: opt,
		create:  rueidis.NewLuaScript(createSource),
		load:    rueidis.NewLuaScript(loadSource),
		save:    rueidis.NewLuaScript(saveSource),
		index:   rueidis.NewLuaScript(indexSource),
		confirm: rueidis.NewLuaScript(confirmSource),
		mark:    rueidis.NewLuaScript(markSource),
		prune:   rueidis.NewLuaScript(pruneSource),
		destroy: rueidis.NewLuaScriptNoSha(destroySource),
		loadAll: rueidis.NewLuaScriptNoSha(loadSource),
	}, nil
}

// Limits are those of one session, where they differ from the manager's: a
// short one unless the user asked to be remembered. The zero value is the
// manager's.
type Limits struct {
	// IdleTimeout and Lifetime are at most those of the manager's Options,
	// which are the default.
	IdleTimeout, Lifetime time.Duration

	// UntilClosed lets the browser forget the session's cookie when it closes.
	UntilClosed bool
}

// within returns the limits with their defaults.
func (l Limits) within(idle, lifetime time.Duration) (Limits, error) {
	l.IdleTimeout, l.Lifetime = cmp.Or(l.IdleTimeout, idle), cmp.Or(l.Lifetime, lifetime)
	if l.IdleTimeout < time.Millisecond || l.IdleTimeout > idle ||
		l.Lifetime < time.Millisecond || l.Lifetime > lifetime {
		return l, fmt.Errorf("session: create: idle timeout %s and lifetime %s are not within the manager's %s and %s",
			l.IdleTimeout, l.Lifetime, idle, lifetime)
	}
	return l, nil
}

// Create makes a session for a user; an empty user is an anonymous one, which
// no list has. It returns after the session is in Redis and listed. The token
// is [Session.Token].
//
// ErrRevoked means that RevokeAll ran at the same time and won.
func (m *Manager[T]) Create(ctx context.Context, user string, data T) (*Session[T], error) {
	return m.CreateWithin(ctx, user, data, Limits{})
}

// CreateWithin is Create for a session with limits of its own.
func (m *Manager[T]) CreateWithin(ctx context.Context, user string, data T,
	limits Limits) (*Session[T], error) {
	limits, err := limits.within(m.opt.IdleTimeout, m.opt.Lifetime)
	if err != nil {
		return nil, err
	}
	ctx, cancel := m.bound(ctx)
	defer cancel()
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("session: encode: %w", err)
	}
	t := newToken()
	if user != "" {
		err := exec.Script(ctx, m.index, m.client, []string{m.userKey(user)},
			[]string{t.id, ms(m.opt.Lifetime)}).Error()
		if err != nil {
			return nil, fmt.Errorf("session: create: index: %w", exec.Unavailable(ctx, err))
		}
	}
	args := []string{t.hash(), user, rueidis.BinaryString(encoded), ms(limits.IdleTimeout),
		ms(limits.Lifetime)}
	if limits.IdleTimeout < m.opt.IdleTimeout {
		args = append(args, "idle", ms(limits.IdleTimeout))
	}
	if limits.UntilClosed {
		args = append(args, "browser", "1")
	}
	now, err := exec.Script(ctx, m.create, m.client, []string{m.key(t.id)}, args).AsInt64()
	if err != nil {
		return nil, fmt.Errorf("session: create: %w", exec.Unavailable(ctx, err))
	}
	if now == 0 {
		return nil, errors.New("session: create: the id is taken")
	}
	s := &Session[T]{
		Data: data, m: m, token: t, user: user, version: 1, base: encoded,
		created: time.UnixMilli(now), seen: time.UnixMilli(now), now: time.UnixMilli(now),
		ends: time.UnixMilli(now).Add(limits.Lifetime), untilClosed: limits.UntilClosed,
	}
	if user != "" {
		stands, err := exec.Script(ctx, m.confirm, m.client, []string{m.userKey(user)},
			[]string{t.id}).AsBool()
		switch {
		case err != nil:
			err = fmt.Errorf("session: create: confirm: %w", exec.Unavailable(ctx, err))
		case !stands:
			err = ErrRevoked
		}
		if err != nil {
			return nil, errors.Join(err, s.Destroy(ctx))
		}
	}
	return s, nil
}

// Load finds the session of a token and notes its use. An unknown, expired,
// revoked, renewed or malformed token is ErrNotFound.
func (m *Manager[T]) Load(ctx context.Context, token string) (*Session[T], error) {
	t, ok := parseToken(token)
	if !ok {
		return nil, ErrNotFound
	}
	return m.read(ctx, t)
}

// Touch notes the use of a session by its id, for a socket that has been
// authenticated long ago. ErrNotFound says that the session is gone.
func (m *Manager[T]) Touch(ctx context.Context, id string) error {
	_, err := m.read(ctx, token{id: id})
	return err
}

func (m *Manager[T]) read(ctx context.Context, t token) (*Session[T], error) {
	return m.readWithin(ctx, t, m.opt.Timeout)
}

func (m *Manager[T]) readWithin(parent context.Context, t token, d time.Duration) (*Session[T], error) {
	ctx, cancel := context.WithTimeout(parent, d)
	defer cancel()
	reply, err := exec.Script(ctx, m.load, m.client, []string{m.key(t.id)},
		[]string{t.hash(), ms(m.opt.IdleTimeout), ms(m.opt.Lifetime), ms(m.opt.TouchInterval)}).ToArray()
	if err != nil {
		return nil, fmt.Errorf("session: load: %w", exec.Unavailable(parent, err))
	}
	return m.decode(t, reply)
}

func (m *Manager[T]) decode(t token, reply []rueidis.RedisMessage) (*Session[T], error) {
	if len(reply) == 0 {
		return nil, ErrNotFound
	}
	if len(reply) != 8 {
		return nil, fmt.Errorf("session: load: the script replied %d values", len(reply))
	}
	var at [5]int64
	for i := range at {
		n, err := reply[i].AsInt64()
		if err != nil {
			return nil, fmt.Errorf("session: load %s: %w", t.id, err)
		}
		at[i] = n
	}
	user, err := reply[5].ToString()
	if err != nil {
		return nil, fmt.Errorf("session: load %s: %w", t.id, err)
	}
	data, err := reply[6].ToString()
	if err != nil {
		return nil, fmt.Errorf("session: load %s: %w", t.id, err)
	}
	untilClosed, err := reply[7].AsBool()
	if err != nil {
		return nil, fmt.Errorf("session: load %s: %w", t.id, err)
	}
	s := &Session[T]{
		m: m, token: t, user: user, version: at[4], untilClosed: untilClosed,
		now: time.UnixMilli(at[0]), created: time.UnixMilli(at[1]), seen: time.UnixMilli(at[2]),
		ends: time.UnixMilli(at[3]),
	}
	if err := s.adopt(data); err != nil {
		return nil, err
	}
	return s, nil
}

func (m *Manager[T]) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return exec.Bound(ctx, m.opt.Timeout)
}

func (m *Manager[T]) key(id string) string       { return m.opt.Prefix + ":id:" + id }
func (m *Manager[T]) userKey(user string) string { return m.opt.Prefix + ":user:" + user }
func (m *Manager[T]) channel() string            { return m.opt.Prefix + ":revoked" }

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
