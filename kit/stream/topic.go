package stream

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed append.lua
	appendSource string
	appendScript = rueidis.NewLuaScript(appendSource)
)

// Beginning is the position before the first event that a topic ever had.
const Beginning = "0-0"

var (
	// ErrGap means that events after a position exist no more. It is always a
	// [*GapError].
	ErrGap = errors.New("stream: events are missing")
	// ErrNotReplicated means that an event was appended, but fewer replicas
	// than wanted have confirmed it in time.
	ErrNotReplicated = errors.New("stream: appended, but not replicated in time")
)

// A GapError says where a reader's events are missing.
type GapError struct {
	After string // the reader's position
	Until string // the position to go on from if what lies between can be done without
}

func (e *GapError) Error() string {
	return fmt.Sprintf("stream: events are missing after %s, until %s", e.After, e.Until)
}

// Is makes errors.Is(err, ErrGap) true.
func (e *GapError) Is(target error) bool { return target == ErrGap }

// TopicOptions are a topic's settings; the zero value is ready to use.
type TopicOptions struct {
	// Prefix begins every key in Redis. Default: "stream".
	Prefix string

	// MaxLength is about how many events to keep: up to a tenth more, but at
	// most 1,000 more. Default: all.
	MaxLength int64

	// MaxAge is how long to keep events, looked at when others are appended.
	// Default: for ever.
	MaxAge time.Duration

	// DropUnread lets the limits drop events that consumer groups have not
	// acknowledged. GroupOptions.OnError is told. Without it, such events stay
	// whatever the limits are: a group that no one runs any more keeps
	// everything, see [Topic.DropGroup].
	DropUnread bool

	// Replicas is how many replicas must confirm an event before Append
	// returns. Default: none. One that a failover chooses may otherwise lack
	// the last events.
	Replicas int

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 5 s.
	Timeout time.Duration
}

// A Topic is a durable sequence of events. It is safe for concurrent use, holds
// no connection of its own and starts no goroutine.
type Topic struct {
	client rueidis.Client
	opt    TopicOptions
	name   string
	stem   string
	args   []string // of append.lua, after the payload
}

// An Event is one event of a topic.
type Event struct {
	Position string // of this event: the position to follow from to get the next one
	// Payload is what Append was given. An entry that something else added with
	// XADD, and without the field event, has its fields as a JSON object:
	// {"order":"17","total":"5"}.
	Payload string
}

// payload returns an event's payload from the fields of its entry.
func payload(fields map[string]string) string {
	if event, ok := fields["event"]; ok {
		return event
	}
	text, _ := json.Marshal(fields) // strings always can be
	return string(text)
}

// Time is when the event was appended, by Redis' clock, to the millisecond.
func (e Event) Time() time.Time {
	ms, _, _ := strings.Cut(e.Position, "-")
	n, _ := strconv.ParseInt(ms, 10, 64)
	return time.UnixMilli(n)
}

// NewTopic returns a topic, which needs no creation in Redis. The client stays
// the caller's.
func NewTopic(client rueidis.Client, name string, opt TopicOptions) (*Topic, error) {
	if opt.Prefix == "" {
		opt.Prefix = "stream"
	}
	if name == "" || strings.ContainsAny(opt.Prefix+name, "{}") {
		return nil, fmt.Errorf("stream: a topic needs a name, and neither that nor the prefix has braces: %q, %q", name, opt.Prefix)
	}
	if opt.Timeout == 0 {
		opt.Timeout = 5 * time.Second
	}
	if opt.Timeout < 0 || opt.MaxLength < 0 || opt.MaxAge < 0 || opt.Replicas < 0 {
		return nil, fmt.Errorf("stream: topic %s: options out of range: timeout %s, length %d, age %s, replicas %d", name, opt.Timeout, opt.MaxLength, opt.MaxAge, opt.Replicas)
	}
	drop := "0"
	if opt.DropUnread {
		drop = "1"
	}
	return &Topic{
		client: client, opt: opt, name: name, stem: opt.Prefix + ":{" + name + "}",
		args: []string{strconv.FormatInt(opt.MaxLength, 10),
			strconv.FormatInt(opt.MaxAge.Milliseconds(), 10), drop},
	}, nil
}

func (t *Topic) lost() string { return t.stem + ":lost" }

func (t *Topic) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return exec.Bound(ctx, t.opt.Timeout)
}

// Append appends an event and returns its position. With ErrNotReplicated, and
// then only, there is a position as well. After any other error than one by
// which Redis refuses, whether the event was appended is unknown: it is never
// tried twice.
func (t *Topic) Append(ctx context.Context, payload string) (position string, err error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	keys, args := []string{t.stem, t.lost()}, append([]string{payload}, t.args...)
	if t.opt.Replicas == 0 {
		position, err = exec.Script(ctx, appendScript, t.client, keys, args).ToString()
	} else {
		position, err = t.appendReplicated(ctx, keys, args)
	}
	if err != nil {
		return position, fmt.Errorf("stream: append to %s: %w", t.name, appendError(ctx, err))
	}
	return position, nil
}

// appendError leaves ErrNotReplicated alone: the event is there.
func appendError(ctx context.Context, err error) error {
	if errors.Is(err, ErrNotReplicated) {
		return err
	}
	return exec.Unavailable(ctx, err)
}

// appendReplicated needs a connection for itself, because WAIT is about what
// its connection wrote.
func (t *Topic) appendReplicated(ctx context.Context, keys, args []string) (position string, err error) {
	conn, release := t.client.Dedicate()
	defer release()
	position, err = conn.Do(ctx, conn.B().Eval().Script(appendSource).Numkeys(int64(len(keys))).Key(
		keys...).Arg(args...).Build()).ToString()
	if err != nil {
		return "", err
	}
	wait := t.opt.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(time.Until(deadline)*9/10, time.Millisecond) // so that the answer comes in time
	}
	n, err := conn.Do(ctx, conn.B().Wait().Numreplicas(int64(t.opt.Replicas)).Timeout(
		max(wait.Milliseconds(), 1)).Build()).AsInt64()
	if err != nil {
		conn.Close()
		return position, fmt.Errorf("%w: %w", ErrNotReplicated, err)
	}
	if n < int64(t.opt.Replicas) {
		return position, fmt.Errorf("%w: by %d of %d replicas", ErrNotReplicated, n, t.opt.Replicas)
	}
	return position, nil
}

// Latest returns the position of the newest event, [Beginning] if there was
// none: who follows from there gets what comes next.
func (t *Topic) Latest(ctx context.Context) (string, error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	s, err := t.state(ctx, t.client)
	if err != nil {
		return "", fmt.Errorf("stream: topic %s: %w", t.name, exec.Unavailable(ctx, err))
	}
	return s.last, nil
}

// Oldest returns the position before the oldest event that is kept.
func (t *Topic) Oldest(ctx context.Context) (string, error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	s, err := t.state(ctx, t.client)
	if err != nil {
		return "", fmt.Errorf("stream: topic %s: %w", t.name, exec.Unavailable(ctx, err))
	}
	return s.before, nil
}

// state is how far a topic goes: from after one position to another.
type state struct{ before, last string }

// doer is a client or one connection of it.
type doer interface {
	B() rueidis.Builder
	Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult
}

func (t *Topic) state(ctx context.Context, c doer) (state, error) {
	info, err := c.Do(ctx, c.B().XinfoStream().Key(t.stem).Build()).AsMap()
	if re, ok := rueidis.IsRedisErr(err); ok && strings.Contains(re.Error(), "no such key") {
		return state{Beginning, Beginning}, nil
	}
	if err != nil {
		return state{}, err
	}
	last := info["last-generated-id"]
	s := state{}
	if s.last, err = last.ToString(); err != nil {
		return state{}, err
	}
	s.before = s.last
	first := info["first-entry"]
	if entry, err := first.AsXRangeEntry(); err == nil {
		if prev := entry.FieldValues["prev"]; prev != "" {
			s.before = prev
		} else {
			s.before = Beginning
		}
	}
	return s, nil
}

// earlier tells whether one position is before another.
func earlier(a, b string) bool {
	am, as := parsePosition(a)
	bm, bs := parsePosition(b)
	return am < bm || am == bm && as < bs
}

func parsePosition(p string) (ms, seq uint64) {
	m, s, _ := strings.Cut(p, "-")
	ms, _ = strconv.ParseUint(m, 10, 64)
	seq, _ = strconv.ParseUint(s, 10, 64)
	return ms, seq
}

func checkPosition(p string) error {
	m, s, ok := strings.Cut(p, "-")
	_, err1 := strconv.ParseUint(m, 10, 64)
	_, err2 := strconv.ParseUint(s, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return fmt.Errorf("stream: %q is not a position", p)
	}
	return nil
}
