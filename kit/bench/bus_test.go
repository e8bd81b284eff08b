package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/bus"
	"github.com/parley-chat/parley/kit/redistest"
	"github.com/parley-chat/parley/kit/stream"
)

var busPayload = strings.Repeat("x", 200)

func newTopic(b *testing.B, client rueidis.Client, name string, opt stream.TopicOptions) *stream.Topic {
	topic, err := stream.NewTopic(client, name, opt)
	if err != nil {
		b.Fatal(err)
	}
	return topic
}

func watermillPublisher(b *testing.B, c *redis.Client) *redisstream.Publisher {
	p, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: c, DefaultMaxlen: 1000},
		watermill.NopLogger{})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func watermillSubscribe(b *testing.B, c *redis.Client, topic string) <-chan *message.Message {
	s, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{Client: c,
		ConsumerGroup: "workers", OldestId: "0", DisableIndefiniteInitialBlock: true}, watermill.NopLogger{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	messages, err := s.Subscribe(b.Context(), topic)
	if err != nil {
		b.Fatal(err)
	}
	return messages
}

// runGroup runs a group for as long as the benchmark.
func runGroup(b *testing.B, topic *stream.Topic, concurrency int,
	handler func(context.Context, stream.Delivery) error) {
	g, err := topic.Group("workers", stream.GroupOptions{Concurrency: concurrency})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Consume(ctx, handler) }()
	b.Cleanup(func() { cancel(); <-done })
}

// One event is appended. The kit's names the one before it, and with a limit
// waits for its groups; watermill's MAXLEN drops what nobody has read. XADD by
// hand has no limit.
func BenchmarkBusAppend(b *testing.B) {
	s := redistest.Start(b)
	client := s.Client(b)
	ctx := b.Context()
	topic, limited := newTopic(b, client, "all", stream.TopicOptions{}),
		newTopic(b, client, "limited", stream.TopicOptions{MaxLength: 1000})
	publisher := watermillPublisher(b, goRedis(b, s))
	beside(b, s,
		work{"kit", func(int) error { _, err := topic.Append(ctx, busPayload); return err }},
		work{"kit-limited", func(int) error { _, err := limited.Append(ctx, busPayload); return err }},
		work{"watermill", func(int) error {
			return publisher.Publish("watermill",
				message.NewMessage(watermill.NewShortUUID(), []byte(busPayload)))
		}},
		work{"by-hand", func(int) error {
			return client.Do(ctx, client.B().Xadd().Key("by-hand").Id("*").FieldValue().FieldValue(
				"event", busPayload).Build()).Error()
		}})
}

// One event from its append until the handler has it, one at a time; each is
// acknowledged.
func BenchmarkBusHandled(b *testing.B) {
	s := redistest.Start(b)
	topic := newTopic(b, s.Client(b), "handled", stream.TopicOptions{MaxLength: 1000})
	ours := make(chan string)
	runGroup(b, topic, 1, func(_ context.Context, d stream.Delivery) error { ours <- d.Payload; return nil })
	c := goRedis(b, s)
	publisher, theirs := watermillPublisher(b, c), watermillSubscribe(b, c, "watermill")
	beside(b, s,
		work{"kit", func(int) error {
			_, err := topic.Append(b.Context(), busPayload)
			<-ours
			return err
		}},
		work{"watermill", func(int) error {
			err := publisher.Publish("watermill",
				message.NewMessage(watermill.NewShortUUID(), []byte(busPayload)))
			(<-theirs).Ack()
			return err
		}})
}

// A backlog of events is handled and acknowledged. Watermill gives a subscriber
// one message at a time.
func BenchmarkBusBacklog(b *testing.B) {
	const events = 2000
	s := redistest.Start(b)
	client, c := s.Client(b), goRedis(b, s)
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: c}, watermill.NopLogger{})
	if err != nil {
		b.Fatal(err)
	}
	for _, concurrency := range []int{1, 16} {
		b.Run(fmt.Sprint("kit-", concurrency), func(b *testing.B) {
			round := 0
			var took time.Duration
			for b.Loop() {
				round++
				topic := newTopic(b, client, fmt.Sprint("kit", concurrency, b.N, round), stream.TopicOptions{})
				for range events {
					if _, err := topic.Append(b.Context(), busPayload); err != nil {
						b.Fatal(err)
					}
				}
				handled := make(chan bool, events)
				start := time.Now()
				runGroup(b, topic, concurrency,
					func(context.Context, stream.Delivery) error { handled <- true; return nil })
				for range events {
					<-handled
				}
				took += time.Since(start)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(round*events), "ns/event")
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("watermill", func(b *testing.B) {
		round := 0
		var took time.Duration
		for b.Loop() {
			round++
			topic := fmt.Sprint("watermill", b.N, round)
			for range events {
				if err := publisher.Publish(topic,
					message.NewMessage(watermill.NewShortUUID(), []byte(busPayload))); err != nil {
					b.Fatal(err)
				}
			}
			start := time.Now()
			messages := watermillSubscribe(b, c, topic)
			for range events {
				(<-messages).Ack()
			}
			took += time.Since(start)
		}
		b.ReportMetric(float64(took.Nanoseconds())/float64(round*events), "ns/event")
		b.ReportMetric(0, "ns/op")
	})
}

// One message from PUBLISH to the handler. The kit's tells of gaps; go-redis'
// does not, and drops what its channel cannot hold.
func BenchmarkBusPublish(b *testing.B) {
	s := redistest.Start(b)
	client, c := s.Client(b), goRedis(b, s)
	ours := make(chan string)
	l, err := bus.Listen(client, bus.Callbacks{Message: func(m bus.Message) { ours <- m.Payload }},
		bus.ListenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	if err := l.Subscribe(b.Context(), "kit"); err != nil {
		b.Fatal(err)
	}
	sub := c.Subscribe(b.Context(), "go-redis")
	defer sub.Close()
	if _, err := sub.Receive(b.Context()); err != nil {
		b.Fatal(err)
	}
	theirs := sub.Channel()
	beside(b, s,
		work{"kit", func(int) error {
			err := client.Do(b.Context(), client.B().Publish().Channel("kit").Message(
				busPayload).Build()).Error()
			<-ours
			return err
		}},
		work{"go-redis", func(int) error {
			err := c.Publish(b.Context(), "go-redis", busPayload).Err()
			<-theirs
			return err
		}})
}
