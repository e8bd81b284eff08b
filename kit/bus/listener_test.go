package bus

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit"
	"github.com/parley-chat/parley/kit/redistest"
)

// heard remembers what a listener was told.
type heard struct {
	mu       sync.Mutex
	messages []string // "channel payload"
	patterns []string // "pattern: channel payload"
	gaps     []string
	failed   []error
}

func (h *heard) handler() Callbacks {
	return Callbacks{
		Message: func(m Message) {
			h.note(&h.messages, m.Channel+" "+m.Payload)
			if m.Pattern != "" {
				h.note(&h.patterns, m.Pattern+": "+m.Channel+" "+m.Payload)
			}
		},
		Gap: func(channel string) { h.note(&h.gaps, channel) },
		OnError: func(err error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.failed = append(h.failed, err)
		},
	}
}

func (h *heard) note(in *[]string, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*in = append(*in, what)
}

func (h *heard) has(t testing.TB, message string) {
	t.Helper()
	until(t, "message "+message, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Contains(h.messages, message)
	})
}

func (h *heard) hasGap(t testing.TB, channel string) {
	t.Helper()
	until(t, "gap "+channel, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Contains(h.gaps, channel)
	})
}

func listen(t testing.TB, client rueidis.Client, opt ListenOptions) (*Listener, *heard) {
	t.Helper()
	h := &heard{}
	l, err := Listen(client, h.handler(), opt)
	wantNoError(t, err)
	t.Cleanup(l.Close)
	return l, h
}

func publish(t testing.TB, c rueidis.Client, channel, payload string) {
	t.Helper()
	wantNoError(t, c.Do(t.Context(), c.B().Publish().Channel(channel).Message(payload).Build()).Error())
}

func spublish(t testing.TB, c rueidis.Client, channel, payload string) {
	t.Helper()
	wantNoError(t, c.Do(t.Context(), c.B().Spublish().Channel(channel).Message(payload).Build()).Error())
}

func TestListen(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		l, h := listen(t, client, ListenOptions{})
		wantNoError(t, l.Subscribe(t.Context(), "a", "b", "a"))
		wantNoError(t, l.PSubscribe(t.Context(), "p.*"))
		wantNoError(t, l.SSubscribe(t.Context(), "s1", "s2", "s3"))
		wantNoError(t, l.Subscribe(t.Context()))
		publish(t, client, "a", "1")
		publish(t, client, "b", "2")
		publish(t, client, "p.x", "3")
		for _, s := range []string{"s1", "s2", "s3"} {
			spublish(t, client, s, "4")
		}
		for _, m := range []string{"a 1", "b 2", "p.x 3", "s1 4", "s2 4", "s3 4"} {
			h.has(t, m)
		}
		h.mu.Lock()
		if want := []string{"p.*: p.x 3"}; !slices.Equal(h.patterns, want) {
			t.Errorf("patterns %q, want %q", h.patterns, want)
		}
		h.mu.Unlock()

		l.Unsubscribe("a", "unknown")
		l.SUnsubscribe("s1")
		l.PUnsubscribe("p.*")
		publish(t, client, "a", "5")
		publish(t, client, "p.x", "5")
		spublish(t, client, "s1", "5")
		wantNoError(t, l.SSubscribe(t.Context(), "s1"))
		publish(t, client, "b", "6")
		spublish(t, client, "s1", "6")
		h.has(t, "b 6")
		h.has(t, "s1 6")
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, m := range h.messages {
			if strings.HasSuffix(m, " 5") {
				t.Errorf("%q came after Unsubscribe", m)
			}
		}
		if len(h.messages) != 8 || len(h.gaps) != 0 || len(h.failed) != 0 {
			t.Errorf("messages %v, gaps %v, failed %v", h.messages, h.gaps, h.failed)
		}
	})
}

// Every channel's message that is published right after Subscribe returned
// arrives, while thousands come and go.
func TestListenToThousands(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		const channels, parts = 5000, 10
		l, h := listen(t, client, ListenOptions{})
		var all sync.WaitGroup
		for part := range parts {
			all.Go(func() {
				var names []string
				for i := part; i < channels; i += parts {
					names = append(names, fmt.Sprint("room:", i))
				}
				if err := l.SSubscribe(t.Context(), names...); err != nil {
					t.Error(err)
				}
				l.SUnsubscribe(names[:10]...)
				if err := l.SSubscribe(t.Context(), names[:10]...); err != nil {
					t.Error(err)
				}
				var cmds rueidis.Commands
				for _, name := range names {
					cmds = append(cmds, client.B().Spublish().Channel(name).Message("x").Build())
				}
				for _, resp := range client.DoMulti(t.Context(), cmds...) {
					if err := resp.Error(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		until(t, "all messages", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return len(
				h.messages) >= channels
		})
		h.mu.Lock()
		defer h.mu.Unlock()
		slices.Sort(h.messages)
		if n := len(slices.Compact(h.messages)); n != channels || len(h.gaps) != 0 {
			t.Errorf("%d different of %d messages, gaps %v, failed %v", n, len(h.messages), h.gaps, h.failed)
		}
	})
}

// killSubscribers cuts the subscribing connections that there are now, not the
// ones that replace them.
func killSubscribers(t testing.TB, client rueidis.Client) {
	t.Helper()
	var kill []func()
	eachMaster(t, client, func(node rueidis.Client) {
		list, err := node.Do(t.Context(), node.B().ClientList().TypePubsub().Build()).ToString()
		wantNoError(t, err)
		for line := range strings.Lines(strings.TrimPrefix(list, "txt:")) {
			id, ok := strings.CutPrefix(strings.Fields(line + " x")[0], "id=")
			if !ok {
				continue
			}
			kill = append(kill, func() { do(t, node, "CLIENT", "KILL", "ID", id) })
		}
	})
	for _, f := range kill {
		f()
	}
}

// A lost connection is a Gap for each channel, after which messages arrive.
func TestListenerReconnects(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		l, h := listen(t, client, ListenOptions{})
		wantNoError(t, l.Subscribe(t.Context(), "a"))
		wantNoError(t, l.PSubscribe(t.Context(), "p.*"))
		wantNoError(t, l.SSubscribe(t.Context(), "s1", "s2", "s3"))
		killSubscribers(t, client)
		names := []string{"a", "p.*", "s1", "s2", "s3"}
		for _, name := range names {
			h.hasGap(t, name)
		}
		send := func(cmd rueidis.Completed) error { return client.Do(t.Context(), cmd).Error() }
		afterGap(t, h, "a", func(p string) error {
			return send(
				client.B().Publish().Channel("a").Message(p).Build())
		})
		for _, s := range names[2:] {
			afterGap(t, h, s, func(p string) error {
				return send(
					client.B().Spublish().Channel(s).Message(p).Build())
			})
		}
		afterGap(t, h, "p.x", func(p string) error {
			return send(
				client.B().Publish().Channel("p.x").Message(p).Build())
		})
		h.mu.Lock()
		defer h.mu.Unlock()
		slices.Sort(h.gaps)
		if got := slices.Compact(h.gaps); !slices.Equal(got, names) || len(h.failed) == 0 {
			t.Errorf("gaps %v, failed %v", got, h.failed)
		}
	})
}

// A server that goes silent is noticed although nobody uses the connection.
func TestListenerNoticesSilence(t *testing.T) {
	server := redistest.Start(t)
	l, h := listen(t, server.Client(t),
		ListenOptions{Heartbeat: 50 * time.Millisecond, Timeout: 500 * time.Millisecond})
	wantNoError(t, l.Subscribe(t.Context(), "a"))
	server.Pause()
	until(t, "a failure", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.failed) > 0 })
	if err := l.Subscribe(t.Context(), "b"); !errors.Is(err, kit.ErrUnavailable) {
		t.Errorf("subscribing to a silent server: %v", err)
	}
	server.Resume()
	h.hasGap(t, "a")
	publish(t, server.Client(t), "a", "1")
	h.has(t, "a 1")
}

// A slow handler holds up neither other listeners nor commands; what does not
// fit is a Gap, in its place.
func TestListenerQueue(t *testing.T) {
	client := redistest.Single(t).Client(t)
	release, gaps := make(chan bool), make(chan string, 10)
	var mu sync.Mutex
	var got []string
	l, err := Listen(client, Callbacks{
		Message: func(m Message) {
			<-release
			mu.Lock()
			defer mu.Unlock()
			got = append(
				got, m.Payload)
		},
		Gap: func(channel string) {
			gaps <- channel
			mu.Lock()
			defer mu.Unlock()
			got = append(
				got, "gap")
		},
	}, ListenOptions{Queue: 3})
	wantNoError(t, err)
	defer l.Close()
	wantNoError(t, l.Subscribe(t.Context(), "a"))
	other, h := listen(t, client, ListenOptions{})
	wantNoError(t, other.Subscribe(t.Context(), "a"))
	for i := range 10 {
		publish(t, client, "a", fmt.Sprint(i))
	}
	h.has(t, "a 9")
	wantNoError(t, l.Subscribe(t.Context(), "b")) // a fence: its connection has read all that went before
	close(release)
	if name := <-gaps; name != "a" {
		t.Errorf("a gap in %q", name)
	}
	publish(t, client, "a", "last")
	until(t, "the last", func() bool { mu.Lock(); defer mu.Unlock(); return slices.Contains(got, "last") })
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"0", "1", "2", "gap", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSubscribeDenied(t *testing.T) {
	server := redistest.Start(t)
	admin := server.Client(t)
	do(t, admin, "ACL", "SETUSER", "low", "on", ">pw", "+@all", "~*", "&ok:*")
	option := server.Option()
	option.Username, option.Password = "low", "pw"
	client, err := rueidis.NewClient(option)
	wantNoError(t, err)
	defer client.Close()
	l, h := listen(t, client, ListenOptions{})
	wantNoError(t, l.Subscribe(t.Context(), "ok:1"))
	if err := l.Subscribe(t.Context(), "ok:2", "secret", "ok:3"); err == nil ||
		!strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("a denied channel: %v", err)
	}
	wantNoError(t, l.Subscribe(t.Context(), "ok:4"))
	for _, name := range []string{"ok:1", "ok:2", "ok:4"} {
		publish(t, admin, name, "x")
	}
	h.has(t, "ok:4 x")
	h.mu.Lock()
	defer h.mu.Unlock()
	if want := []string{"ok:1 x", "ok:4 x"}; !slices.Equal(h.messages, want) {
		t.Errorf("got %v, want %v", h.messages, want)
	}
}

func TestListenerCloses(t *testing.T) {
	client := redistest.Single(t).Client(t)
	l, _ := listen(t, client, ListenOptions{})
	wantNoError(t, l.Subscribe(t.Context(), "a"))
	l.Close()
	l.Close()
	if err := l.Subscribe(t.Context(), "b"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := Listen(client, Callbacks{}, ListenOptions{}); err == nil {
		t.Error("a handler without Message")
	}
}

func TestEnvelope(t *testing.T) {
	client := redistest.Single(t).Client(t)
	l, h := listen(t, client, ListenOptions{})
	wantNoError(t, l.Subscribe(t.Context(), "a"))
	wantNoError(t, l.SSubscribe(t.Context(), "s"))
	e, err := NewEnvelope("renamed", "node-1", map[string]string{"name": "Ada"})
	wantNoError(t, err)
	wantNoError(t, Publish(t.Context(), client, "a", e))
	wantNoError(t, SPublish(t.Context(), client, "s", e))
	until(t, "both", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.messages) == 2 })
	for _, m := range h.messages {
		_, payload, _ := strings.Cut(m, " ")
		got, err := ParseEnvelope(payload)
		wantNoError(t, err)
		var data struct{ Name string }
		wantNoError(t, got.Decode(&data))
		if got.Type != "renamed" || got.Origin != "node-1" || got.ID != e.ID ||
			!got.Time.Equal(e.Time) || data.Name != "Ada" {
			t.Errorf("%+v with %+v", got, data)
		}
	}
	for _, bad := range []string{"", "x", "{}", `{"type":3}`} {
		if _, err := ParseEnvelope(bad); err == nil {
			t.Errorf("%q is an envelope", bad)
		}
	}
}

// While channels come and go and connections are cut, each message that is
// published after Subscribe returned is either heard or covered by a gap.
func TestListenerIsNeverSilent(t *testing.T) {
	eachRedis(t, func(t *testing.T, client rueidis.Client) {
		const workers, rounds = 8, 150
		l, h := listen(t, client, ListenOptions{Timeout: 20 * time.Second})
		done := make(chan bool)
		var all, killer sync.WaitGroup
		killer.Go(func() {
			for cuts := 1; cuts <= 7; { // each makes the pause before the next connection longer
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
				h.mu.Lock()
				heard := len(h.messages)
				h.mu.Unlock()
				if heard >= cuts*100 {
					killSubscribers(t, client)
					cuts++
				}
			}
		})
		covered := func(channel, message string, from int) bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return slices.Contains(h.gaps[from:], channel) || slices.Contains(h.messages, message)
		}
		for w := range workers {
			all.Go(func() {
				for i := range rounds {
					channel, payload := fmt.Sprintf("room:%d:%d", w, i%10), fmt.Sprint(i)
					if err := l.SSubscribe(t.Context(), channel); err != nil {
						t.Error(err)
						return
					}
					h.mu.Lock()
					from := len(h.gaps)
					h.mu.Unlock()
					if err := client.Do(t.Context(),
						client.B().Spublish().Channel(channel).Message(payload).Build()).Error(); err != nil {
						t.Error(err)
						return
					}
					for deadline := time.Now().Add(20 * time.Second); !covered(channel,
						channel+" "+payload, from); time.Sleep(100 * time.Microsecond) {
						if time.Now().After(deadline) {
							t.Errorf("%s %s was neither heard nor covered by a gap", channel, payload)
							return
						}
					}
					if i%3 > 0 {
						l.SUnsubscribe(channel)
					}
				}
			})
		}
		all.Wait()
		close(done)
		killer.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.gaps) == 0 || len(h.messages) < workers*rounds/2 {
			t.Errorf("%d gaps and %d messages prove nothing", len(h.gaps), len(h.messages))
		}
	})
}
