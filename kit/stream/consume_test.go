package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/internal/exec"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestConsumeReturnsWhatIsRefused denies a command at a time.
func TestConsumeReturnsWhatIsRefused(t *testing.T) {
	client := redistest.Start(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	for _, denied := range []string{"xreadgroup", "xautoclaim", "xgroup", "xack", "evalsha"} {
		t.Run(denied, func(t *testing.T) {
			fill(t, topic, 1, 1)
			do(t, client, "ACL", "SETUSER", "default", "-"+denied)
			defer do(t, client, "ACL", "SETUSER", "default", "+@all")
			g, err := topic.Group("denied", GroupOptions{OnError: func(error) {}})
			wantNoError(t, err)
			if err := g.Consume(t.Context(), fine); !exec.Permanent(err) {
				t.Errorf("Consume ended with %v", err)
			}
		})
	}
	do(t, client, "SET", topic.stem+"x", "not a stream")
	foreign, err := NewTopic(client, "foreign", TopicOptions{})
	wantNoError(t, err)
	do(t, client, "SET", foreign.stem, "not a stream")
	if err := foreign.Follow(t.Context(), Beginning, func(Event) error { return nil },
		FollowOptions{}); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("Follow ended with %v", err)
	}
}

// TestLongPause waits for longer than the visibility timeout, which the group's
// list of pending events could not say.
func TestLongPause(t *testing.T) {
	client := redistest.Start(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	fill(t, topic, 1, 1)
	w, g := work(t, topic, GroupOptions{VisibilityTimeout: 100 * time.Millisecond, MaxDeliveries: 3,
		Backoff: func(int) time.Duration { return 15 * time.Minute }},
		func(_ context.Context, d Delivery) error { return fmt.Errorf("delivery %d", d.Deliveries) })
	// again makes what waits due, once it waits.
	again := func(deliveries int) {
		t.Helper()
		var due []rueidis.ZScore
		until(t, "the event to be put off", func() bool {
			var err error
			due, err = client.Do(t.Context(), client.B().Zrange().Key(g.later()).Min("0").Max("-1").
				Withscores().Build()).AsZScores()
			return err == nil && len(due) == 1
		})
		now, err := client.Do(t.Context(), client.B().Time().Build()).AsIntSlice()
		wantNoError(t, err)
		if left := int64(due[0].Score) - now[0]*1000; left < 14*60_000 || left > 16*60_000 {
			t.Errorf("put off by %d ms", left)
		}
		if n := pending(t, topic, topic.stem) + pending(t, topic, g.retries()); n != 0 {
			t.Errorf("%d events are pending beside it", n)
		}
		do(t, client, "ZADD", g.later(), "1", due[0].Member)
		until(t, "the next delivery", func() bool { return len(w.payloads()) == deliveries })
	}
	again(2)
	again(3)
	until(t, "the dead letter", func() bool {
		letters := deadLetters(t, g, "")
		return len(letters) == 1 && letters[0].Deliveries == 3 &&
			letters[0].Reason == "delivery 3" && letters[0].Payload == "1"
	})
}

// TestLongHandlerRunsOnce has a handler work for several visibility timeouts
// while another consumer looks for what is left behind.
func TestLongHandlerRunsOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	topic := newTopic(t, client, TopicOptions{})
	fill(t, topic, 1, 1)
	release := make(chan bool)
	slow := func(ctx context.Context, _ Delivery) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return context.Cause(ctx)
	}
	opt := GroupOptions{VisibilityTimeout: 300 * time.Millisecond}
	first, _ := work(t, topic, opt, slow)
	first.has(t, "1")
	second, _ := work(t, topic, opt, slow)
	until(t, "ten renewals", func() bool { return server.Commands()["xclaim"] >= 10 })
	close(release)
	until(t, "the acknowledgement", func() bool { return pending(t, topic, topic.stem) == 0 })
	if n := len(first.payloads()) + len(second.payloads()); n != 1 {
		t.Errorf("handled %d times", n)
	}
}

// TestHandlerHearsThatItsEventIsTaken gives the event to another consumer.
func TestHandlerHearsThatItsEventIsTaken(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	ids := fill(t, topic, 1, 1)
	cause := make(chan error, 10)
	w, g := work(t, topic, GroupOptions{VisibilityTimeout: 200 * time.Millisecond},
		func(ctx context.Context, _ Delivery) error {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil
		})
	w.has(t, "1")
	do(t, client, "XCLAIM", topic.stem, g.name, "thief", "0", ids[0])
	if err := <-cause; !errors.Is(err, ErrTaken) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

// TestForeignEvents reads what something else than append.lua has appended.
func TestForeignEvents(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic := newTopic(t, client, TopicOptions{})
	do(t, client, "XADD", topic.stem, "*", "order", "17", "total", "5")
	const want = `{"order":"17","total":"5"}`
	enough := errors.New("enough")
	if err := topic.Follow(t.Context(), Beginning, func(e Event) error {
		if e.Payload != want {
			t.Errorf("followed %q", e.Payload)
		}
		return enough
	}, FollowOptions{}); !errors.Is(err, enough) {
		t.Error(err)
	}
	w, _ := work(t, topic, GroupOptions{Backoff: func(int) time.Duration { return 0 }},
		func(_ context.Context, d Delivery) error {
			if d.Deliveries == 1 {
				return errors.New("once more")
			}
			return nil
		})
	until(t, "two deliveries", func() bool { return len(w.payloads()) == 2 })
	for _, payload := range w.payloads() {
		if len(payload) != len(want) || !strings.Contains(payload, `"order":"17"`) {
			t.Errorf("handled %q", payload)
		}
	}
}

// TestScriptsBefore70 runs them without acl_check_cmd, which Redis 6.2 lacks.
func TestScriptsBefore70(t *testing.T) {
	for name, source := range map[string]string{"claim": claimSource, "fail": failSource,
		"redrive": redriveSource} {
		for line := range strings.Lines(source) {
			if at := strings.Index(line, "redis.acl_check_cmd("); at >= 0 &&
				!strings.Contains(line[:at], "redis.acl_check_cmd and ") {
				t.Errorf("%s.lua: %s", name, line)
			}
		}
	}
}

// TestUnavailable is told from the end of the caller's context.
func TestUnavailable(t *testing.T) {
	server := redistest.Start(t)
	topic := newTopic(t, server.Client(t), TopicOptions{Timeout: 300 * time.Millisecond})
	fill(t, topic, 1, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := topic.Append(ended, "x")
	if !errors.Is(err, context.Canceled) || errors.Is(err, kit.ErrUnavailable) {
		t.Error(err)
	}
	server.Pause()
	defer server.Resume()
	_, err = topic.Append(t.Context(), "x")
	if !errors.Is(err, kit.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
