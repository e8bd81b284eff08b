package outgoing

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/netguard"
)

// receiver is a program that is told of events.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	headers []http.Header
	answer  func(n int, text string) int // of the n-th request, from 1
}

func newReceiver(t *testing.T, answer func(n int, text string) int) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies, r.headers = append(r.bodies, string(body)), append(r.headers, req.Header)
	status := http.StatusOK
	if r.answer != nil {
		status = r.answer(len(r.bodies), textOf(string(body)))
	}
	if status == http.StatusFound {
		w.Header().Set("Location", "http://"+req.Host+"/elsewhere")
	}
	w.WriteHeader(status)
}

func textOf(body string) string {
	var in struct {
		Event chat.Event `json:"event"`
	}
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.Event.Message == nil {
		return fmt.Sprintf("%s %v", in.Event.Kind, err)
	}
	if in.Event.Message.Deleted() {
		return "(deleted)"
	}
	return in.Event.Message.Text
}

func (r *receiver) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, b := range r.bodies {
		all = append(all, textOf(b))
	}
	return all
}

// fixture is a service with a runner that can be started again. cmd/parley
// tests the same on both stores.
type fixture struct {
	t       *testing.T
	service *chat.Service
	owner   chat.Caller
	stop    func() // the runner
	log     strings.Builder
}

func newFixture(t *testing.T) *fixture {
	h := &fixture{t: t, stop: func() {}}
	t.Cleanup(func() { h.stop() })
	h.service = chattest.New(t, func(c *chat.Config) { c.Now = time.Now }).Service
	user, err := h.service.AddUser(t.Context(), "Pablo", "password123", chat.RoleOwner, "")
	if err != nil {
		t.Fatal(err)
	}
	h.owner = chat.Caller{User: user}
	return h
}

// run starts a runner that is in a hurry.
func (h *fixture) run(change func(*Config)) {
	h.t.Helper()
	h.stop()
	cfg := Config{
		Service: h.service, Version: "test",
		Retry: follow.RetryPolicy{Attempts: 3, First: time.Millisecond, Most: 5 * time.Millisecond},
		Sweep: 2 * time.Millisecond,
	}
	allow("127.0.0.1")(&cfg)
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	sender := New(cfg)
	runner := follow.New(follow.Config{Log: h.service.Store, Followers: []follow.Follower{sender.Follower()},
		Tick:   2 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	var running sync.WaitGroup
	running.Go(func() { runner.Run(ctx) })
	h.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		sender.Close()
	})
}

func (h *fixture) hook(url string) chat.OutgoingOutput {
	h.t.Helper()
	out, err := h.service.CreateOutgoing(h.t.Context(), h.owner,
		chat.OutgoingInput{Room: chat.GeneralID, URL: url, Kinds: []chat.Kind{chat.MessageCreated}})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *fixture) send(texts ...string) (last chat.Message) {
	h.t.Helper()
	for _, text := range texts {
		m, err := h.service.Send(h.t.Context(), h.owner, chat.SendInput{Room: chat.GeneralID, Text: text})
		if err != nil {
			h.t.Fatal(err)
		}
		last = m
	}
	return last
}

func (h *fixture) state(id string) chat.Outgoing {
	h.t.Helper()
	list, err := h.service.ListOutgoing(h.t.Context(), h.owner, chat.RoomInput{Room: chat.GeneralID})
	if err != nil {
		h.t.Fatal(err)
	}
	i := slices.IndexFunc(list.Webhooks, func(o chat.Outgoing) bool { return o.ID == id })
	if i < 0 {
		h.t.Fatalf("webhook %s is not there", id)
	}
	return list.Webhooks[i]
}

// until polls for something that must come true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestEventsArriveSignedAndInOrder(t *testing.T) {
	h, r := newFixture(t), newReceiver(t, nil)
	out := h.hook(r.URL)
	h.run(nil)
	var sent []string
	for i := range 40 {
		sent = append(sent, fmt.Sprint("message ", i))
		h.send(sent[i])
	}
	until(t, "all are there", func() bool { return len(r.texts()) >= len(sent) })
	if got := r.texts(); !slices.Equal(got, sent) {
		t.Errorf("received %v", got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := map[string]bool{}
	for i, head := range r.headers {
		// Judged as a receiver would, without the code that made it.
		var stamp, mac string
		for part := range strings.SplitSeq(head.Get("Parley-Signature"), ",") {
			switch name, value, _ := strings.Cut(part, "="); name {
			case "t":
				stamp = value
			case "v1":
				mac = value
			}
		}
		h := hmac.New(sha256.New, []byte(out.Secret))
		io.WriteString(h, stamp+"."+r.bodies[i])
		at, err := strconv.ParseInt(stamp, 10, 64)
		if mac != hex.EncodeToString(h.Sum(nil)) || err != nil ||
			time.Since(time.Unix(at, 0)).Abs() > time.Minute {
			t.Errorf("signature %q of %s", head.Get("Parley-Signature"), r.bodies[i])
		}
		id := head.Get("Parley-Event-Id")
		if !strings.Contains(r.bodies[i], `"id":"`+id+`"`) || ids[id] ||
			head.Get("Content-Type") != "application/json" ||
			head.Get("Parley-Webhook-Id") != out.Webhook.ID || head.Get("User-Agent") != "Parley/test" {
			t.Errorf("headers %v", head)
		}
		ids[id] = true
	}
}

func TestRetriesAndDeadLetters(t *testing.T) {
	h := newFixture(t)
	var broken sync.Map
	broken.Store("poison", true)
	r := newReceiver(t, func(n int, text string) int {
		if _, bad := broken.Load(text); bad || n <= 2 {
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	})
	out := h.hook(r.URL)
	h.run(nil)
	h.send("one", "poison", "two")
	until(t, "the queue is empty",
		func() bool { return slices.Contains(r.texts(), "two") && h.state(out.Webhook.ID).Error == "" })
	if got, want := r.texts(), []string{"one", "one", "one", "poison", "poison", "poison",
		"two"}; !slices.Equal(got, want) {
		t.Errorf("received %v", got)
	}
	if s := h.state(out.Webhook.ID); s.Dead != 1 {
		t.Errorf("state %+v", s)
	}
	broken.Delete("poison")
	if _, err := h.service.RetryDead(t.Context(), h.owner,
		chat.RetryInput{Room: chat.GeneralID, Webhook: out.Webhook.ID}); err != nil {
		t.Fatal(err)
	}
	until(t, "no dead letter is left", func() bool {
		dead, err := h.service.ListDead(t.Context(), h.owner,
			chat.OutgoingIDInput{Room: chat.GeneralID, Webhook: out.Webhook.ID})
		return err == nil && len(dead.Dead) == 0
	})
	if got := r.texts(); len(got) != 8 || got[7] != "poison" {
		t.Errorf("received %v", got)
	}
}

func TestStoppedInTheMiddle(t *testing.T) {
	h := newFixture(t)
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r := newReceiver(t, func(_ int, text string) int {
		if text == "two" {
			once.Do(func() { close(reached); <-release })
		}
		return http.StatusOK
	})
	out := h.hook(r.URL)
	h.run(nil)
	h.send("one")
	three := h.send("two", "three")
	h.send("four")
	<-reached
	h.stop() // with "two" under way
	if s := h.state(out.Webhook.ID); s.Attempts != 0 || s.Error != "" {
		t.Errorf("a stop counts as a failure: %+v", s)
	}
	if _, err := h.service.DeleteMessage(t.Context(), h.owner,
		chat.MessageInput{Room: chat.GeneralID, No: three.No}); err != nil {
		t.Fatal(err)
	}
	close(release)
	h.run(nil)
	until(t, "all are there", func() bool { return slices.Contains(r.texts(), "four") })
	if got, want := r.texts(), []string{"one", "two", "two", "(deleted)", "four"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

func TestOneReceiverDoesNotKeepOthersWaiting(t *testing.T) {
	h := newFixture(t)
	release := make(chan struct{})
	slow, quick := newReceiver(t, func(int, string) int { <-release; return http.StatusOK }),
		newReceiver(t, nil)
	h.hook(slow.URL)
	h.hook(quick.URL)
	h.run(nil)
	h.send("one", "two")
	until(t, "the quick one has all", func() bool { return len(quick.texts()) == 2 })
	close(release)
}

// allow permits these hosts besides public addresses.
func allow(hosts ...string) func(*Config) {
	return func(c *Config) {
		list, err := netguard.ParseAllow(hosts)
		if err != nil {
			panic(err)
		}
		c.Guard = netguard.Guard{AnyPort: true, Allow: list}
	}
}

// TestSwitchingProtocols: a receiver that answers 101 and then nothing does not
// hold the sender.
func TestSwitchingProtocols(t *testing.T) {
	h := newFixture(t)
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
	}))
	t.Cleanup(silent.Close)
	out := h.hook(silent.URL)
	h.run(func(cfg *Config) { cfg.Retry.Most, cfg.Retry.First = time.Hour, time.Hour })
	h.send("hi")
	until(t, "it failed", func() bool {
		return strings.Contains(h.state(out.Webhook.ID).Error, "answered 101")
	})
}

func TestAnswers(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	stuck := make(chan struct{})
	for _, c := range []struct {
		name, url string
		status    int
		want      string
		change    func(*Config)
	}{
		{"410", "", 410, "410", nil},
		{"redirect", "", 302, "answered 302", nil},
		{"404", "", 404, "answered 404", nil},
		{"nobody there", closed.URL, 0, "cannot be reached", nil},
		{"foreign certificate", secure.URL, 0, "certificate", nil},
		{"no answer", "", -1, "in time", func(c *Config) { c.Timeout = 50 * time.Millisecond }},
		{"not permitted", "", 200, "--outgoing-allow", allow()},
		{"not permitted by name", "http://localhost:1/", 200, "--outgoing-allow",
			allow()},
		{"unknown name", "http://unknown.invalid/", 200, "--outgoing-allow",
			allow()},
		{"another host is allowed", "", 200, "--outgoing-allow",
			allow("localhost", "127.0.0.1:1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newFixture(t)
			r := newReceiver(t, func(int, string) int {
				if c.status < 0 {
					<-stuck
				}
				return c.status
			})
			if c.status < 0 {
				defer close(stuck)
			}
			url := c.url
			if url == "" {
				url = r.URL
			}
			out := h.hook(url)
			h.run(func(cfg *Config) {
				cfg.Retry.Most, cfg.Retry.First = time.Hour, time.Hour
				if c.change != nil {
					c.change(cfg)
				}
			})
			h.send("a-secret-text")
			until(t, "it failed", func() bool { return h.state(out.Webhook.ID).Error != "" })
			s := h.state(out.Webhook.ID)
			if !strings.Contains(s.Error, c.want) || s.EndedAt.IsZero() == (c.status == 410) {
				t.Errorf("state %+v", s)
			}
			if c.status == 302 && len(r.texts()) != 1 {
				t.Errorf("it was followed: %v", r.texts())
			}
			if c.want == "--outgoing-allow" && len(r.texts()) != 0 {
				t.Error("it was reached")
			}
			h.stop()
			if log := h.log.String(); strings.Contains(log, "a-secret-text") ||
				strings.Contains(log, url) || strings.Contains(log, out.Secret) {
				t.Errorf("the log:\n%s", log)
			}
		})
	}
}

func TestAllowedHosts(t *testing.T) {
	for _, withPort := range []bool{true, false} {
		h, r := newFixture(t), newReceiver(t, nil)
		host := strings.TrimPrefix(r.URL, "http://")
		if !withPort {
			host, _, _ = strings.Cut(host, ":")
		}
		h.hook(r.URL)
		h.run(allow("other.example", host))
		h.send("hi")
		until(t, "it is reached", func() bool { return len(r.texts()) == 1 })
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"90": 90 * time.Second, "Mon, 30 Nov 2026 12:01:30 GMT": 90 * time.Second,
		"Monday, 30-Nov-26 12:01:30 GMT": 90 * time.Second, "": 0, "soon": 0, "-5": 0, "1.5": 0,
		"Mon, 30 Nov 2026 11:00:00 GMT": 0, "Mon, 30 Nov 2099 12:00:00 GMT": 0,
		"99999999": 0, "18446744075": 0, "99999999999999999999": 0,
	} {
		if got := netguard.RetryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
