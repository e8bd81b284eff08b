package follow

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
)

// Config is what a [Runner] is made of.
type Config struct {
	Log Log
	// Bell, if not nil, rings only for streams that were subscribed to: the
	// followers' are. Its handler must call Wake and Gap. Without it, Wake is
	// called for all streams.
	Bell      chat.Bell
	Followers []Follower
	// Exclusive runs a job unless another node runs it, until ctx is done or
	// another node may begin with it. Default: at once, for one process.
	Exclusive func(ctx context.Context, job string, do func(context.Context) error) error
	// Elsewhere is the error of Exclusive while another node runs the job.
	Elsewhere error
	TakeOver  time.Duration         // how often to try to become the node that runs a follower; default 5 s
	Tick      time.Duration         // how often to look for queues whose pause is over; default 1 s
	Now       func() time.Time      // default time.Now
	Logger    *slog.Logger          // default slog.Default()
	Metrics   prometheus.Registerer // may be nil
}

// Runner runs followers.
type Runner struct {
	cfg   Config
	lines []*worker
}

// New returns a runner, which does nothing until Run.
func New(cfg Config) *Runner {
	cfg.TakeOver = cmp.Or(cfg.TakeOver, 5*time.Second)
	cfg.Tick = cmp.Or(cfg.Tick, time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Exclusive == nil {
		cfg.Exclusive = func(ctx context.Context, _ string, do func(context.Context) error) error {
			return do(ctx)
		}
	}
	r := &Runner{cfg: cfg}
	for _, f := range cfg.Followers {
		f.Batch, f.Parallel = cmp.Or(f.Batch, 100), cmp.Or(f.Parallel, 16)
		f.Sweep = cmp.Or(f.Sweep, 10*time.Minute)
		if f.Retry.First == 0 {
			f.Retry.First, f.Retry.Most = time.Second, 10*time.Minute
		}
		r.lines = append(r.lines, &worker{Follower: f, cfg: &r.cfg, again: make(chan struct{}, 1),
			came: make(chan struct{}, 1), heard: map[chat.Stream]bool{}, work: make(chan struct{}, 1)})
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(collector{r})
	}
	return r
}

// Run runs the followers until ctx is done, and returns when the handlers that
// are under way have returned.
func (r *Runner) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, l := range r.lines {
		wg.Go(func() {
			for ctx.Err() == nil {
				var err error
				if l.EveryNode {
					err = l.run(ctx)
				} else {
					err = r.cfg.Exclusive(ctx, l.Name, l.run)
				}
				elsewhere := r.cfg.Elsewhere != nil && errors.Is(err, r.cfg.Elsewhere)
				if err != nil && ctx.Err() == nil && !elsewhere {
					r.cfg.Logger.Error("running a follower", "follower", l.Name, "error", err)
				}
				select {
				case <-time.After(r.cfg.TakeOver):
				case <-ctx.Done():
				}
			}
		})
	}
}

// Wake announces that streams may have new events. It does not block.
func (r *Runner) Wake(streams ...chat.Stream) {
	for _, l := range r.lines {
		l.wakeStreams(streams)
	}
}

// Gap announces that events of a stream may have been missed, or that it is
// new. After a gap in the server's stream, rooms may be new that nobody heard
// of, so everything is checked.
func (r *Runner) Gap(s chat.Stream) {
	if s == chat.ServerStream {
		r.Sweep("")
	}
	r.Wake(s)
}

// Sweep makes a follower check all its queues again, because queues were added
// or events may have been missed. An empty name means all followers.
func (r *Runner) Sweep(name string) {
	for _, l := range r.lines {
		if name == "" || name == l.Name {
			signal(l.again)
		}
	}
}

// Once sweeps, serves everything that is due, and returns. It is for tests.
func (r *Runner) Once(ctx context.Context) error {
	for _, l := range r.lines {
		if err := l.begin(ctx); err != nil {
			return err
		}
		if err := l.sweep(ctx); err != nil {
			return err
		}
		for {
			q, ok := l.next()
			if !ok {
				break
			}
			if err := l.serve(ctx, q); err != nil {
				return err
			}
		}
		l.reset(false)
	}
	return nil
}

// Status is the state of a follower on this node.
type Status struct {
	Name    string        `json:"name"`
	Running bool          `json:"running"` // on this node
	Behind  int           `json:"behind"`  // queues with something to do
	Failing int           `json:"failing"` // of those, how many failed last
	Lag     time.Duration `json:"lag"`     // for how long the longest of them has had something to do
}

// Status returns the states of the followers.
func (r *Runner) Status() []Status {
	var all []Status
	for _, l := range r.lines {
		all = append(all, l.status())
	}
	return all
}

// worker is a follower while it runs.
type worker struct {
	Follower
	cfg   *Config
	heard map[chat.Stream]bool // streams that the bell was asked for
	again chan struct{}        // asks for a sweep
	came  chan struct{}        // something is in fresh
	work  chan struct{}        // a queue is ready

	mu      sync.Mutex
	running bool
	queues  map[string]*entry        // with something to do
	ready   []string                 // of those, whose turn it is, in order
	known   map[chat.Stream][]string // queues of streams that the bell or Follows do not tell of
	fresh   map[chat.Stream]bool     // followed streams to subscribe to, found since the last sweep
	later   []chat.Stream            // with Delay: woken soon
}

// entry is a queue with something to do.
type entry struct {
	Queue
	since  time.Time // when it was first woken
	busy   bool
	queued bool // in ready
	woken  bool // meanwhile
	failed bool
	at     time.Time // not before; zero for now
}

func (l *worker) reset(running bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running, l.queues, l.ready, l.known = running, map[string]*entry{}, nil, map[chat.Stream][]string{}
	l.later, l.fresh = nil, map[chat.Stream]bool{}
}

// begin prepares for the first sweep.
func (l *worker) begin(ctx context.Context) error {
	if l.Start != nil {
		if err := l.Start(ctx); err != nil {
			return err
		}
	}
	l.reset(true)
	return nil
}

// follows reports whether a stream is a queue that needs no sweep to be found.
func (l *worker) follows(s chat.Stream) bool { return l.Follows != nil && l.Follows(s) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (l *worker) wakeStreams(streams []chat.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		return
	}
	for _, s := range streams {
		if _, known := l.known[s]; !known && l.cfg.Bell != nil && !l.fresh[s] && l.follows(s) {
			l.fresh[s] = true
			signal(l.came)
		}
	}
	if l.Delay == 0 {
		l.wakeNow(streams)
		return
	}
	if l.later = append(l.later, streams...); len(l.later) == len(streams) {
		time.AfterFunc(l.Delay, l.wakeLater)
	}
}

// wakeLater wakes what has waited for its delay.
func (l *worker) wakeLater() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeNow(l.later)
	l.later = nil
}

// wakeNow wakes the queues of streams. The lock is held.
func (l *worker) wakeNow(streams []chat.Stream) {
	for _, s := range streams {
		if l.follows(s) {
			l.wake(Queue{ID: string(s), Stream: s}, time.Time{})
		}
		for _, id := range l.known[s] {
			l.wake(Queue{ID: id, Stream: s}, time.Time{})
		}
	}
}

// wake schedules a queue, not before the given time if there is one. The lock
// is held.
func (l *worker) wake(q Queue, at time.Time) {
	e := l.queues[q.ID]
	if e == nil {
		e = &entry{Queue: q, since: l.cfg.Now()}
		l.queues[q.ID] = e
	}
	switch {
	case e.busy:
		e.woken = true
	case e.queued:
	case !at.IsZero():
		e.at, e.failed = at, true
	case !e.failed || !l.cfg.Now().Before(e.at): // otherwise its pause goes on
		e.queued, e.at = true, time.Time{}
		l.ready = append(l.ready, q.ID)
		signal(l.work)
	}
}

// next returns the next queue to serve.
func (l *worker) next() (Queue, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ready) == 0 {
		return Queue{}, false
	}
	e := l.queues[l.ready[0]]
	l.ready = l.ready[1:]
	e.queued, e.busy, e.woken = false, true, false
	return e.Queue, true
}

// done reschedules a queue: at once if there is more to do, at a time if it
// failed, or else not at all.
func (l *worker) done(q Queue, more bool, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.queues[q.ID]
	if e == nil {
		return
	}
	e.busy, e.failed = false, false
	switch {
	case !at.IsZero():
		e.at, e.failed = at, true
	case more || e.woken:
		l.wake(q, time.Time{})
	default:
		delete(l.queues, q.ID)
	}
}

// resume wakes the queues whose pause is over.
func (l *worker) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	for _, e := range l.queues {
		if e.failed && !e.busy && !e.queued && !now.Before(e.at) {
			l.wake(e.Queue, time.Time{})
		}
	}
}

func (l *worker) status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{Name: l.Name, Running: l.running, Behind: len(l.queues)}
	for _, e := range l.queues {
		if e.failed {
			s.Failing++
		}
		s.Lag = max(s.Lag, l.cfg.Now().Sub(e.since))
	}
	return s
}

// run serves queues until ctx is done.
func (l *worker) run(ctx context.Context) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	defer l.reset(false)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { l.sweeps(ctx) })
	tick := time.NewTicker(l.cfg.Tick)
	defer tick.Stop()
	slots := make(chan struct{}, l.Parallel)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.resume()
			continue
		case <-l.work:
		}
		for {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			q, ok := l.next()
			if !ok {
				<-slots
				break
			}
			wg.Go(func() {
				defer func() { <-slots }()
				if err := l.serve(ctx, q); err != nil && ctx.Err() == nil {
					l.cfg.Logger.Warn("following a stream", "follower", l.Name, "queue", q.ID, "error", err)
				}
			})
		}
	}
}

// sweeps runs a sweep now, on request, and at intervals.
func (l *worker) sweeps(ctx context.Context) {
	defer func() {
		for s := range l.heard {
			l.cfg.Bell.Unsubscribe(s)
		}
		clear(l.heard)
	}()
	for {
		pause := l.Sweep
		if err := l.sweep(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Logger.Warn("looking for streams that moved", "follower", l.Name, "error", err)
			pause = min(pause, l.cfg.TakeOver)
		}
		next := time.After(pause)
		for waiting := true; waiting; {
			select {
			case <-l.came:
				if err := l.hear(ctx); err != nil && ctx.Err() == nil {
					l.cfg.Logger.Warn("listening to new streams", "follower", l.Name, "error", err)
					next = time.After(l.cfg.TakeOver)
				}
				continue
			case <-l.again:
			case <-next:
			case <-ctx.Done():
				return
			}
			waiting = false
		}
	}
}

// sweep wakes every queue that is behind its stream.
func (l *worker) sweep(ctx context.Context) error {
	known := map[chat.Stream][]string{}
	if l.cfg.Bell != nil { // from now on it tells of new rooms
		known[chat.ServerStream] = nil
		if err := l.subscribe(ctx, chat.ServerStream); err != nil {
			return err
		}
	}
	err := l.Queues(ctx, func(queues []Queue) error {
		heads, err := l.cfg.Log.Heads(ctx, streamsOf(queues)...)
		if err != nil {
			return err
		}
		cursors, err := l.Cursors.Load(ctx, queues)
		if err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for i, q := range queues {
			if l.cfg.Bell != nil || !l.follows(q.Stream) {
				known[q.Stream] = append(known[q.Stream], q.ID)
				l.known[q.Stream] = append(slices.DeleteFunc(l.known[q.Stream],
					func(id string) bool { return id == q.ID }), q.ID)
			}
			c, head := cursors[i], heads[i].Position
			if !q.Due && (head.Epoch == "" || c.Position.Seq == head.Seq && c.Position.Epoch == head.Epoch) {
				continue
			}
			if l.cfg.Now().Before(c.NextAt) {
				l.wake(q, c.NextAt)
			} else {
				l.unpause(q.ID)
				l.wake(q, time.Time{})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.known = known
	for s := range l.fresh { // found meanwhile
		known[s] = append(known[s], string(s))
	}
	clear(l.fresh)
	l.mu.Unlock()
	for s := range l.heard {
		if _, ok := known[s]; !ok {
			l.cfg.Bell.Unsubscribe(s)
			delete(l.heard, s)
		}
	}
	return l.subscribe(ctx, slices.Collect(maps.Keys(known))...)
}

// hear subscribes to streams that no sweep has found yet.
func (l *worker) hear(ctx context.Context) error {
	l.mu.Lock()
	var streams []chat.Stream
	for s := range l.fresh {
		l.known[s] = []string{string(s)}
		streams = append(streams, s)
	}
	l.mu.Unlock()
	return l.subscribe(ctx, streams...)
}

// subscribe subscribes to streams. Only sweeps calls it.
func (l *worker) subscribe(ctx context.Context, streams ...chat.Stream) error {
	if l.cfg.Bell == nil {
		return nil
	}
	for _, s := range streams {
		if l.heard[s] {
			continue
		}
		if err := l.cfg.Bell.Subscribe(ctx, s); err != nil {
			return err
		}
		l.heard[s] = true
		l.wakeStreams([]chat.Stream{s}) // it may have moved just before
	}
	return nil
}

// unpause ends a queue's pause, as its cursor says that it is over. The lock is
// held.
func (l *worker) unpause(id string) {
	if e := l.queues[id]; e != nil {
		e.at = time.Time{}
	}
}

// maxPass is how many batches a queue is served before others have their turn.
const maxPass = 100

// serve hands the events of a queue to the handler, until there are none or one
// fails. The error is not the handler's.
func (l *worker) serve(ctx context.Context, q Queue) error {
	more, at, err := l.advance(ctx, q)
	if errors.Is(err, chat.ErrNotFound) { // the queue or its stream is gone
		more, at, err = false, time.Time{}, nil
	}
	if err != nil {
		at = l.cfg.Now().Add(l.Retry.First)
	}
	l.done(q, more, at)
	return err
}

func (l *worker) advance(ctx context.Context, q Queue) (more bool, at time.Time, err error) {
	if l.Before != nil {
		if err := l.Before(ctx, q); err != nil {
			if errors.Is(err, ErrPaused) {
				err = nil
			}
			return false, at, err
		}
	}
	for range maxPass {
		cursors, err := l.Cursors.Load(ctx, []Queue{q})
		if err != nil {
			return false, at, err
		}
		c := cursors[0]
		if l.cfg.Now().Before(c.NextAt) {
			return false, c.NextAt, nil
		}
		more, err := l.step(ctx, q, c)
		if err != nil || !more {
			return false, at, err
		}
	}
	return true, at, nil
}

// step handles one batch, and reports whether there may be more to do.
func (l *worker) step(ctx context.Context, q Queue, c Cursor) (more bool, err error) {
	was := c.Position
	if was.Epoch == "" { // never started
		heads, err := l.cfg.Log.Heads(ctx, q.Stream)
		if err != nil || heads[0].Epoch == "" {
			return false, err
		}
		c.Position.Epoch = heads[0].Epoch
	}
	events, err := l.cfg.Log.Events(ctx, q.Stream, c.Position, l.Batch)
	if errors.Is(err, chat.ErrResync) {
		if err := l.skip(ctx, q, &c); err != nil {
			return false, err
		}
		return true, l.save(ctx, q, was, c)
	}
	if err != nil || len(events) == 0 {
		return false, err
	}
	done, err := l.Handle(ctx, q, events)
	if done > 0 {
		c.Position, c.Attempts, c.NextAt, c.Error = events[done-1].Position(), 0, time.Time{}, ""
	}
	paused := errors.Is(err, ErrPaused)
	if ctx.Err() != nil || errors.Is(err, chat.ErrUnavailable) || paused {
		if done > 0 { // also when stopping: what was handled is not handled again
			if saved := l.save(context.WithoutCancel(ctx), q, was, c); saved != nil {
				return false, saved
			}
		}
		if paused {
			err = nil
		}
		return false, cmp.Or(ctx.Err(), err)
	}
	if err != nil && done < len(events) {
		c.Attempts++
		c.Error = err.Error()
		if l.GiveUp != nil && c.Attempts >= l.Retry.Attempts {
			if err := l.GiveUp(ctx, q, events[done], c.Attempts, err); err != nil {
				return false, err
			}
			c.Position, c.Attempts, c.NextAt = events[done].Position(), 0, time.Time{}
			c.GivenUp++
		} else {
			c.NextAt = l.cfg.Now().Add(l.Retry.Pause(c.Attempts, err))
		}
	}
	return true, l.save(ctx, q, was, c)
}

func (l *worker) save(ctx context.Context, q Queue, was chat.Position, c Cursor) error {
	err := l.Cursors.Save(ctx, q, was, c)
	if errors.Is(err, chat.ErrConflict) { // a node that was thought to be dead is further
		return nil
	}
	return err
}

// skip moves a cursor forward to the oldest position that the log still has, by
// binary search.
func (l *worker) skip(ctx context.Context, q Queue, c *Cursor) error {
	heads, err := l.cfg.Log.Heads(ctx, q.Stream)
	if err != nil {
		return err
	}
	head, was := heads[0].Position, c.Position
	c.Position, c.SkippedAt, c.Attempts, c.NextAt = head, l.cfg.Now(), 0, time.Time{}
	if head.Epoch != was.Epoch || head.Seq <= was.Seq {
		return nil
	}
	var failure error
	at := func(i int) chat.Position {
		return chat.Position{Epoch: was.Epoch, Seq: was.Seq + 1 + int64(i)}
	}
	n := sort.Search(int(head.Seq-was.Seq-1), func(i int) bool {
		_, err := l.cfg.Log.Events(ctx, q.Stream, at(i), 1)
		if err != nil && !errors.Is(err, chat.ErrResync) {
			failure = err
		}
		return err == nil
	})
	if failure != nil {
		return failure
	}
	if p := at(n); p.Seq < head.Seq {
		c.Position = p
	}
	c.Skipped += c.Position.Seq - was.Seq
	return nil
}
