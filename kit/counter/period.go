package counter

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
	"github.com/parley-chat/parley/kit/internal/period"
)

// A Period is a span of the calendar. Weeks begin on Monday.
type Period = period.Period

// The periods.
const (
	Hour  = period.Hour
	Day   = period.Day
	Week  = period.Week
	Month = period.Month
	Year  = period.Year
)

// BudgetOptions are the settings of a Budget. Limit is required.
type BudgetOptions struct {
	// Limit is what may be spent in a period.
	Limit int64

	// Period. Default: Day.
	Period Period

	// Location has the calendar. Default: UTC.
	Location *time.Location

	// Prefix begins every key in Redis. Default: "budget". Budgets with
	// different periods need different ones.
	Prefix string

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 2 s.
	Timeout time.Duration
}

// A Budget lets each key spend up to a limit in each period. It is safe for
// concurrent use.
type Budget struct {
	base
	limit    int64
	period   Period
	location *time.Location
}

// NewBudget returns a budget. The client stays the caller's and must outlive
// it.
func NewBudget(client rueidis.Client, opt BudgetOptions) (*Budget, error) {
	b, err := newBase(client, opt.Prefix, "budget", opt.Timeout)
	if err != nil {
		return nil, err
	}
	if opt.Limit < 0 || opt.Limit > most {
		return nil, fmt.Errorf("%w: a limit of %d", ErrAmount, opt.Limit)
	}
	p, location, err := calendar(opt.Period, opt.Location)
	if err != nil {
		return nil, err
	}
	return &Budget{b, opt.Limit, p, location}, nil
}

func calendar(p Period, location *time.Location) (Period, *time.Location, error) {
	if p == period.Forever {
		p = Day
	}
	if location == nil {
		location = time.UTC
	}
	if !p.Valid() {
		return p, location, fmt.Errorf("counter: no period %d", p)
	}
	return p, location, nil
}

// Spent is the state of a budget after a call.
type Spent struct {
	Left   int64     // in this period
	EndsAt time.Time // when there is a new one
}

// Spend spends n, or nothing and returns ErrNotEnough. An n of 0 only looks.
// Spent is there in both cases.
func (b *Budget) Spend(ctx context.Context, key string, n int64) (Spent, error) {
	name, err := b.key(key)
	if err != nil {
		return Spent{}, err
	}
	if n < 0 || n > most {
		return Spent{}, fmt.Errorf("%w: %d", ErrAmount, n)
	}
	_, periods := b.period.Around(time.Now().In(b.location))
	reply, err := b.run(ctx, spendScript, []string{name}, periods, strconv.FormatInt(n, 10),
		strconv.FormatInt(b.limit, 10)).AsIntSlice()
	if err == nil && len(reply) != 3 {
		err = exec.ErrReply
	}
	if err != nil {
		return Spent{}, fmt.Errorf("counter: spend: %w", exec.Unavailable(ctx, err))
	}
	spent := Spent{reply[1], time.UnixMilli(reply[2]).In(b.location)}
	if reply[0] == 0 {
		return spent, fmt.Errorf("%w: %d of %d are left until %s", ErrNotEnough, spent.Left, b.limit,
			spent.EndsAt.Format(time.RFC3339))
	}
	return spent, nil
}

// UniqueOptions are the settings of a Unique; the zero value is ready to use.
type UniqueOptions struct {
	// Period that members are counted by. Default: Day.
	Period Period

	// Location has the calendar. Default: UTC.
	Location *time.Location

	// Retention is how long the count of a period is kept after its end.
	// Default: 90 days.
	Retention time.Duration

	// Prefix begins every key in Redis. Default: "unique". Counts with
	// different periods need different ones.
	Prefix string

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 2 s.
	Timeout time.Duration
}

// A Unique counts the different members of a key in each period. It is safe for
// concurrent use.
type Unique struct {
	base
	period    Period
	location  *time.Location
	retention time.Duration
}

// NewUnique returns a count. The client stays the caller's and must outlive it.
func NewUnique(client rueidis.Client, opt UniqueOptions) (*Unique, error) {
	b, err := newBase(client, opt.Prefix, "unique", opt.Timeout)
	if err != nil {
		return nil, err
	}
	p, location, err := calendar(opt.Period, opt.Location)
	if err != nil {
		return nil, err
	}
	if opt.Retention == 0 {
		opt.Retention = 90 * 24 * time.Hour
	}
	if opt.Retention < 0 {
		return nil, fmt.Errorf("counter: a retention of %s", opt.Retention)
	}
	return &Unique{b, p, location, opt.Retention}, nil
}

// Add counts members, up to some thousands, in the present period.
func (u *Unique) Add(ctx context.Context, key string, members ...string) error {
	name, err := u.key(key)
	if err != nil || len(members) == 0 {
		return err
	}
	names, periods := u.period.Around(time.Now().In(u.location))
	for i := range names {
		names[i] = name + ":" + names[i]
	}
	args := append([]string{periods, strconv.FormatInt(u.retention.Milliseconds(), 10)}, members...)
	if err := u.run(ctx, seeScript, names, args...).Error(); err != nil {
		return fmt.Errorf("counter: add: %w", exec.Unavailable(ctx, err))
	}
	return nil
}

// maxPeriods is how many periods can be united.
const maxPeriods = 1000

// Count returns how many different members there were in the periods from that
// of one time up to that of another, with a standard error of 0.81 %.
func (u *Unique) Count(ctx context.Context, key string, from, to time.Time) (int64, error) {
	name, err := u.key(key)
	if err != nil {
		return 0, err
	}
	var keys []string
	for at := u.period.Start(from.In(u.location)); !at.After(to); at = u.period.Next(at) {
		if keys = append(keys, name+":"+u.period.Name(at)); len(keys) > maxPeriods {
			return 0, fmt.Errorf("counter: more than %d periods", maxPeriods)
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	ctx, cancel := exec.Bound(ctx, u.timeout)
	defer cancel()
	n, err := u.client.Do(ctx, u.client.B().Pfcount().Key(keys...).Build()).AsInt64()
	if err != nil {
		return 0, fmt.Errorf("counter: count: %w", exec.Unavailable(ctx, err))
	}
	return n, nil
}
