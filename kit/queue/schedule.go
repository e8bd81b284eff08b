package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// A schedule adds a job again and again.
type schedule struct {
	name, spec string
	rhythm     rhythm
	job        []string // as add.lua takes it, without an id

	next   time.Time // by the clock of Redis; zero while it is not registered
	loser  bool      // another spec has taken over
	lookAt time.Time // by the local clock
}

// Every has the queue enqueue a job by a schedule, once over all processes that
// declare it. Declare schedules before Run, which keeps them. The name is the
// schedule's in this queue.
//
// The spec is a cron line of five fields (minute, hour, day of the month,
// month, day of the week), in UTC or, as in "CRON_TZ=Europe/Berlin 30 8 * *
// mon-fri", in a time zone; one of @hourly, @daily, @weekly, @monthly and
// @yearly; or "@every 90s", counted from the zero time.
//
// When the next job is due is kept in Redis. Times at which no process ran are
// made up for by one job. While processes with different specs run, as during a
// deployment, that of the process started last holds. With JobOptions.Unique a
// time is left out while the job before it is unfinished. Delay and ID have no
// effect: the id is the name and the time.
func (q *Queue[T]) Every(name, spec string, payload T, opt JobOptions) error {
	rhythm, err := parse(spec)
	if err != nil {
		return err
	}
	if len(opt.After) > 0 {
		return errors.New("queue: a schedule cannot wait for a job")
	}
	opt.ID, opt.Delay, opt.At = name, 0, time.Time{}
	job, err := q.record(payload, opt)
	if err != nil {
		return err
	}
	for _, s := range q.schedules {
		if s.name == name {
			return fmt.Errorf("queue: two schedules are called %q", name)
		}
	}
	if name == "" {
		return errors.New("queue: a schedule needs a name")
	}
	q.schedules = append(q.schedules, schedule{name: name, spec: strings.TrimSpace(spec),
		rhythm: rhythm, job: job})
	return nil
}

// takeover is for how long a schedule of another spec may be overdue before
// this process takes it over.
const takeover = time.Minute

// fire keeps the schedules until the context ends.
func (q *Queue[T]) fire(ctx context.Context) {
	if len(q.schedules) == 0 {
		return
	}
	schedules := append([]schedule(nil), q.schedules...) // of this Run
	var rest pause
	for ctx.Err() == nil {
		wake := time.Now().Add(takeover)
		for i := range schedules {
			s := &schedules[i]
			if s.lookAt.After(time.Now()) {
				wake = earlier(wake, s.lookAt)
				continue
			}
			if err := q.tick(ctx, s); err != nil && ctx.Err() == nil {
				q.opt.OnError(fmt.Errorf("queue: schedule %q: %w", s.name, err))
				rest.wait(ctx)
				wake = time.Now()
				continue
			}
			rest = 0
			wake = earlier(wake, s.lookAt)
		}
		sleep(ctx, time.Until(wake))
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// tick registers a schedule, or adds its job when it is due.
func (q *Queue[T]) tick(ctx context.Context, s *schedule) error {
	slot, from := int64(0), time.Now()
	switch {
	case s.loser:
		slot = -takeover.Milliseconds()
	case !s.next.IsZero():
		// The time after this one is reckoned from now on if this one is long
		// past, and Redis refuses to be told so before it is due.
		slot = s.next.UnixMilli()
		if s.next.After(from) {
			from = s.next
		}
	}
	next := s.rhythm.next(from)
	if next.IsZero() {
		return errors.New("there is no such day any more")
	}
	args := append([]string{s.name, s.spec, strconv.FormatInt(slot, 10),
		strconv.FormatInt(next.UnixMilli(), 10), fmt.Sprintf("%s@%d", s.name, slot)}, s.job[1:]...)
	reply, err := q.run(ctx, scheduleScript, args...).AsIntSlice()
	if err != nil {
		return exec.Unavailable(ctx, err)
	}
	if len(reply) != 2 {
		return exec.ErrReply
	}
	s.loser = reply[0] == 0
	if s.loser {
		s.lookAt = time.Now().Add(takeover)
		return nil
	}
	s.next = time.UnixMilli(reply[0])
	// Sooner than the local clock says if that is behind.
	s.lookAt = time.Now().Add(time.Duration(reply[0]-reply[1]) * time.Millisecond)
	return nil
}

// Schedule is a schedule that is known to Redis.
type Schedule struct {
	Name, Spec string
	NextAt     time.Time
}

// Schedules returns the schedules that processes have declared, in the order of
// their names.
func (a *Admin) Schedules(ctx context.Context) ([]Schedule, error) {
	ctx, cancel := exec.Bound(ctx, a.opt.Timeout)
	defer cancel()
	rows, err := a.client.Do(ctx, a.client.B().Hgetall().Key(a.schedulesKey()).Build()).AsStrMap()
	if err != nil {
		return nil, fmt.Errorf("queue: schedules: %w", exec.Unavailable(ctx, err))
	}
	var all []Schedule
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		at, spec, _ := strings.Cut(rows[name], " ")
		ms, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("queue: schedule %q: %w", name, err)
		}
		all = append(all, Schedule{name, spec, time.UnixMilli(ms)})
	}
	return all, nil
}

// Unschedule forgets a schedule that no process declares any more. One that is
// declared again begins anew.
func (a *Admin) Unschedule(ctx context.Context, name string) error {
	ctx, cancel := exec.Bound(ctx, a.opt.Timeout)
	defer cancel()
	err := a.client.Do(ctx, a.client.B().Hdel().Key(a.schedulesKey()).Field(name).Build()).Error()
	if err != nil {
		return fmt.Errorf("queue: unschedule: %w", exec.Unavailable(ctx, err))
	}
	return nil
}
