package redisstore

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

//go:embed *.lua
var sources embed.FS

// script is one atomic step.
type script struct {
	source, sha string
	reads       bool // writes nothing: may be repeated
}

// load joins the parts of a script.
func load(parts ...string) script {
	var b []byte
	for _, name := range parts {
		part, err := sources.ReadFile(name + ".lua")
		if err != nil {
			panic(err) // not part of the program
		}
		b = append(b, part...)
	}
	sum := sha1.Sum(b)
	return script{source: string(b), sha: hex.EncodeToString(sum[:])}
}

func loadReading(parts ...string) script {
	s := load(parts...)
	s.reads = true
	return s
}

var (
	roomScript     = load("room", "judge")
	annotateScript = load("annotate")
	userScript     = load("user")
	serverScript   = load("server")
	accountScript  = load("account")
	arrivedScript  = load("arrived")
	readScript     = load("read")
	inviteScript   = load("invite")
	sessionScript  = load("session")
	presenceScript = load("presence")
	onlineScript   = loadReading("online")
	recordScript   = load("record")
	reapScript     = load("reap")
	targetScript   = loadReading("target")
	viewScript     = loadReading("view")
	eventsScript   = loadReading("overlay", "events")
	messagesScript = loadReading("overlay", "messages")
	pinsScript     = loadReading("overlay", "pins")
	pageScript     = loadReading("page")
	recordsScript  = loadReading("records")
)

// command runs the script by its hash, or by its source if Redis does not have
// it.
func (s *Store) command(sc *script, whole bool, keys, args []string) rueidis.Completed {
	b := s.client.B()
	switch n := int64(len(keys)); {
	case sc.reads && whole:
		return b.EvalRo().Script(sc.source).Numkeys(n).Key(keys...).Arg(args...).Build()
	case sc.reads:
		return b.EvalshaRo().Sha1(sc.sha).Numkeys(n).Key(keys...).Arg(args...).Build()
	case whole:
		return b.Eval().Script(sc.source).Numkeys(n).Key(keys...).Arg(args...).Build()
	default:
		return b.Evalsha().Sha1(sc.sha).Numkeys(n).Key(keys...).Arg(args...).Build()
	}
}

// run runs a script and waits for the configured number of replicas.
func (s *Store) run(ctx context.Context, sc *script, keys, args []string) (rueidis.RedisMessage, error) {
	reply, err := s.send(ctx, sc, false, keys, args)
	if isNoScript(err) {
		reply, err = s.send(ctx, sc, true, keys, args)
	}
	return reply, err
}

func (s *Store) send(ctx context.Context, sc *script, whole bool, keys,
	args []string) (rueidis.RedisMessage, error) {
	cmd := s.command(sc, whole, keys, args)
	if sc.reads || s.options.Replicas == 0 {
		return s.client.Do(ctx, cmd).ToMessage()
	}
	// WAIT is about the writes of its own connection, so both are sent on it
	// together.
	wait := s.client.B().Arbitrary("WAIT").Args(strconv.Itoa(s.options.Replicas),
		strconv.FormatInt(s.options.ReplicaTimeout.Milliseconds(), 10)).Build()
	replies := s.client.DoMulti(ctx, cmd, wait)
	reply, err := replies[0].ToMessage()
	if err != nil {
		return reply, err
	}
	n, err := replies[1].AsInt64()
	if err != nil {
		return reply, fmt.Errorf("wait for replicas: %w", err)
	}
	if n < int64(s.options.Replicas) {
		return reply, fmt.Errorf("%w: %d of %d replicas have it", chat.ErrUnavailable, n, s.options.Replicas)
	}
	return reply, nil
}

// runMany runs a read-only script on many sets of keys, in one round trip per
// node.
func (s *Store) runMany(ctx context.Context, sc *script, keys [][]string,
	args []string) ([]rueidis.RedisResult, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	commands := make([]rueidis.Completed, len(keys))
	for i := range keys {
		commands[i] = s.command(sc, false, keys[i], args)
	}
	replies := s.client.DoMulti(ctx, commands...)
	for i := range replies {
		if isNoScript(replies[i].Error()) {
			replies[i] = s.client.Do(ctx, s.command(sc, true, keys[i], args))
		}
	}
	return replies, nil
}

func isNoScript(err error) bool {
	e, ok := errors.AsType[*rueidis.RedisError](err)
	return ok && e.IsNoScript()
}

// refusal reads {-1, code}.
func refusal(list []rueidis.RedisMessage) error {
	if len(list) == 0 {
		return nil
	}
	if n, err := list[0].AsInt64(); err != nil || n != -1 {
		return nil
	}
	code := "not_found"
	if len(list) > 1 {
		code, _ = list[1].ToString()
	}
	more := func() int64 {
		if len(list) < 3 {
			return 0
		}
		if n, err := list[2].AsInt64(); err == nil {
			return n
		}
		return 0
	}
	switch code {
	case "archived":
		return chat.ErrArchived
	case "announce":
		return chat.ErrAnnounce
	case "muted":
		return chat.Muted(unmilli(more()))
	case "slow":
		return chat.TooSoon(time.Duration(more()) * time.Millisecond)
	case "conflict":
		return chat.ErrConflict
	case "resync":
		return chat.ErrResync
	}
	return chat.ErrNotFound
}

// away are the prefixes of Redis errors that are temporary or need an operator.
var away = []string{"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY",
	"UNKILLABLE", "NOAUTH", "WRONGPASS", "MOVED", "ASK"}

// failed converts the error of a call: a *chat.Error stays, an unavailable
// Redis is chat.ErrUnavailable, anything else is a bug.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*chat.Error](err); ok {
		return fmt.Errorf("%s: %w", op, err)
	}
	if reason := refusalOf(err); reason != "" {
		return fmt.Errorf("%s: %w: %w", op, unwritable(reason), err)
	}
	if e, ok := errors.AsType[*rueidis.RedisError](err); ok {
		for _, prefix := range away {
			if strings.HasPrefix(e.Error(), prefix) {
				return fmt.Errorf("%s: %w: %w", op, chat.ErrUnavailable, err)
			}
		}
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s: %w: %w", op, chat.ErrUnavailable, err)
}

// patience bounds how long a call waits for Redis, so that the caller soon gets
// an error.
const patience = 5 * time.Second

// enter begins a call.
func (s *Store) enter(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", chat.ErrUnavailable, err)
	}
	if s.closed.Load() {
		return nil, nil, fmt.Errorf("%w: the store is closed", chat.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	return ctx, cancel, nil
}
