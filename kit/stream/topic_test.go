package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/internal/exec"
	"github.com/parley-chat/parley/kit/redistest"
)

func newTopic(t testing.TB, client rueidis.Client, opt TopicOptions) *Topic {
	t.Helper()
	topic, err := NewTopic(client, "orders", opt)
	wantNoError(t, err)
	return topic
}

// fill appends the numbers from one up to another as payloads and returns their
// positions.
func fill(t testing.TB, topic *Topic, from, to int) []string {
	t.Helper()
	var positions []string
	for i := from; i <= to; i++ {
		at, err := topic.Append(t.Context(), strconv.Itoa(i))
		wantNoError(t, err)
		positions = append(positions, at)
	}
	return positions
}

// reader runs Follow and remembers what it got.
type reader struct {
	mu     sync.Mutex
	got    []string
	at     string
	failed []error
	ended  chan error
	stop   context.CancelFunc
}

func follow(t testing.TB, topic *Topic, after string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &reader{at: after, ended: make(chan error, 1), stop: cancel}
	done := make(chan bool)
	go func() {
		defer close(done)
		r.ended <- topic.Follow(ctx, after, func(e Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got, r.at = append(r.got, e.Payload), e.Position
			return nil
		}, FollowOptions{OnError: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.failed = append(r.failed, err)
		}})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *reader) has(t testing.TB, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d events", n), func() bool {
		select {
		case err := <-r.ended:
			t.Fatalf("Follow ended: %v", err)
		default:
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.got) >= n
	})
}

// numbers are the payloads that fill makes.
func numbers(from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

func wantInOrder(t testing.TB, r *reader, from, to int) {
	t.Helper()
	r.has(t, to-from+1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if want := numbers(from, to); !slices.Equal(r.got, want) {
		t.Errorf("got %d events %.200v, want %d to %d", len(r.got), r.got, from, to)
	}
}

func TestFollow(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		topic := newTopic(t, client, TopicOptions{})
		latest, err := topic.Latest(t.Context())
		wantNoError(t, err)
		if latest != Beginning {
			t.Errorf("the latest of nothing is %s", latest)
		}
		positions := fill(t, topic, 1, 250)
		all, some := follow(t, topic, Beginning), follow(t, topic, positions[99])
		wantInOrder(t, all, 1, 250)
		latest, err = topic.Latest(t.Context())
		wantNoError(t, err)
		fresh := follow(t, topic, latest)
		if oldest, err := topic.Oldest(t.Context()); err != nil || oldest != Beginning ||
			latest != positions[249] {
			t.Errorf("oldest %s, latest %s, %v", oldest, latest, err)
		}
		fill(t, topic, 251, 300)
		wantInOrder(t, all, 1, 300)
		wantInOrder(t, some, 101, 300)
		wantInOrder(t, fresh, 251, 300)
		all.stop()
		if err := <-all.ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}

		boom := errors.New("boom")
		if err := topic.Follow(t.Context(), positions[3], func(e Event) error {
			if e.Payload != "5" || e.Position != positions[4] || time.Since(e.Time()) > time.Minute {
				t.Errorf("%+v", e)
			}
			return boom
		}, FollowOptions{}); err != boom {
			t.Error(err)
		}
	})
}

func TestFollowTellsOfGaps(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		topic := newTopic(t, client, TopicOptions{MaxLength: 100})
		positions := fill(t, topic, 1, 300)
		wantGap := func(after, until string) {
			t.Helper()
			err := topic.Follow(t.Context(), after, func(e Event) error {
				t.Errorf("event %s came before the gap was told", e.Payload)
				return nil
			}, FollowOptions{})
			var gap *GapError
			ok := errors.As(err, &gap)
			if !ok || !errors.Is(err, ErrGap) || gap.After != after || gap.Until != until {
				t.Errorf("after %s: %v, want a gap until %s", after, err, until)
			}
		}
		oldest, err := topic.Oldest(t.Context())
		wantNoError(t, err)
		i := slices.Index(positions, oldest)
		if i < 150 || i > 200 {
			t.Fatalf("the oldest of 100 is number %d", i+2)
		}
		wantGap(Beginning, oldest)
		wantGap(positions[i-1], oldest)
		r := follow(t, topic, oldest)
		wantInOrder(t, r, i+2, 300)

		// Gone while it waits.
		do(t, client, "XTRIM", topic.stem, "MAXLEN", "0")
		wantGap(positions[298], positions[299])
		// What is deleted in the middle is a gap as well.
		more := fill(t, topic, 301, 303)
		wantInOrder(t, r, i+2, 303)
		do(t, client, "XDEL", topic.stem, more[1])
		late := follow(t, topic, more[0])
		if err := <-late.ended; !errors.Is(err, ErrGap) {
			t.Error(err)
		}
		// And so is a history that begins anew.
		do(t, client, "DEL", topic.stem)
		fill(t, topic, 304, 305)
		if err := <-r.ended; !errors.Is(err, ErrGap) {
			t.Error(err)
		}
	})
}

func TestTopicByAge(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{MaxAge: 20 * time.Millisecond})
	fill(t, topic, 1, 10)
	before, err := topic.Latest(t.Context())
	wantNoError(t, err)
	until(t, "the old to go", func() bool {
		fill(t, topic, 0, 0)
		oldest, err := topic.Oldest(t.Context())
		wantNoError(t, err)
		return !earlier(oldest, before)
	})
	n, err := client.Do(t.Context(), client.B().Xlen().Key(topic.stem).Build()).AsInt64()
	wantNoError(t, err)
	if n == 0 {
		t.Error("the newest is gone, too")
	}
}

func TestTopicByLength(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for most, upTo := range map[int64]int64{1: 1, 2: 2, 50: 55} {
		topic, err := NewTopic(client, fmt.Sprint("most", most), TopicOptions{MaxLength: most})
		wantNoError(t, err)
		r := follow(t, topic, Beginning)
		for i := range 200 {
			fill(t, topic, i, i)
			n, err := client.Do(t.Context(), client.B().Xlen().Key(topic.stem).Build()).AsInt64()
			wantNoError(t, err)
			if n > upTo || int64(i) >= most && n < most {
				t.Fatalf("%d events are kept of at most %d", n, most)
			}
			r.has(t, i+1)
		}
		wantInOrder(t, r, 0, 199)
	}
}

// An append does not read the topic because a group lags, nor because the topic
// is at its limit.
func TestAppendReadsNothing(t *testing.T) {
	srv := redistest.Start(t)
	client := srv.Client(t)
	for name, opt := range map[string]TopicOptions{
		"length": {MaxLength: 100}, "age": {MaxAge: time.Millisecond},
	} {
		for _, lags := range []bool{true, false} {
			topic, err := NewTopic(client, fmt.Sprint(name, lags), opt)
			wantNoError(t, err)
			if lags {
				g, err := topic.Group("idle", GroupOptions{})
				wantNoError(t, err)
				wantNoError(t, g.Create(t.Context()))
			}
			fill(t, topic, 1, 300)
			before := srv.Commands()["xrange"]
			fill(t, topic, 301, 400)
			read := srv.Commands()["xrange"] - before
			if read != 0 && (lags || name == "length") {
				t.Errorf("%s, lagging %t: %d reads for 100 appends", name, lags, read)
			}
			n, err := client.Do(t.Context(), client.B().Xlen().Key(topic.stem).Build()).AsInt64()
			wantNoError(t, err)
			if lags != (n == 400) {
				t.Errorf("%s, lagging %t: %d events are kept", name, lags, n)
			}
		}
	}
}

func TestTopicOptions(t *testing.T) {
	client := redistest.Single(t).Client(t)
	for _, name := range []string{"", "a{b", "a}b"} {
		if _, err := NewTopic(client, name, TopicOptions{}); err == nil {
			t.Errorf("the name %q", name)
		}
	}
	for _, opt := range []TopicOptions{{MaxLength: -1}, {MaxAge: -1}, {Timeout: -1}, {Replicas: -1},
		{Prefix: "{}"}} {
		if _, err := NewTopic(client, "x", opt); err == nil {
			t.Errorf("%+v", opt)
		}
	}
	topic := newTopic(t, client, TopicOptions{})
	for _, at := range []string{"", "1", "x-1", "1-x", "$", "-"} {
		if err := topic.Follow(t.Context(), at, nil, FollowOptions{}); err == nil {
			t.Errorf("following from %q", at)
		}
		if at != "" {
			if _, err := topic.Group("g", GroupOptions{From: at}); err == nil {
				t.Errorf("a group from %q", at)
			}
		}
	}
	if _, err := topic.Group("", GroupOptions{}); err == nil {
		t.Error("a group without a name")
	}
}

// Errors come within the deadline, and say why.
func TestAppendFails(t *testing.T) {
	server := redistest.Start(t)
	admin := server.Client(t)
	wantError := func(err error, word string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want %s", err, word)
		}
	}
	topic := newTopic(t, admin, TopicOptions{MaxLength: 5})
	fill(t, topic, 1, 5)
	do(t, admin, "SCRIPT", "FLUSH")
	fill(t, topic, 6, 6)

	do(t, admin, "CONFIG", "SET", "maxmemory", "1")
	_, err := newTopic(t, admin, TopicOptions{}).Append(t.Context(), "full")
	wantError(err, "OOM")
	do(t, admin, "CONFIG", "SET", "maxmemory", "0")

	do(t, admin, "ACL", "SETUSER", "low", "on", ">pw", "+@all", "-xtrim", "-xadd", "~*", "&*")
	option := server.Option()
	option.Username, option.Password = "low", "pw"
	low, err := rueidis.NewClient(option)
	wantNoError(t, err)
	defer low.Close()
	_, err = newTopic(t, low, TopicOptions{}).Append(t.Context(), "denied")
	if !exec.Permanent(err) {
		t.Errorf("denied: %v", err)
	}

	replicated := newTopic(t, admin, TopicOptions{Replicas: 1, Timeout: 200 * time.Millisecond})
	at, err := replicated.Append(t.Context(), "alone")
	if !errors.Is(err, ErrNotReplicated) || at == "" {
		t.Errorf("%q, %v", at, err)
	}

	quick := newTopic(t, server.Client(t), TopicOptions{Timeout: 200 * time.Millisecond})
	fill(t, quick, 8, 8)
	server.Pause()
	start := time.Now()
	_, err = quick.Append(t.Context(), "silent")
	if !errors.Is(err, kit.ErrUnavailable) || time.Since(start) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	server.Resume()
}
