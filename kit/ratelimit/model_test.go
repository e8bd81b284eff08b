package ratelimit

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"
	"pgregory.net/rapid"

	"github.com/parley-chat/parley/kit/redistest"
)

// clocked is a limiter whose script reads the time from a key, so that tests
// can stand on either side of a moment.
type clocked struct {
	*Limiter
	t   testing.TB
	now int64 // µs
}

func newClocked(t testing.TB, client rueidis.Client, prefix string, limits ...Limit) *clocked {
	t.Helper()
	l, err := New(client, Options{Prefix: prefix}, limits...)
	if err != nil {
		t.Fatal(err)
	}
	const real = "call('TIME')"
	kinds := 0
	for _, limit := range limits {
		kinds |= limit.kind().bit
	}
	source := source(kinds)
	if strings.Count(source, real) != 1 {
		t.Fatal("the script does not read the time exactly once")
	}
	key := prefix + ":clock"
	source = strings.Replace(source, real, "{0, call('GET', '"+key+"')}", 1)
	// Redis expires keys by its own clock, which does not stand still between
	// two calls.
	source = strings.ReplaceAll(source, "'PEXPIRE', s.key, int(", "'PEXPIRE', s.key, int(60000 + ")
	source = strings.ReplaceAll(source, "'PX', int(", "'PX', int(60000 + ")
	l.script = rueidis.NewLuaScript(source)
	c := &clocked{Limiter: l, t: t}
	c.set(1_800_000_000_000_000)
	return c
}

func (c *clocked) set(now int64) {
	c.t.Helper()
	c.now = now
	cmd := c.client.B().Set().Key(c.opt.Prefix + ":clock").Value(strconv.FormatInt(now, 10)).Build()
	if err := c.client.Do(c.t.Context(), cmd).Error(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *clocked) advance(d time.Duration) { c.set(c.now + d.Microseconds()) }

func (c *clocked) take(count int64) Result {
	c.t.Helper()
	r, err := c.AllowN(c.t.Context(), "key", count)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// taken is one admitted call.
type taken struct{ at, count int64 }

// model is the definition of a limit, as slow and plain as can be. It works by
// trying out.
type model interface {
	used(at int64) int64
	take(at, count int64)
}

type logModel struct {
	window int64
	calls  []taken
}

func (m *logModel) used(at int64) (sum int64) {
	for _, c := range m.calls {
		if c.at <= at && at < c.at+m.window {
			sum += c.count
		}
	}
	return sum
}

func (m *logModel) take(at, count int64) { m.calls = append(m.calls, taken{at, count}) }

type counterModel struct {
	window  int64
	start   int64 // of the first bucket; 0 when there is none
	buckets map[int64]int64
}

func (m *counterModel) used(at int64) int64 {
	if m.start == 0 {
		return 0
	}
	n, elapsed := (at-m.start)/m.window, (at-m.start)%m.window
	before := m.buckets[n-1] * (m.window - elapsed)
	return m.buckets[n] + (before+m.window-1)/m.window
}

func (m *counterModel) take(at, count int64) {
	if n := (at - m.start) / m.window; m.start == 0 || m.buckets[n] == 0 && m.buckets[n-1] == 0 {
		m.start, m.buckets = at, map[int64]int64{}
	}
	m.buckets[(at-m.start)/m.window] += count
}

// paceModel is a bucket in units of a window's part.
type paceModel struct {
	limit     Limit
	level, at int64
}

func (m *paceModel) leaked(at int64) int64 { return max(0, m.level-(at-m.at)*m.limit.Quota) }

func (m *paceModel) used(at int64) int64 {
	window := m.limit.Window.Microseconds()
	return (m.leaked(at) + window - 1) / window
}

func (m *paceModel) take(at, count int64) {
	m.level, m.at = m.leaked(at)+count*m.limit.Window.Microseconds(), at
}

func newModel(l Limit) model {
	if l.Burst > 0 {
		return &paceModel{limit: l}
	}
	if l.Approximate {
		return &counterModel{window: l.Window.Microseconds()}
	}
	return &logModel{window: l.Window.Microseconds()}
}

// expect is what the models say about a call.
func expect(models []model, limits []Limit, at, count int64) Result {
	r := Result{Allowed: true, At: time.UnixMicro(at)}
	for i, m := range models {
		if m.used(at)+count > limits[i].most() {
			r.Allowed = false
		}
	}
	for i, m := range models {
		// What is used only falls while nothing is taken.
		until := func(fits func(used int64) bool) time.Duration {
			d := sort.Search(1<<20, func(d int) bool { return fits(m.used(at + int64(d))) })
			return time.Duration(d) * time.Microsecond
		}
		s := State{Limit: limits[i]}
		s.RetryAfter = until(func(used int64) bool { return used+count <= limits[i].most() })
		r.RetryAfter = max(r.RetryAfter, s.RetryAfter)
		if r.Allowed {
			m.take(at, count)
		}
		s.Remaining = max(limits[i].most()-m.used(at), 0)
		s.Reset = until(func(used int64) bool { return used == 0 })
		r.Limits = append(r.Limits, s)
	}
	return r
}

// Whatever is called whenever, every field of every result is what the
// definition says, to the microsecond.
func TestModel(t *testing.T) {
	client := redistest.Start(t).Client(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		var limits []Limit
		for i := range rapid.IntRange(1, 3).Draw(rt, "limits") {
			limit := Limit{
				Name:  fmt.Sprintf("limit%d", i),
				Quota: rapid.Int64Range(1, 12).Draw(rt, "quota"),
				Window: time.Millisecond + time.Duration(rapid.IntRange(0, 500).Draw(rt,
					"window"))*time.Microsecond,
			}
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 0:
				limit.Approximate = true
			case 1:
				limit.Burst = rapid.Int64Range(1, limit.Quota).Draw(rt, "burst")
			}
			limits = append(limits, limit)
		}
		largest := slices.MinFunc(limits, func(a, b Limit) int { return int(a.most() - b.most()) }).most()
		c := newClocked(t, client, fmt.Sprintf("model%d", runs), limits...)
		var models []model
		for _, l := range limits {
			models = append(models, newModel(l))
		}
		var retry time.Duration
		for range rapid.IntRange(1, 40).Draw(rt, "calls") {
			switch rapid.IntRange(0, 3).Draw(rt, "pause") {
			case 0: // at the very same time
			case 1:
				c.advance(time.Duration(rapid.IntRange(1, 1600).Draw(rt, "µs")) * time.Microsecond)
			case 2:
				c.advance(retry) // the moment that was promised
			case 3:
				c.advance(max(retry-time.Microsecond, 0)) // just before it
			}
			count := rapid.Int64Range(1, largest).Draw(rt, "count")
			want := expect(models, limits, c.now, count)
			got, err := c.AllowN(t.Context(), "key", count)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("at %d, count %d (-want +got):\n%s", c.now, count, diff)
			}
			retry = got.RetryAfter
		}
	})
}
