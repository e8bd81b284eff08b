package stream

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed claim.lua
	claimSource string
	claimScript = rueidis.NewLuaScript(claimSource)
	//go:embed fail.lua
	failSource string
	failScript = rueidis.NewLuaScript(failSource)
	//go:embed leave.lua
	leaveSource string
	leaveScript = rueidis.NewLuaScript(leaveSource)
)

// Consume handles events until the context ends, and returns its error when all
// handlers have returned. It waits for Redis for as long as it takes;
// GroupOptions.OnError tells. What Redis refuses for a reason that does not
// pass by itself, such as a missing permission or a command that it does not
// know, ends it with that error.
//
// A handler's nil acknowledges the event. An error, or a panic, has it
// delivered again after a pause, to whoever is free, and at the end puts it
// among the dead letters with the reason. The handler's context ends with
// Consume's, after GroupOptions.HandlerTimeout, or with the cause [ErrTaken]
// when the event could not be renewed and may be another's. An event that is
// interrupted by the end of Consume is free for others at once, and not counted
// as delivered.
func (g *Group) Consume(ctx context.Context, handler func(context.Context, Delivery) error) error {
	r := &runner{g: g, handler: handler, consumer: rand.Text(),
		free: make(chan struct{}, g.opt.Concurrency), soon: make(chan time.Time, g.opt.Concurrency),
		running: map[*running]struct{}{}}
	for range g.opt.Concurrency {
		r.free <- struct{}{}
	}
	renewing, stopRenewing := context.WithCancel(context.WithoutCancel(ctx))
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		r.renew(renewing)
	}()
	refused := r.run(ctx)
	r.busy.Wait()
	stopRenewing()
	<-renewed
	r.leave(context.WithoutCancel(ctx), r.consumer)
	if refused != nil {
		return refused
	}
	return ctx.Err()
}

// run takes events until the context ends, or until Redis refuses for good.
func (r *runner) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the handlers' as well
	var wait exec.Backoff
	for ctx.Err() == nil {
		err := r.serve(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
		case exec.Permanent(err):
			return r.g.fault("consume", explained(err))
		default:
			r.g.opt.OnError(r.g.fault("consume", err))
			wait.Pause(ctx)
		}
	}
	return nil
}

// explained names the version that a group needs where an older Redis refuses
// what it does not know.
func explained(err error) error {
	if text := strings.ToLower(err.Error()); strings.Contains(text, "unknown") && strings.Contains(text, "command") {
		return fmt.Errorf("a group needs Redis 6.2 or later: %w", err)
	}
	return err
}

// A runner is one Consume.
type runner struct {
	g        *Group
	handler  func(context.Context, Delivery) error
	consumer string
	made     bool           // the group was there once
	free     chan struct{}  // has one element for each delivery that may begin
	soon     chan time.Time // when failed deliveries will be there again
	due      []time.Time    // the same, of the goroutine that reads
	busy     sync.WaitGroup

	mu      sync.Mutex
	running map[*running]struct{} // deliveries that are being handled
}

// running is a delivery that is being handled. Its deadline is guarded by the
// runner's mu.
type running struct {
	d       Delivery
	renewed time.Time // from when the visibility time counts
	until   time.Time // when its handler is renewed no longer
	cancel  context.CancelCauseFunc
}

// shortBlock bounds a read while handlers run, because their failures are to be
// tried again soon.
const shortBlock = 100 * time.Millisecond

// serve takes events on one connection until something fails.
func (r *runner) serve(ctx context.Context) error {
	g, t := r.g, r.g.t
	if err := r.ensure(ctx); err != nil {
		return err
	}
	r.leave(ctx, "")
	home := t.home()
	conn, release := t.client.Dedicate()
	defer func() { conn.Close(); release() }()

	every := min(g.opt.VisibilityTimeout/4, time.Second)
	next := time.Now() // when to look for what others left
	for {
		n := r.take(ctx)
		if n == 0 {
			return ctx.Err()
		}
		next = r.sooner(next)
		var got []Delivery
		var err error
		asked := time.Now()
		if wait := time.Until(next); wait <= 0 {
			now := time.Now()
			if is := t.home(); is != home {
				r.give(n)
				return fmt.Errorf("the server is now %s, no longer %s", is, home)
			}
			if got, err = r.claim(ctx, n); len(got) < n {
				r.looked(now)
				next = now.Add(every)
			}
		} else {
			longest := longestBlock
			if r.busyNow() {
				longest = shortBlock
			}
			got, err = r.read(ctx, conn, n, min(wait, longest))
		}
		for _, d := range got {
			r.start(ctx, d, asked)
		}
		r.give(n - len(got))
		if err != nil {
			return err
		}
	}
}

// ensure makes the group. One that was there before and is gone, as after a
// flush, begins again with what there is.
func (r *runner) ensure(ctx context.Context) error {
	from := r.g.opt.From
	if r.made {
		from = Beginning
	}
	ctx, cancel := r.g.t.bound(ctx)
	defer cancel()
	made, err := r.g.create(ctx, from)
	if made && r.made {
		r.g.opt.OnError(r.g.fault("the group was gone and is made again",
			&GapError{After: Beginning, Until: Beginning}))
	}
	r.made = r.made || err == nil
	return err
}

// take waits until at least one delivery may begin and returns how many may.
func (r *runner) take(ctx context.Context) int {
	select {
	case <-ctx.Done():
		return 0
	case <-r.free:
	}
	n := 1
	for {
		select {
		case <-r.free:
			n++
		default:
			return n
		}
	}
}

func (r *runner) give(n int) {
	for range n {
		r.free <- struct{}{}
	}
}

// sooner is the time of the next look, early enough for deliveries that have
// failed.
func (r *runner) sooner(next time.Time) time.Time {
	for {
		select {
		case at := <-r.soon:
			r.due = append(r.due, at)
		default:
			for _, at := range r.due {
				if at.Before(next) {
					next = at
				}
			}
			return next
		}
	}
}

// looked forgets the times that a look at this time was for.
func (r *runner) looked(at time.Time) {
	r.due = slices.DeleteFunc(r.due, func(due time.Time) bool { return !due.After(at) })
}

// read takes new events.
func (r *runner) read(ctx context.Context, conn rueidis.DedicatedClient, n int,
	wait time.Duration) (got []Delivery, err error) {
	g := r.g
	err = exec.Within(ctx, wait+g.t.opt.Timeout, func(ctx context.Context) error {
		// Zero would wait for ever.
		cmd := conn.B().Xreadgroup().Group(g.name,
			r.consumer).Count(int64(n)).Block(max(wait.Milliseconds(),
			1)).Streams().Key(g.t.stem).Id(">").Build()
		streams, err := conn.Do(ctx, cmd).AsXRead()
		if rueidis.IsRedisNil(err) {
			return nil
		}
		for _, e := range streams[g.t.stem] {
			got = append(got, Delivery{Event: Event{Position: e.ID,
				Payload: payload(e.FieldValues)}, Deliveries: 1, id: e.ID})
		}
		return err
	})
	return got, err
}

// claim takes over events that no one has answered.
func (r *runner) claim(ctx context.Context, n int) (got []Delivery, err error) {
	g := r.g
	ctx, cancel := context.WithTimeout(ctx, g.t.opt.Timeout)
	defer cancel()
	reply, err := exec.Script(ctx, claimScript, g.t.client,
		[]string{g.t.stem, g.retries(), g.dead(), g.t.lost(), g.later()},
		[]string{g.name, r.consumer, strconv.FormatInt(g.opt.VisibilityTimeout.Milliseconds(), 10),
			strconv.Itoa(n), strconv.Itoa(g.opt.MaxDeliveries)}).ToArray()
	if err == nil && len(reply) != 4 {
		err = errors.New("claim: unexpected reply")
	}
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	events, _ := reply[0].ToArray()
	for _, event := range events {
		f, err := event.ToArray()
		if err != nil || len(f) != 5 {
			return got, errors.New("claim: unexpected event")
		}
		which, _ := f[0].AsInt64()
		d := Delivery{retried: which == 2}
		times, _ := f[2].AsInt64()
		d.Deliveries = int(times)
		d.id, _ = f[1].ToString()
		d.Payload, _ = f[3].ToString()
		d.Position, _ = f[4].ToString()
		got = append(got, d)
	}
	gone, _ := reply[1].AsStrSlice()
	for _, id := range gone {
		g.opt.OnError(g.fault("an unacknowledged event was deleted", &GapError{After: id, Until: id}))
	}
	if until, _ := reply[2].ToString(); until != "" {
		g.opt.OnError(g.fault("events were dropped before they were delivered",
			&GapError{After: Beginning, Until: until}))
	}
	if problem, _ := reply[3].ToString(); problem != "" {
		g.opt.OnError(g.fault("put among the dead letters, to be tried again", errors.New(problem)))
	}
	return got, nil
}

// start handles an event on a goroutine that Consume waits for. The event was
// delivered no earlier than at the time.
func (r *runner) start(ctx context.Context, d Delivery, at time.Time) {
	now := &running{d: d, renewed: at, until: time.Now().Add(r.g.opt.HandlerTimeout)}
	handling, cancel := context.WithCancelCause(ctx)
	now.cancel = cancel
	r.mu.Lock()
	r.running[now] = struct{}{}
	r.mu.Unlock()
	r.busy.Go(func() {
		defer r.give(1)
		defer cancel(nil)
		defer func() {
			r.mu.Lock()
			delete(r.running, now)
			r.mu.Unlock()
		}()
		err := errors.New("the handler ended its goroutine")
		defer func() { r.conclude(ctx, d, err) }()
		err = r.handle(handling, now.until, d)
	})
}

func (r *runner) busyNow() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running) > 0
}

// conclude tells Redis what became of an event, even while Run ends.
func (r *runner) conclude(ctx context.Context, d Delivery, err error) {
	told := context.WithoutCancel(ctx)
	switch {
	case err == nil:
		err = r.acknowledge(told, d)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = r.answer(told, d, "release", strconv.FormatInt(r.g.opt.VisibilityTimeout.Milliseconds(), 10))
	default:
		r.g.opt.OnError(r.g.fault(fmt.Sprintf("event %s, delivery %d", d.Position, d.Deliveries), err))
		err = r.failed(told, d, err)
	}
	if err != nil {
		r.g.opt.OnError(r.g.fault("answer for event "+d.Position, err))
	}
}

// handle calls the handler. A panic is an error.
func (r *runner) handle(ctx context.Context, deadline time.Time, d Delivery) (err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return r.handler(ctx, d)
}

func (r *runner) failed(ctx context.Context, d Delivery, why error) error {
	deliveries := strconv.Itoa(d.Deliveries)
	if d.Deliveries >= r.g.opt.MaxDeliveries {
		return r.answer(ctx, d, "dead", d.Payload, d.Position, deliveries, why.Error())
	}
	pause := max(r.g.opt.Backoff(d.Deliveries), 0)
	if pause > r.g.opt.VisibilityTimeout {
		return r.answer(ctx, d, "defer", d.Payload, d.Position, deliveries,
			strconv.FormatInt(pause.Milliseconds(), 10))
	}
	err := r.answer(ctx, d, "later",
		strconv.FormatInt((r.g.opt.VisibilityTimeout-pause).Milliseconds(), 10))
	select {
	// not before Redis' clock, which counts whole ones
	case r.soon <- time.Now().Add(pause + 2*time.Millisecond):
	default: // the regular look finds it
	}
	return err
}

// answer runs fail.lua. If it cannot, the event is there again after the
// visibility time.
func (r *runner) answer(ctx context.Context, d Delivery, what string, args ...string) error {
	retried := "0"
	if d.retried {
		retried = "1"
	}
	return r.persist(ctx, func(ctx context.Context) error {
		return exec.Script(ctx, failScript, r.g.t.client, []string{r.g.stream(d), r.g.dead(), r.g.later()},
			append([]string{r.g.name, r.consumer, d.id, what, retried}, args...)).Error()
	})
}

// acknowledge tells that an event is done. It counts also if the event was
// given to another meanwhile.
func (r *runner) acknowledge(ctx context.Context, d Delivery) error {
	stream, c := r.g.stream(d), r.g.t.client
	return r.persist(ctx, func(ctx context.Context) error {
		err := c.Do(ctx, c.B().Xack().Key(stream).Group(r.g.name).Id(d.id).Build()).Error()
		if err == nil && d.retried {
			err = c.Do(ctx, c.B().Xdel().Key(stream).Id(d.id).Build()).Error()
		}
		return err
	})
}

// persist repeats what may be repeated, until the topic's timeout.
func (r *runner) persist(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := r.g.t.bound(ctx)
	defer cancel()
	var wait exec.Backoff
	for {
		err := f(ctx)
		_, refused := exec.Refusal(err)
		if err == nil || refused && !exec.Passing(err) || !wait.Pause(ctx) {
			return err
		}
	}
}

// leave removes consumers of this group that hold nothing: the named one, and
// those of processes that have died.
func (r *runner) leave(ctx context.Context, consumer string) {
	ctx, cancel := r.g.t.bound(ctx)
	defer cancel()
	idle := max(time.Hour, 10*r.g.opt.VisibilityTimeout)
	err := exec.Script(ctx, leaveScript, r.g.t.client, []string{r.g.t.stem, r.g.retries()},
		[]string{r.g.name, consumer, strconv.FormatInt(idle.Milliseconds(), 10)}).Error()
	if err != nil {
		r.g.opt.OnError(r.g.fault("tidy up consumers", err))
	}
}
