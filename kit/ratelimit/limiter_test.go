package ratelimit

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"pgregory.net/rapid"

	"github.com/parley-chat/parley/kit/redistest"
)

func newLimiter(t testing.TB, client rueidis.Client, opt Options, limits ...Limit) *Limiter {
	t.Helper()
	l, err := New(client, opt, limits...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustAllow(t testing.TB, l *Limiter, key string, count int64) Result {
	t.Helper()
	r, err := l.AllowN(t.Context(), key, count)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fullest is the most that calls took in any window.
func fullest(calls []taken, window time.Duration) (most int64) {
	slices.SortFunc(calls, func(a, b taken) int { return int(a.at - b.at) })
	var sum int64
	for first, next := 0, 0; next < len(calls); next++ {
		sum += calls[next].count
		for calls[first].at <= calls[next].at-window.Microseconds() {
			sum -= calls[first].count
			first++
		}
		most = max(most, sum)
	}
	return most
}

// Many clients at once, on the real clock: no window, wherever it begins, sees
// more than the quota, and none of it is wasted.
func TestConcurrentClients(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		limits := []Limit{
			{Name: "short", Quota: 7, Window: 40 * time.Millisecond},
			{Name: "long", Quota: 50, Window: 400 * time.Millisecond},
		}
		var mu sync.Mutex
		var calls []taken
		var refused int
		var all sync.WaitGroup
		stop := time.Now().Add(1500 * time.Millisecond)
		for worker := range 8 {
			l := newLimiter(t, d.Client(t), Options{}, limits...)
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(worker), 1))
				for time.Now().Before(stop) {
					count := 1 + random.Int64N(3)
					r, err := l.AllowN(t.Context(), "shared", count)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if r.Allowed {
						calls = append(calls, taken{r.At.UnixMicro(), count})
					} else {
						refused++
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for _, limit := range limits {
			if most := fullest(calls, limit.Window); most > limit.Quota || most < limit.Quota-2 {
				t.Errorf("%s: a window saw %d of %d", limit.Name, most, limit.Quota)
			}
		}
		if refused == 0 {
			t.Error("nothing was refused")
		}
	})
}

// Each result says where the log stands, by the server's own time: recompute it
// from the admitted calls alone.
func TestRealTimeAgainstLog(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		limit := Limit{Name: "x", Quota: 20, Window: 30 * time.Millisecond}
		l := newLimiter(t, d.Client(t), Options{}, limit)
		m := &logModel{window: limit.Window.Microseconds()}
		for range 1500 {
			count := 1 + rand.Int64N(4)
			r := mustAllow(t, l, "k", count)
			at := r.At.UnixMicro()
			used := m.used(at)
			if want := used+count <= limit.Quota; r.Allowed != want {
				t.Fatalf("%d used, count %d, allowed %t", used, count, r.Allowed)
			}
			if r.Allowed {
				m.take(at, count)
				used += count
			} else {
				free := at + r.RetryAfter.Microseconds()
				if m.used(free)+count > limit.Quota || m.used(free-1)+count <= limit.Quota {
					t.Fatalf("retry after %s is not the first moment", r.RetryAfter)
				}
			}
			if r.Limits[0].Remaining != limit.Quota-used {
				t.Fatalf("%d used, %d remaining", used, r.Limits[0].Remaining)
			}
			if reset := at + r.Limits[0].Reset.Microseconds(); used > 0 &&
				(m.used(reset) != 0 || m.used(reset-1) == 0) {
				t.Fatalf("reset after %s is not the first moment", r.Limits[0].Reset)
			}
		}
	})
}

// Knocking does not make the wait longer, nor the key live longer, nor Redis
// larger.
func TestRefusedCallsDoNotCount(t *testing.T) {
	redistest.Since(t, "7.0") // PEXPIRETIME, with which it looks
	client := redistest.Single(t).Client(t)
	for _, approximate := range []bool{false, true} {
		c := newClocked(t, client, fmt.Sprint("refused", approximate),
			Limit{Quota: 3, Window: time.Second, Approximate: approximate})
		for range 3 {
			c.take(1)
			c.advance(10 * time.Millisecond)
		}
		key := c.keys(c.limits, "key")[0]
		state := func() string {
			dump, err := client.Do(t.Context(), client.B().Dump().Key(key).Build()).ToString()
			if err != nil {
				t.Fatal(err)
			}
			expiry, err := client.Do(t.Context(), client.B().Pexpiretime().Key(key).Build()).AsInt64()
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(expiry, dump)
		}
		before, first := state(), c.take(1)
		if first.Allowed {
			t.Fatal("allowed")
		}
		free := c.now + first.RetryAfter.Microseconds()
		for range 200 {
			c.advance(time.Millisecond)
			r := c.take(1)
			if r.Allowed || c.now+r.RetryAfter.Microseconds() != free {
				t.Fatalf("approximate %t: after %s: allowed %t, free at %d, not %d",
					approximate, time.Millisecond, r.Allowed, c.now+r.RetryAfter.Microseconds(), free)
			}
		}
		if state() != before {
			t.Errorf("approximate %t: refusals changed what is in Redis", approximate)
		}
		c.set(free)
		if !c.take(1).Allowed {
			t.Errorf("approximate %t: refused at the promised moment", approximate)
		}
	}
}

// A full quota just before a window's end does not leave another one just after
// it.
func TestNoDoubleBurst(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	c := newClocked(t, client, "burst", Limit{Quota: 100, Window: time.Second})
	for _, offset := range []time.Duration{0, 990 * time.Millisecond,
		999*time.Millisecond + 999*time.Microsecond} {
		c.advance(10 * time.Second)
		begin := c.now
		c.advance(offset)
		c.take(100)
		burst := c.now
		for c.now < burst+1_000_000-1000 {
			c.advance(time.Millisecond)
			if c.take(1).Allowed {
				t.Fatalf("offset %s: allowed %d µs after the burst (%d after the start)", offset,
					c.now-burst, c.now-begin)
			}
		}
		c.set(burst + 999_999)
		if c.take(1).Allowed {
			t.Error("allowed a microsecond early")
		}
		c.set(burst + 1_000_000)
		if !c.take(100).Allowed {
			t.Error("refused when the window had passed")
		}
	}
}

// What Limit.Approximate promises: in any stretch d of at most a window no more
// than Quota × (1 + d/Window), however the calls fall, and nothing refused
// longer than a window beyond the exact limit.
func TestApproximationBound(t *testing.T) {
	client := redistest.Start(t).Client(t)
	const quota, window = 40, 2000 // µs
	runs := 0
	var worst float64
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		c := newClocked(t, client, fmt.Sprint("bound", runs),
			Limit{Quota: quota, Window: window * time.Microsecond, Approximate: true})
		exact := &logModel{window: window}
		for range rapid.IntRange(5, 60).Draw(rt, "calls") {
			c.advance(time.Duration(rapid.SampledFrom([]int{0, 1, 10, 100, 300, window - 1, window,
				window + 1}).Draw(rt, "pause")) * time.Microsecond)
			count := rapid.Int64Range(1, quota).Draw(rt, "count")
			r := c.take(count)
			if r.Allowed {
				exact.take(c.now, count)
				continue
			}
			free := c.now + r.RetryAfter.Microseconds()
			exactFree := c.now + int64(sort.Search(1<<20, func(d int) bool {
				return exact.used(c.now+int64(d))+count <= quota
			}))
			if free > exactFree+window {
				rt.Fatalf("refused until %d, an exact limit until %d", free, exactFree)
			}
		}
		for i := range exact.calls {
			var sum int64
			for _, call := range exact.calls[i:] {
				d := call.at - exact.calls[i].at
				if d > window {
					break
				}
				sum += call.count
				// d is the distance of the outermost calls.
				if bound := quota * (1 + float64(d)/window); float64(sum) > bound {
					rt.Fatalf("%d in %d µs, the bound is %g", sum, d, bound)
				}
				if d < window {
					worst = max(worst, float64(sum)/quota)
				}
			}
		}
	})
	t.Logf("the fullest window saw %.2f quotas", worst)
}

// The bound cannot be stated lower: bursts at the end of one bucket and
// throughout the next come close to twice the quota.
func TestApproximationWorstCase(t *testing.T) {
	c := newClocked(t, redistest.Single(t).Client(t), "worst",
		Limit{Quota: 1000, Window: time.Second, Approximate: true})
	c.take(1) // starts the bucket
	c.advance(time.Second - time.Microsecond)
	c.take(999)
	var sum int64 = 999
	for range 999 {
		c.advance(time.Millisecond)
		if c.take(1).Allowed {
			sum++
		}
	}
	if sum < 1950 || sum > 1999 {
		t.Errorf("a window saw %d of 1000", sum)
	}
}

func TestSteadyTrafficIsHeldToTheQuota(t *testing.T) {
	t.Parallel()
	c := newClocked(t, redistest.Start(t).Client(t), "steady",
		Limit{Quota: 100, Window: time.Second, Approximate: true})
	allowed := 0
	for range 20 * 200 { // twice the quota for 20 windows
		c.advance(5 * time.Millisecond)
		if c.take(1).Allowed {
			allowed++
		}
	}
	if allowed < 19*100 || allowed > 21*100 {
		t.Errorf("%d in 20 windows of 100", allowed)
	}
}

func TestBadCalls(t *testing.T) {
	client := redistest.Single(t).Client(t)
	l := newLimiter(t, client, Options{OnFailure: FailOpen}, PerSecond(10), PerMinute(100))
	for _, test := range []struct {
		key   string
		count int64
		want  error
	}{
		{"k", 0, ErrCount},
		{"k", -1, ErrCount},
		{"k", math.MinInt64, ErrCount},
		{"k", 11, ErrTooLarge},
		{"k", math.MaxInt64, ErrTooLarge},
		{"", 1, ErrKey},
	} {
		r, err := l.AllowN(t.Context(), test.key, test.count)
		if !errors.Is(err, test.want) || r.Allowed {
			t.Errorf("AllowN(%q, %d): %v, %v", test.key, test.count, r, err)
		}
	}
	if err := l.Reset(t.Context(), ""); !errors.Is(err, ErrKey) {
		t.Errorf("Reset: %v", err)
	}
	for name, limit := range map[string]Limit{
		"no quota":     {Window: time.Second},
		"negative":     {Quota: -1, Window: time.Second},
		"huge":         {Quota: MaxQuota + 1, Window: time.Second},
		"no window":    {Quota: 1},
		"short window": {Quota: 1, Window: time.Microsecond},
		"long window":  {Quota: 1, Window: MaxWindow + 1000},
		"name":         {Quota: 1, Window: time.Second, Name: `a";q=1`},
	} {
		if _, err := New(client, Options{}, limit); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, opt := range map[string]Options{"braces": {Prefix: "{x}"}, "timeout": {Timeout: -1},
		"away": {OnFailure: 7}} {
		if _, err := New(client, opt, PerSecond(1)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(client, Options{}); err == nil {
		t.Error("no limits: no error")
	}
	if _, err := New(client, Options{}, PerSecond(1), PerSecond(2)); err == nil {
		t.Error("two of a name: no error")
	}
}

// The largest quota stays exact, also when the running total has gone around
// its ring many times.
func TestHugeCounts(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for _, approximate := range []bool{false, true} {
		c := newClocked(t, client, fmt.Sprint("huge", approximate),
			Limit{Quota: MaxQuota, Window: time.Hour, Approximate: approximate})
		for range 20 {
			c.take(MaxQuota - 1)
			if r := c.take(2); r.Allowed || r.Limits[0].Remaining != 1 {
				t.Fatalf("approximate %t: %+v", approximate, r)
			}
			if r := c.take(1); !r.Allowed || r.Limits[0].Remaining != 0 {
				t.Fatalf("approximate %t: %+v", approximate, r)
			}
			c.advance(30 * time.Minute)
			if r := c.take(MaxQuota / 2); r.Allowed {
				t.Fatalf("approximate %t: %+v", approximate, r)
			}
			c.advance(90 * time.Minute)
			half := c.take(MaxQuota / 2)
			if !half.Allowed || half.Limits[0].Remaining != MaxQuota-MaxQuota/2 {
				t.Fatalf("approximate %t: %+v", approximate, half)
			}
			c.advance(2 * time.Hour)
		}
	}
}

// Without overlap between quiet spells the total would start anew; with it the
// ring goes around.
func TestRingGoesAround(t *testing.T) {
	c := newClocked(t, redistest.Single(t).Client(t), "ring", Limit{Quota: MaxQuota, Window: time.Hour})
	const part = MaxQuota / 4
	for i := range 60 { // 15 quotas, 3 rings
		if r := c.take(part); !r.Allowed {
			t.Fatalf("call %d: %+v", i, r)
		}
		if used := MaxQuota - c.take(1).Limits[0].Remaining; used > 4*part+60 || i >= 3 && used < 4*part {
			t.Fatalf("call %d: %d used", i, used)
		}
		c.advance(15*time.Minute + time.Second)
	}
}

func TestClockGoesBack(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for _, approximate := range []bool{false, true} {
		c := newClocked(t, client, fmt.Sprint("back", approximate),
			Limit{Quota: 2, Window: time.Second, Approximate: approximate})
		c.take(1)
		c.take(1)
		c.advance(-500 * time.Millisecond)
		r := c.take(1)
		if r.Allowed || r.RetryAfter > 2*time.Second {
			t.Errorf("approximate %t: half a window back: %+v", approximate, r)
		}
		c.advance(-24 * time.Hour)
		if r := c.take(1); !r.Allowed {
			t.Errorf("approximate %t: a day back locks out: %+v", approximate, r)
		}
		if r := c.take(2); r.Allowed || r.RetryAfter > 2*time.Second {
			t.Errorf("approximate %t: %+v", approximate, r)
		}
	}
}

// All limits or none, whatever characters a key has; different keys and
// limiters do not meet.
func TestKeys(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		l := newLimiter(t, client, Options{}, Limit{Name: "few", Quota: 1, Window: time.Hour},
			Limit{Name: "many", Quota: 5, Window: time.Hour, Approximate: true})
		keys := []string{
			"a", "A", "a}", "}a", "}", "{", "{}", "{a}", "a:few", "a}:few", "\x00", "é", "a b", " ",
			"\r\n", strings.Repeat("x", 128),
			strings.Repeat("x", 129), strings.Repeat("x", 1<<20), hashedKey, hashedKey + "x", tag("}"),
		}
		for _, key := range keys {
			if r := mustAllow(t, l, key, 1); !r.Allowed || r.Limits[1].Remaining != 4 {
				t.Errorf("%.20q: %+v", key, r)
			}
		}
		for _, key := range keys {
			r := mustAllow(t, l, key, 1)
			if r.Allowed || r.Limits[1].Remaining != 4 || r.Limits[0].RetryAfter == 0 ||
				r.Limits[1].RetryAfter != 0 {
				t.Errorf("%.20q: a refusal took from the other limit: %+v", key, r)
			}
			if r.Tightest().Limit.Name != "few" {
				t.Errorf("the tightest is %+v", r.Tightest())
			}
			peek, err := l.Peek(t.Context(), key)
			if err != nil || peek.Allowed || peek.Limits[1].Remaining != 4 {
				t.Errorf("%.20q: peek %+v, %v", key, peek, err)
			}
			if err := l.Reset(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if peek, err := l.Peek(t.Context(), key); err != nil || !peek.Allowed ||
					peek.Limits[0].Remaining != 1 || peek.Limits[1].Remaining != 5 {
					t.Errorf("%.20q: after the reset %+v, %v", key, peek, err)
				}
			}
		}
		other := newLimiter(t, client, Options{Prefix: "other"},
			Limit{Name: "few", Quota: 1, Window: time.Hour})
		mustAllow(t, l, "a", 1)
		if !mustAllow(t, other, "a", 1).Allowed {
			t.Error("limiters with different prefixes share a key")
		}
	})
}

// A quota that was lowered or raised in a new release applies to what was taken
// before.
func TestChangedLimit(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for _, approximate := range []bool{false, true} {
		limit := Limit{Name: fmt.Sprint(approximate), Quota: 10, Window: time.Hour, Approximate: approximate}
		for range 10 {
			mustAllow(t, newLimiter(t, client, Options{}, limit), "k", 1)
		}
		limit.Quota = 5
		if r := mustAllow(t, newLimiter(t, client, Options{}, limit), "k", 1); r.Allowed ||
			r.Limits[0].Remaining != 0 || r.RetryAfter <= 0 {
			t.Errorf("lowered: %+v", r)
		}
		limit.Quota = 11
		if r := mustAllow(t, newLimiter(t, client, Options{}, limit), "k", 1); !r.Allowed ||
			r.Limits[0].Remaining != 0 {
			t.Errorf("raised: %+v", r)
		}
	}
}

// A limit whose kind changes in a new release works at once, also while both
// releases run.
func TestChangedKind(t *testing.T) {
	client := redistest.Single(t).Client(t)
	exact := Limit{Name: "day", Quota: 1, Window: 24 * time.Hour}
	approximate := exact
	approximate.Approximate = true
	for range 2 {
		for _, limit := range []Limit{exact, approximate} {
			l := newLimiter(t, client, Options{OnFailure: FailOpen}, limit)
			mustAllow(t, l, "k", 1)
			if r := mustAllow(t, l, "k", 1); r.Allowed || r.Err != nil {
				t.Errorf("approximate %t: %+v", limit.Approximate, r)
			}
		}
	}
}

// Memory is bounded: the log never holds more calls than the quota, a counter
// stays small, and both expire.
func TestMemory(t *testing.T) {
	client := redistest.Single(t).Client(t)
	l := newLimiter(t, client, Options{},
		Limit{Name: "log", Quota: 1000, Window: 250 * time.Millisecond},
		Limit{Name: "counter", Quota: 1 << 40, Window: 250 * time.Millisecond, Approximate: true})
	for range 3000 {
		mustAllow(t, l, "k", 1)
	}
	usage := func(key string) (bytes int64) {
		t.Helper()
		bytes, err := client.Do(t.Context(), client.B().MemoryUsage().Key(key).Samples(0).Build()).AsInt64()
		if rueidis.IsRedisNil(err) {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	keys := l.keys(l.limits, "k")
	if got := usage(keys[0]); got > 1000*17+500 {
		t.Errorf("the log of at most 1000 calls takes %d bytes", got)
	}
	if got := usage(keys[1]); got == 0 || got > 250 {
		t.Errorf("the counter takes %d bytes", got)
	}
	for deadline := time.Now().Add(10 * time.Second); usage(keys[0])+usage(keys[1]) > 0; time.Sleep(
		time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the keys do not expire")
		}
	}
}

// One call is one round trip, whatever is in the log.
func TestCommands(t *testing.T) {
	srv := redistest.Start(t)
	l := newLimiter(t, srv.Client(t), Options{}, PerSecond(5), PerMinute(1000))
	mustAllow(t, l, "k", 1) // loads the script
	before := srv.Commands()
	for range 50 {
		mustAllow(t, l, "k", 1)
	}
	after := srv.Commands()
	if after["evalsha"]-before["evalsha"] != 50 || after["eval"] != before["eval"] ||
		after["keys"]+after["scan"] != 0 {
		t.Errorf("before %v, after %v", before, after)
	}
}
