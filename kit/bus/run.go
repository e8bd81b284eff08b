package bus

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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

// Run handles events until the context ends, and returns its error when all
// handlers have returned. It waits for Redis for as long as it takes;
// GroupOptions.Failed tells.
//
// A handler's nil acknowledges the event. An error, or a panic, has it
// delivered again after a pause, to whoever is free, and at the end puts it
// among the dead letters with the reason. The handler's context ends with Run's
// or with the visibility time, after which another may get the same event. An
// event that is interrupted by the end of Run is free for others at once, and
// not counted as delivered.
func (g *Group) Run(ctx context.Context, handler func(context.Context, Delivery) error) error {
	r := &runner{g: g, handler: handler, consumer: rand.Text(),
		free: make(chan struct{}, g.opt.Concurrency), soon: make(chan time.Time, g.opt.Concurrency)}
	for range g.opt.Concurrency {
		r.free <- struct{}{}
	}
	var wait backoff
	for ctx.Err() == nil {
		if err := r.serve(ctx); err != nil && ctx.Err() == nil {
			g.opt.Failed(g.fault("run", explained(err)))
			wait.pause(ctx)
		}
	}
	r.busy.Wait()
	r.leave(context.WithoutCancel(ctx), r.consumer)
	return ctx.Err()
}

// A runner is one Run.
type runner struct {
	g        *Group
	handler  func(context.Context, Delivery) error
	consumer string
	made     bool           // the group was there once
	free     chan struct{}  // has one element for each delivery that may begin
	soon     chan time.Time // when failed deliveries will be there again
	due      []time.Time    // the same, of the goroutine that reads
	busy     sync.WaitGroup
	active   atomic.Int64 // deliveries that are being handled
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

	every := min(g.opt.Visibility/4, time.Second)
	next := time.Now() // when to look for what others left
	for {
		n := r.take(ctx)
		if n == 0 {
			return ctx.Err()
		}
		next = r.sooner(next)
		var got []Delivery
		var err error
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
			if r.active.Load() > 0 {
				longest = shortBlock
			}
			got, err = r.read(ctx, conn, n, min(wait, longest))
		}
		for _, d := range got {
			r.start(ctx, d)
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
		r.g.opt.Failed(r.g.fault("the group was gone and is made again",
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
	err = within(ctx, wait+g.t.opt.Timeout, func(ctx context.Context) error {
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
				Payload: e.FieldValues["event"]}, Deliveries: 1, id: e.ID})
		}
		return err
	})
	return got, err
}

// claim takes over events that nobody has answered.
func (r *runner) claim(ctx context.Context, n int) (got []Delivery, err error) {
	g := r.g
	ctx, cancel := context.WithTimeout(ctx, g.t.opt.Timeout)
	defer cancel()
	reply, err := exec.Script(ctx, claimScript, g.t.client,
		[]string{g.t.stem, g.retries(), g.dead(), g.t.lost()},
		[]string{g.name, r.consumer, strconv.FormatInt(g.opt.Visibility.Milliseconds(), 10),
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
		d := Delivery{Redriven: which == 2}
		times, _ := f[2].AsInt64()
		d.Deliveries = int(times)
		d.id, _ = f[1].ToString()
		d.Payload, _ = f[3].ToString()
		d.Position, _ = f[4].ToString()
		got = append(got, d)
	}
	gone, _ := reply[1].AsStrSlice()
	for _, id := range gone {
		g.opt.Failed(g.fault("an unacknowledged event was deleted", &GapError{After: id, Until: id}))
	}
	if until, _ := reply[2].ToString(); until != "" {
		g.opt.Failed(g.fault("events were dropped before they were delivered",
			&GapError{After: Beginning, Until: until}))
	}
	if problem, _ := reply[3].ToString(); problem != "" {
		g.opt.Failed(g.fault("put among the dead letters, to be tried again", errors.New(problem)))
	}
	return got, nil
}

// start handles an event on a goroutine that Run waits for.
func (r *runner) start(ctx context.Context, d Delivery) {
	deadline := time.Now().Add(r.g.opt.Visibility)
	r.active.Add(1)
	r.busy.Go(func() {
		defer r.give(1)
		defer r.active.Add(-1)
		err := errors.New("the handler ended its goroutine")
		defer func() { r.conclude(ctx, d, err) }()
		err = r.handle(ctx, deadline, d)
	})
}

// conclude tells Redis what became of an event, even while Run ends.
func (r *runner) conclude(ctx context.Context, d Delivery, err error) {
	told := context.WithoutCancel(ctx)
	switch {
	case err == nil:
		err = r.acknowledge(told, d)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = r.answer(told, d, "release", strconv.FormatInt(r.g.opt.Visibility.Milliseconds(), 10))
	default:
		r.g.opt.Failed(r.g.fault(fmt.Sprintf("event %s, delivery %d", d.Position, d.Deliveries), err))
		err = r.failed(told, d, err)
	}
	if err != nil {
		r.g.opt.Failed(r.g.fault("answer for event "+d.Position, err))
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
	if d.Deliveries >= r.g.opt.MaxDeliveries {
		drop := "0"
		if d.Redriven {
			drop = "1"
		}
		return r.answer(ctx, d, "dead", d.Payload, d.Position, why.Error(), drop)
	}
	pause := min(max(r.g.opt.Backoff(d.Deliveries), 0), r.g.opt.Visibility)
	err := r.answer(ctx, d, "later", strconv.FormatInt((r.g.opt.Visibility-pause).Milliseconds(), 10))
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
	return r.persist(ctx, func(ctx context.Context) error {
		return exec.Script(ctx, failScript, r.g.t.client, []string{r.g.stream(d), r.g.dead()},
			append([]string{r.g.name, r.consumer, d.id, what}, args...)).Error()
	})
}

// acknowledge tells that an event is done. It counts also if the event was
// given to another meanwhile.
func (r *runner) acknowledge(ctx context.Context, d Delivery) error {
	stream, c := r.g.stream(d), r.g.t.client
	return r.persist(ctx, func(ctx context.Context) error {
		err := c.Do(ctx, c.B().Xack().Key(stream).Group(r.g.name).Id(d.id).Build()).Error()
		if err == nil && d.Redriven {
			err = c.Do(ctx, c.B().Xdel().Key(stream).Id(d.id).Build()).Error()
		}
		return err
	})
}

// persist repeats what may be repeated, until the topic's timeout.
func (r *runner) persist(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := r.g.t.bound(ctx)
	defer cancel()
	var wait backoff
	for {
		err := f(ctx)
		if _, refused := rueidis.IsRedisErr(err); err == nil || refused && !passing(err) || !wait.pause(ctx) {
			return err
		}
	}
}

// leave removes consumers of this group that hold nothing: the named one, and
// those of processes that have died.
func (r *runner) leave(ctx context.Context, consumer string) {
	ctx, cancel := r.g.t.bound(ctx)
	defer cancel()
	idle := max(time.Hour, 10*r.g.opt.Visibility)
	err := exec.Script(ctx, leaveScript, r.g.t.client, []string{r.g.t.stem, r.g.retries()},
		[]string{r.g.name, consumer, strconv.FormatInt(idle.Milliseconds(), 10)}).Error()
	if err != nil {
		r.g.opt.Failed(r.g.fault("tidy up consumers", err))
	}
}
