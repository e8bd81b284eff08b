package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// worker runs a group and remembers.
type worker struct {
	mu     sync.Mutex
	got    []Delivery
	failed []error
	stop   func() // waits until Run has returned
}

func (w *worker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = append(w.failed, err)
}

func work(t testing.TB, topic *Topic, opt GroupOptions,
	handler func(context.Context, Delivery) error) (*worker, *Group) {
	t.Helper()
	w := &worker{}
	opt.OnError = w.fail
	g, err := topic.Group("billing", opt)
	wantNoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() {
		defer close(done)
		if err := g.Consume(ctx, func(ctx context.Context, d Delivery) error {
			w.mu.Lock()
			w.got = append(w.got, d)
			w.mu.Unlock()
			return handler(ctx, d)
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}()
	w.stop = func() { cancel(); <-done }
	t.Cleanup(w.stop)
	return w, g
}

func fine(context.Context, Delivery) error { return nil }

func (w *worker) payloads() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.got {
		all = append(all, d.Payload)
	}
	return all
}

func (w *worker) has(t testing.TB, want ...string) {
	t.Helper()
	until(t, fmt.Sprint("events ", want), func() bool {
		got := w.payloads()
		return !slices.ContainsFunc(want, func(p string) bool { return !slices.Contains(got, p) })
	})
}

// pending is how many events a group has that nobody has acknowledged.
func pending(t testing.TB, topic *Topic, stream string) int64 {
	t.Helper()
	reply, err := topic.client.Do(t.Context(),
		topic.client.B().Xpending().Key(stream).Group("billing").Build()).ToArray()
	wantNoError(t, err)
	n, err := reply[0].AsInt64()
	wantNoError(t, err)
	return n
}

func TestGroup(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		topic := newTopic(t, client, TopicOptions{})
		fill(t, topic, 1, 100)
		one, _ := work(t, topic, GroupOptions{}, fine)
		one.has(t, numbers(1, 100)...)
		if got := one.payloads(); !slices.Equal(got, numbers(1, 100)) {
			t.Errorf("alone it got %v", got)
		}
		two, _ := work(t, topic, GroupOptions{Concurrency: 4}, fine)
		fill(t, topic, 101, 400)
		until(t, "all to be acknowledged", func() bool {
			return len(one.payloads())+len(two.payloads()) >= 400 && pending(t, topic, topic.stem) == 0
		})
		all := append(one.payloads(), two.payloads()...)
		slices.Sort(all)
		if len(all) != 400 || len(slices.Compact(all)) != 400 {
			t.Errorf("%d events were handled", len(all))
		}
		one.stop()
		two.stop()
		// Nothing is left of those who have left.
		info, err := client.Do(t.Context(),
			client.B().XinfoConsumers().Key(topic.stem).Group("billing").Build()).ToArray()
		if err != nil || len(info) != 0 || len(one.failed)+len(two.failed) != 0 {
			t.Errorf("consumers %v, %v; failed %v, %v", info, err, one.failed, two.failed)
		}
	})
}

func deadLetters(t *testing.T, g *Group, after string) []DeadLetter {
	t.Helper()
	var found []DeadLetter
	for l, err := range g.DeadLetters(t.Context(), after) {
		wantNoError(t, err)
		found = append(found, l)
	}
	return found
}

// TestDeadLetterPages reads the second page only when the loop gets there: a
// dead letter that is discarded before is not in it.
func TestDeadLetterPages(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		g, err := newTopic(t, client, TopicOptions{}).Group("g", GroupOptions{})
		wantNoError(t, err)
		const count = 130
		for i := range count {
			do(t, client, "XADD", g.dead(), fmt.Sprintf("1-%d", i+1), "event", "x")
		}
		seen := 0
		for l, err := range g.DeadLetters(t.Context(), "") {
			wantNoError(t, err)
			if want := fmt.Sprintf("1-%d", seen+1); l.ID != want {
				t.Errorf("%s, want %s", l.ID, want)
			}
			if seen++; seen == 1 {
				n, err := g.Discard(t.Context(), fmt.Sprintf("1-%d", count))
				if n != 1 || err != nil {
					t.Errorf("discarded %d, %v", n, err)
				}
			}
		}
		if seen != count-1 {
			t.Errorf("listed %d, want %d", seen, count-1)
		}
		if n := len(deadLetters(t, g, "1-10")); n != count-11 {
			t.Errorf("%d after the tenth", n)
		}
	})
}

// A poison message ends among the dead letters, with its reason, while the
// others go on; redriven it is handled.
func TestGroupDeadLetters(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		topic := newTopic(t, client, TopicOptions{})
		healed := false
		var mu sync.Mutex
		w, g := work(t, topic, GroupOptions{MaxDeliveries: 3, VisibilityTimeout: 2 * time.Second,
			Backoff: func(int) time.Duration { return time.Millisecond }},
			func(_ context.Context, d Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case healed:
				case d.Payload == "2":
					return errors.New("cannot digest " + d.Payload)
				case d.Payload == "3":
					panic("choked")
				case d.Payload == "4" && d.Deliveries == 1:
					runtime.Goexit()
				}
				return nil
			})
		positions := fill(t, topic, 1, 10)
		w.has(t, numbers(1, 10)...)
		var letters []DeadLetter
		until(t, "both dead letters", func() bool {
			letters = deadLetters(t, g, "")
			return len(letters) == 2
		})
		slices.SortFunc(letters, func(a, b DeadLetter) int { return strings.Compare(a.Payload, b.Payload) })
		for i, reason := range []string{"cannot digest 2", "the handler panicked: choked"} {
			l := letters[i]
			if !strings.HasPrefix(l.Reason, reason) || l.Deliveries != 3 ||
				l.Position != positions[i+1] || time.Since(l.Died) > time.Minute {
				t.Errorf("%+v", l)
			}
		}
		until(t, "nothing to be pending", func() bool { return pending(t, topic, topic.stem) == 0 })
		w.mu.Lock()
		var times []int
		for _, d := range w.got {
			if d.Payload == "2" {
				times = append(times, d.Deliveries)
			}
		}
		if !slices.Equal(times, []int{1, 2, 3}) || len(w.failed) != 7 {
			t.Errorf("deliveries %v, failed %v", times, w.failed)
		}
		w.mu.Unlock()

		// What is redriven and fails again comes back, and is redriven once
		// more.
		first := letters[0].ID
		if n, err := g.Redrive(t.Context(), first, first); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		until(t, "its return", func() bool {
			for _, l := range deadLetters(t, g, "") {
				if l.Payload == "2" {
					letters[0] = l
				}
			}
			return letters[0].ID != first
		})
		if letters[0].Position != positions[1] || letters[0].Deliveries != 3 {
			t.Errorf("%+v", letters[0])
		}
		mu.Lock()
		healed = true
		mu.Unlock()
		if n, err := g.Redrive(t.Context(), letters[0].ID); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		until(t, "the redriven", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			last := w.got[len(w.got)-1]
			return last.retried && last.Payload == "2" && last.Position == positions[1] &&
				last.Deliveries == 1
		})
		until(t, "no more retries", func() bool {
			n, err := client.Do(t.Context(), client.B().Xlen().Key(g.retries()).Build()).AsInt64()
			return err == nil && n == 0
		})
		if n, err := g.Discard(t.Context(), letters[1].ID, letters[0].ID); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		if left := deadLetters(t, g, ""); len(left) != 0 {
			t.Errorf("%v", left)
		}
	})
}

// A flush takes the group along; it is made again and told of.
func TestGroupHeals(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		topic := newTopic(t, client, TopicOptions{})
		w, _ := work(t, topic, GroupOptions{VisibilityTimeout: time.Second}, fine)
		fill(t, topic, 1, 3)
		w.has(t, numbers(1, 3)...)
		eachMaster(t, client, func(node rueidis.Client) { do(t, node, "FLUSHALL") })
		fill(t, topic, 4, 6)
		w.has(t, numbers(4, 6)...)
		w.mu.Lock()
		defer w.mu.Unlock()
		if !slices.ContainsFunc(w.failed, func(err error) bool { return errors.Is(err, ErrGap) }) {
			t.Errorf("failed %v", w.failed)
		}
	})
}

func TestGroupRewinds(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	positions := fill(t, topic, 1, 5)
	w, g := work(t, topic, GroupOptions{}, fine)
	w.has(t, numbers(1, 5)...)
	wantNoError(t, g.Rewind(t.Context(), positions[2]))
	until(t, "4 and 5 again", func() bool { return len(w.payloads()) == 7 })
	if got := w.payloads()[5:]; !slices.Equal(got, []string{"4", "5"}) {
		t.Errorf("again: %v", got)
	}
}

// The limits of a topic wait for the group, unless told not to; then the group
// is told.
func TestTrimWaitsForGroup(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{MaxLength: 10})
	g, err := topic.Group("billing", GroupOptions{})
	wantNoError(t, err)
	wantNoError(t, g.Create(t.Context()))
	fill(t, topic, 1, 100)
	block := make(chan bool)
	first, _ := work(t, topic, GroupOptions{Concurrency: 100}, func(_ context.Context, d Delivery) error {
		if d.Payload == "50" {
			<-block
		}
		return nil
	})
	first.has(t, numbers(1, 100)...)
	until(t, "all but one", func() bool { return pending(t, topic, topic.stem) == 1 })
	fill(t, topic, 101, 110)
	oldest, err := client.Do(t.Context(),
		client.B().Xrange().Key(topic.stem).Start("-").End("+").Count(1).Build()).AsXRange()
	if err != nil || oldest[0].FieldValues["event"] != "50" {
		t.Errorf("the oldest is %v, %v", oldest, err)
	}
	close(block)
	first.has(t, numbers(101, 110)...)
	first.stop()

	fill(t, topic, 111, 140)
	forced := newTopic(t, client, TopicOptions{MaxLength: 10, DropUnread: true})
	fill(t, forced, 141, 150)
	second, _ := work(t, topic, GroupOptions{VisibilityTimeout: time.Second}, fine)
	second.has(t, "150")
	until(t, "word of the gap", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return slices.ContainsFunc(second.failed, func(err error) bool { return errors.Is(err, ErrGap) })
	})
	wantNoError(t, topic.DropGroup(t.Context(), "unknown"))
	second.stop()
	wantNoError(t, topic.DropGroup(t.Context(), "billing"))
	if n, err := client.Do(t.Context(),
		client.B().Exists().Key(g.retries(), g.dead()).Build()).AsInt64(); err != nil || n != 0 {
		t.Errorf("%d keys are left, %v", n, err)
	}
}

// What the end of a Run interrupts is free at once and was not a delivery.
func TestGroupReleases(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	fill(t, topic, 1, 1)
	first, _ := work(t, topic, GroupOptions{},
		func(ctx context.Context, d Delivery) error { <-ctx.Done(); return ctx.Err() })
	first.has(t, "1")
	first.stop()
	second, _ := work(t, topic, GroupOptions{}, fine)
	second.has(t, "1")
	second.mu.Lock()
	defer second.mu.Unlock()
	if second.got[0].Deliveries != 1 || len(first.failed) != 0 {
		t.Errorf("%+v, failed %v", second.got[0], first.failed)
	}
}

// A handler that does not return in time: another gets the event, and the dead
// letters get it at the end.
func TestGroupVisibility(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	fill(t, topic, 1, 2)
	release := make(chan bool)
	w, g := work(t, topic, GroupOptions{Concurrency: 10, VisibilityTimeout: 50 * time.Millisecond,
		HandlerTimeout: time.Millisecond, MaxDeliveries: 2}, func(ctx context.Context, d Delivery) error {
		if d.Payload == "1" {
			<-release
		}
		return nil
	})
	w.has(t, "1", "2")
	var letters []DeadLetter
	until(t, "the dead letter", func() (ok bool) {
		letters = deadLetters(t, g, "")
		return len(letters) > 0
	})
	close(release)
	if l := letters[0]; l.Payload != "1" || l.Deliveries != 2 || !strings.Contains(l.Reason, "visibility") {
		t.Errorf("%+v", l)
	}
}

func TestGroupFails(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	topic := newTopic(t, client, TopicOptions{})
	var mu sync.Mutex
	fails := true
	w, g := work(t, topic, GroupOptions{MaxDeliveries: 1, VisibilityTimeout: 200 * time.Millisecond},
		func(_ context.Context, d Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if fails && d.Payload == "1" {
				return errors.New("no")
			}
			return nil
		})
	failure := func(word string) {
		t.Helper()
		until(t, word, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return strings.Contains(
				fmt.Sprint(w.failed), word)
		})
	}
	// Full: the dead letter cannot be written, so the event stays with the
	// group; nothing is lost.
	fill(t, topic, 0, 0)
	w.has(t, "0")
	do(t, client, "SCRIPT", "FLUSH")
	mu.Lock() // holds the handler until Redis is full
	fill(t, topic, 1, 1)
	do(t, client, "CONFIG", "SET", "maxmemory", "1")
	mu.Unlock()
	failure("OOM")
	do(t, client, "CONFIG", "SET", "maxmemory", "0")
	until(t, "the dead letter after all", func() bool {
		return len(deadLetters(t, g, "")) == 1
	})
}
