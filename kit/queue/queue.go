package queue

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed common.lua
	commonSource string
	//go:embed states.lua
	statesSource string
	//go:embed await.lua
	awaitSource string
	//go:embed add.lua
	addSource string
	//go:embed enqueue.lua
	enqueueSource string
	//go:embed schedule.lua
	scheduleSource string
	//go:embed take.lua
	takeSource string
	//go:embed extend.lua
	extendSource string
	//go:embed finish.lua
	finishSource string
	//go:embed progress.lua
	progressSource string
	//go:embed cancel.lua
	cancelSource string
	//go:embed redrive.lua
	redriveSource string
	//go:embed remove.lua
	removeSource string
	//go:embed pause.lua
	pauseSource string
	//go:embed inspect.lua
	inspectSource string
	//go:embed stats.lua
	statsSource string
	//go:embed check.lua
	checkSource string
)

var (
	enqueueScript  = rueidis.NewLuaScript(commonSource + awaitSource + addSource + enqueueSource)
	scheduleScript = rueidis.NewLuaScript(commonSource + awaitSource + addSource + scheduleSource)
	takeScript     = rueidis.NewLuaScript(commonSource + statesSource + takeSource)
	extendScript   = rueidis.NewLuaScript(commonSource + extendSource)
	finishScript   = rueidis.NewLuaScript(commonSource + statesSource + finishSource)
	progressScript = rueidis.NewLuaScript(commonSource + progressSource)
	cancelScript   = rueidis.NewLuaScript(commonSource + statesSource + cancelSource)
	redriveScript  = rueidis.NewLuaScript(commonSource + awaitSource + redriveSource)
	removeScript   = rueidis.NewLuaScript(commonSource + statesSource + removeSource)
	pauseScript    = rueidis.NewLuaScript(commonSource + pauseSource)
	inspectScript  = rueidis.NewLuaScript(commonSource + inspectSource)
	statsScript    = rueidis.NewLuaScript(commonSource + statsSource)
	checkScript    = rueidis.NewLuaScript(commonSource + checkSource)
)

// A Queue holds jobs with payloads of type T, which encoding/json must be able
// to encode and decode. It is safe for concurrent use, holds no connection and
// starts no goroutine until Run is called.
type Queue[T any] struct {
	Admin
	schedules []schedule
}

// An Admin inspects and steers a queue, whatever the type of its payloads. It
// is safe for concurrent use.
type Admin struct {
	client rueidis.Client
	opt    Options
	keys   []string
}

// New returns a queue. Everyone who names the same prefix and name has the same
// queue. The client stays the caller's and must outlive the queue.
func New[T any](client rueidis.Client, opt Options) (*Queue[T], error) {
	admin, err := NewAdmin(client, opt)
	if err != nil {
		return nil, err
	}
	return &Queue[T]{Admin: *admin}, nil
}

// NewAdmin returns access to a queue without the type of its payloads.
func NewAdmin(client rueidis.Client, opt Options) (*Admin, error) {
	opt, err := opt.complete()
	if err != nil {
		return nil, err
	}
	a := &Admin{client: client, opt: opt}
	for _, name := range []string{"jobs", "ready", "delayed", "active", "dead", "done", "blocked", "waiting",
		"timers", "control", "schedules", "wake"} {
		a.keys = append(a.keys, opt.Prefix+":{"+opt.Name+"}:"+name)
	}
	return a, nil
}

// Name returns the queue's name.
func (a *Admin) Name() string { return a.opt.Name }

func (a *Admin) schedulesKey() string { return a.keys[len(a.keys)-2] }
func (a *Admin) wakeKey() string      { return a.keys[len(a.keys)-1] }

// Enqueue adds a job and returns its id. When that is taken, or the unique
// name, it returns ErrDuplicate and the id of the job that has it.
//
// After any other error it is unknown whether the job was added. Repeat the
// call with the same JobOptions.ID within the retention: the job is there once.
func (q *Queue[T]) Enqueue(ctx context.Context, payload T, opt JobOptions) (id string, err error) {
	ids, err := q.EnqueueMany(ctx, []Entry[T]{{payload, opt}})
	if len(ids) == 1 {
		id = ids[0]
	}
	return id, err
}

// An Entry is a job to be added.
type Entry[T any] struct {
	Payload T
	Options JobOptions
}

// EnqueueMany adds jobs in their order and in one step, all or none, and
// returns their ids. A job that exists already is left out; then the id is that
// of the job in its way, and the error, of all such jobs, is ErrDuplicate. Some
// thousands at a time are sensible: Redis does nothing else meanwhile.
func (q *Queue[T]) EnqueueMany(ctx context.Context, entries []Entry[T]) (ids []string, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	args := make([]string, 0, 8*len(entries))
	named := map[string]bool{} // those with unique names, which may be left out
	for _, e := range entries {
		if e.Options.ID == "" {
			e.Options.ID = rand.Text()
		}
		job, err := q.record(e.Payload, e.Options)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(e.Options.After, func(id string) bool { return named[id] }) {
			return nil, errors.New("queue: enqueue: an entry that another waits for cannot have a unique name")
		}
		if e.Options.Unique != "" {
			named[e.Options.ID] = true
		}
		ids, args = append(ids, e.Options.ID), append(args, job...)
	}
	taken, err := q.run(ctx, enqueueScript, args...).AsStrSlice()
	if err == nil && len(taken) != len(ids) {
		err = exec.ErrReply
	}
	if err != nil {
		if refusal, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(refusal.Error(), "NOJOB") {
			err = ErrAfter
		}
		return nil, fmt.Errorf("queue: enqueue: %w", exec.Unavailable(ctx, err))
	}
	var duplicates error
	for i, id := range taken {
		if id != "" {
			duplicates = errors.Join(duplicates, fmt.Errorf("%w: %q", ErrDuplicate, id))
			ids[i] = id
		}
	}
	return ids, duplicates
}

// meta is what is known of a job, as in Redis: set by enqueue above, by the
// scripts below.
type meta struct {
	Priority    int      `json:"p,omitempty"`
	Unique      string   `json:"u,omitempty"`
	UniqueFor   int64    `json:"h,omitempty"` // ms
	Key         string   `json:"k,omitempty"`
	After       []string `json:"a,omitempty"`
	MaxAttempts int      `json:"m"`
	Retention   int64    `json:"r,omitempty"` // ms
	Timeout     int64    `json:"t,omitempty"` // ms

	At        int64  `json:"at,omitempty"` // enqueued
	Token     int64  `json:"n,omitempty"`
	Started   int64  `json:"s,omitempty"`
	Finished  int64  `json:"z,omitempty"`
	Worker    string `json:"w,omitempty"`
	Failures  int    `json:"f,omitempty"`
	Lost      int    `json:"l,omitempty"`
	Error     string `json:"e,omitempty"`
	Cancelled int    `json:"c,omitempty"`
}

// record returns what add.lua takes.
func (q *Queue[T]) record(payload T, opt JobOptions) ([]string, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("queue: encode a payload: %w", err)
	}
	m := meta{Priority: opt.Priority, Unique: opt.Unique, UniqueFor: opt.UniqueFor.Milliseconds(),
		Key: opt.Key, After: opt.After, MaxAttempts: opt.MaxAttempts, Timeout: opt.Timeout.Milliseconds()}
	if m.MaxAttempts == 0 {
		m.MaxAttempts = q.opt.MaxAttempts
	}
	retention := opt.Retention
	fill(&retention, q.opt.Retention)
	m.Retention = max(retention.Milliseconds(), 0)
	head, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("queue: encode a job: %w", err)
	}
	at := int64(0)
	if !opt.At.IsZero() {
		at = opt.At.UnixMilli()
	}
	return []string{opt.ID, strings.TrimSuffix(string(head), "}"), string(body),
		milliseconds(max(opt.Delay, 0)), strconv.FormatInt(max(at, 0), 10), opt.Unique,
		strconv.Itoa(opt.Priority), strings.Join(opt.After, "\n")}, nil
}

// run runs a script on the queue's keys within the time-out.
func (a *Admin) run(ctx context.Context, script *rueidis.Lua, args ...string) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, a.opt.Timeout)
	defer cancel()
	return exec.Script(ctx, script, a.client, a.keys, args)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
