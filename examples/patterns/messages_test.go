package patterns

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/bus"
	"github.com/parley-chat/parley/kit/queue"
	"github.com/parley-chat/parley/kit/redistest"
	"github.com/parley-chat/parley/kit/stream"
)

func usualSubscribe(ctx context.Context, c rueidis.Client, handle func(channel, text string)) error {
	return c.Receive(ctx, c.B().Psubscribe().Pattern("orders:*").Build(),
		func(m rueidis.PubSubMessage) { handle(m.Channel, m.Message) })
}

// TestPubSub breaks the connection and publishes before it is there again.
func TestPubSub(t *testing.T) {
	s, c := start(t)
	subscriber := s.Client(t)
	var mu sync.Mutex
	var heard []string
	has := func(text string) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, h := range heard {
			if h == text {
				return true
			}
		}
		return false
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- usualSubscribe(ctx, subscriber, func(_, text string) {
			mu.Lock()
			heard = append(heard, text)
			mu.Unlock()
		})
	}()
	publish := func(text string) int64 {
		n, err := c.Do(t.Context(), c.B().Publish().Channel("orders:1").Message(text).Build()).AsInt64()
		check(t, err)
		return n
	}
	eventually(t, "one is heard", func() bool { publish("one"); return has("one") })
	// In one packet, so that the subscriber cannot be back in between.
	lost := c.DoMulti(t.Context(), c.B().ClientKill().TypePubsub().Build(),
		c.B().Publish().Channel("orders:1").Message("two").Build())
	if n, err := lost[1].AsInt64(); n != 0 || err != nil {
		t.Fatalf("%d heard it, %v", n, err)
	}
	eventually(t, "three is heard", func() bool { publish("three"); return has("three") })
	if has("two") {
		t.Error("nothing is lost: the page is out of date")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the usual code was told: %v: the page is out of date", err)
	}

	gaps := make(chan string, 100)
	orders, err := bus.Listen(subscriber, bus.Callbacks{
		Message: func(bus.Message) {},
		Gap:     func(pattern string) { gaps <- pattern }, // read what was missed from where it is kept
	}, bus.ListenOptions{})
	check(t, err)
	defer orders.Close()
	check(t, orders.PSubscribe(t.Context(), "orders:*"))
	check(t, c.Do(t.Context(), c.B().ClientKill().TypePubsub().Build()).Error())
	select {
	case <-gaps:
	case <-time.After(20 * time.Second):
		t.Error("no gap was told")
	}
}

func usualConsume(ctx context.Context, c rueidis.Client, handle func(text string) error) error {
	read := c.B().Xreadgroup().Group("mailer", "worker-1").Count(10).Streams().Key("orders").Id(">").Build()
	streams, err := c.Do(ctx, read).AsXRead()
	for _, e := range streams["orders"] {
		if err := handle(e.FieldValues["text"]); err != nil {
			return err // tried again when the process is back?
		}
		c.Do(ctx, c.B().Xack().Key("orders").Group("mailer").Id(e.ID).Build())
	}
	return err
}

// TestStream has the first handling of an event fail.
func TestStream(t *testing.T) {
	_, c := start(t)
	check(t, c.Do(t.Context(), c.B().XgroupCreate().Key("orders").Group("mailer").Id("0").Mkstream().Build()).Error())
	check(t, c.Do(t.Context(), c.B().Xadd().Key("orders").Id("*").FieldValue().FieldValue("text", "one").Build()).Error())
	broken := errors.New("the mail server is away")
	handled := 0
	handle := func(string) error {
		if handled++; handled == 1 {
			return broken
		}
		return nil
	}
	for range 3 {
		err := usualConsume(t.Context(), c, handle)
		if err != nil && !errors.Is(err, broken) && !rueidis.IsRedisNil(err) {
			t.Fatal(err)
		}
	}
	if handled != 1 {
		t.Errorf("handled %d times: the page is out of date", handled)
	}

	topic, err := stream.NewTopic(c, "orders", stream.TopicOptions{})
	check(t, err)
	mailer, err := topic.Group("mailer", stream.GroupOptions{})
	check(t, err)
	_, err = topic.Append(t.Context(), "one")
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	handled = 0
	err = mailer.Consume(ctx, func(ctx context.Context, d stream.Delivery) error {
		if handled++; handled == 1 {
			return broken
		}
		cancel() // so that the test ends
		return nil
	})
	if handled != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("handled %d times, %v", handled, err)
	}
}

func usualWork(ctx context.Context, c rueidis.Client, work func(job string) error) error {
	job, err := c.Do(ctx, c.B().Brpop().Key("jobs").Timeout(1).Build()).AsStrSlice()
	if err != nil {
		return err
	}
	return work(job[1]) // and if the process dies here?
}

// TestQueue has the first attempt at a job fail.
func TestQueue(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client(t)
	check(t, c.Do(t.Context(), c.B().Lpush().Key("jobs").Element("mail").Build()).Error())
	broken := errors.New("the mail server is away")
	if err := usualWork(t.Context(), c, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if n, err := c.Do(t.Context(), c.B().Dbsize().Build()).AsInt64(); n != 0 || err != nil {
		t.Errorf("the job is still somewhere, %v: the page is out of date", err)
	}

	mails, err := queue.New[string](c, queue.Options{Name: "mails"})
	check(t, err)
	_, err = mails.Enqueue(t.Context(), "mail", queue.JobOptions{})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	err = mails.Run(ctx, queue.WorkerOptions{}, func(ctx context.Context, job *queue.Job[string]) error {
		if attempts++; attempts == 1 {
			return queue.RetryAfter(time.Millisecond, broken)
		}
		cancel()
		return nil
	})
	if attempts != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}
