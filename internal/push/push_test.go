package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/netguard"
)

// world is a server with Joe and Mary, and a push service. Nothing follows
// until once is called, as after a crash right behind the commit.
type world struct {
	*chattest.Fixture
	service   *pushService
	joe, mary chat.Caller
	direct    chat.RoomID
	online    []chat.UserID
	sender    *Sender
	runner    *follow.Runner
}

func (w *world) Online(_ context.Context, users []chat.UserID) ([]chat.UserID, error) {
	return slices.DeleteFunc(slices.Clone(users), func(u chat.UserID) bool {
		return !slices.Contains(w.online, u)
	}), nil
}

func (w *world) OnlinePage(context.Context, chat.UserID, int) (chat.OnlineOutput, error) {
	return chat.OnlineOutput{Online: w.online}, nil
}

func newWorld(t *testing.T) *world {
	w := &world{service: newPushService(t)}
	w.Fixture = chattest.New(t, func(c *chat.Config) { c.Presence = w })
	w.joe = w.Person("Joe", chat.RoleMember)
	w.mary = w.logIn(w.Person("Mary", chat.RoleMember))
	d, err := w.OpenDirect(t.Context(), w.joe, chat.OpenDirectInput{User: w.mary.User.ID})
	w.Must("direct", err)
	w.direct = d.ID
	w.start()
	w.once() // a server's first start
	_, w.service.key, err = w.PushKey(t.Context())
	w.Must("key", err)
	return w
}

// logIn returns the person with a new log-in.
func (w *world) logIn(who chat.Caller) chat.Caller {
	w.T.Helper()
	in, err := w.LogIn(w.T.Context(), chat.Caller{Agent: "Firefox"},
		chat.LogInInput{Name: who.User.Name, Password: chattest.Password})
	w.Must("log in", err)
	return chat.Caller{User: in.User, Session: in.Session.ID}
}

// start starts the follower anew, as a node does that takes over.
func (w *world) start() {
	if w.sender != nil {
		w.sender.Close()
	}
	w.sender = New(Config{Service: w.Service, Contact: "https://chat.example",
		Retry: follow.RetryPolicy{First: 10 * time.Second, Most: time.Hour}})
	w.sender.Client = w.service.Client()
	w.Push = w.sender.Send
	w.runner = follow.New(follow.Config{Log: w.Store, Bell: new(chattest.Bell),
		Followers: []follow.Follower{w.sender.Follower()}, Now: w.Clock.Now})
	w.sender.Wake, w.sender.SweepNow = w.runner.Wake, func() { w.runner.Sweep(Name) }
	w.T.Cleanup(w.sender.Close)
}

// once serves all that is due.
func (w *world) once() {
	w.T.Helper()
	w.Must("follow", w.runner.Once(w.T.Context()))
}

// device has the caller's device notified, from now on.
func (w *world) device(who chat.Caller) {
	w.T.Helper()
	b := newBrowser(w.T.(*testing.T))
	path := "/" + string(who.Session)
	w.service.mu.Lock()
	w.service.browsers[path] = b
	w.service.mu.Unlock()
	_, err := w.SubscribePush(w.T.Context(), who, chat.PushInput{Endpoint: w.service.URL + path,
		P256dh: b64.EncodeToString(b.key.PublicKey().Bytes()), Auth: b64.EncodeToString(b.auth)})
	w.Must("subscribe", err)
}

// why returns what became of a message on Mary's only device.
func (w *world) why(room chat.RoomID, no int64) chat.PushDelivered {
	w.T.Helper()
	out, err := w.WhyPush(w.T.Context(), w.mary, chat.MessageInput{Room: room, No: no})
	w.Must("why", err)
	if len(out.Devices) != 1 {
		w.T.Fatalf("devices %+v", out.Devices)
	}
	return out.Devices[0]
}

func texts(got []received) (all []string) {
	for _, m := range got {
		all = append(all, m.Text)
	}
	return all
}

func TestDirectMessagesAndMentionsArrive(t *testing.T) {
	w := newWorld(t)
	w.Say(w.joe, w.direct, "before the device")
	w.Wait(time.Second)
	w.device(w.mary)
	w.Say(w.mary, w.direct, "my own")
	w.Say(w.joe, w.direct, "**hi** [there](https://x.example) `you`")
	w.Say(w.joe, chat.GeneralID, "nobody in particular")
	w.Say(w.joe, chat.GeneralID, "for @Mary")
	w.once()
	got := w.service.take()
	slices.SortFunc(got, func(a, b received) int { return strings.Compare(a.Text, b.Text) })
	if len(got) != 2 {
		t.Fatalf("received %+v", got)
	}
	want := []chat.PushMessage{
		{Room: chat.GeneralID, No: 2, From: "Joe", Place: "General", Text: "for @Mary"},
		{Room: w.direct, No: 3, From: "Joe", Text: "hi there you"},
	}
	for i, m := range got {
		if m.PushMessage != want[i] {
			t.Errorf("received %+v, want %+v", m.PushMessage, want[i])
		}
		if m.header.Get("Urgency") != "high" || len(m.header.Get("Topic")) != 24 {
			t.Errorf("headers %v", m.header)
		}
	}
	if got := w.why(w.direct, 3); got.State != "sent" || got.Reason != chat.ForDirect || !got.Device.Current {
		t.Errorf("trace %+v", got)
	}
	w.once()
	w.start()
	w.once()
	if again := w.service.take(); len(again) != 0 {
		t.Errorf("received again: %+v", again)
	}
}

func TestARestartLosesAndRepeatsNothing(t *testing.T) {
	w := newWorld(t)
	phone := w.logIn(w.mary)
	w.device(w.mary)
	w.device(phone)
	w.Say(w.joe, w.direct, "committed")
	w.start() // the node before never heard of it
	w.service.answer = func(_ int, rw http.ResponseWriter) { rw.WriteHeader(http.StatusServiceUnavailable) }
	w.once() // queued, and not delivered
	w.service.answer = nil
	w.start()
	w.once()
	if got := w.service.take(); len(got) != 0 {
		t.Fatalf("received without a pause: %+v", got)
	}
	w.Wait(time.Minute)
	w.once()
	// A crash behind the delivery and before the room's position was kept.
	w.Must("forget", w.Store.DeleteRecord(t.Context(), "cursor", Name+"/"+string(chat.RoomStream(w.direct))))
	w.start()
	w.once()
	got := w.service.take()
	if len(got) != 2 || got[0].path == got[1].path || got[0].Text != "committed" {
		t.Errorf("received %+v", got)
	}
}

func TestWhatPushServicesAnswer(t *testing.T) {
	for _, c := range []struct {
		status int
		header string
		state  string        // of the trace, then
		wait   time.Duration // until it has been sent; 0 for never
	}{
		{http.StatusTooManyRequests, "1800", "waiting", 30 * time.Minute},
		{http.StatusInternalServerError, "", "waiting", 10 * time.Second},
		{http.StatusBadGateway, "", "waiting", 10 * time.Second},
		{http.StatusRequestEntityTooLarge, "", "failed", 0},
		{http.StatusForbidden, "", "failed", 0},
		{http.StatusGone, "", "", 0},
		{http.StatusNotFound, "", "", 0},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			w := newWorld(t)
			w.device(w.mary)
			w.service.answer = func(n int, rw http.ResponseWriter) {
				if n == 1 {
					rw.Header().Set("Retry-After", c.header)
					rw.WriteHeader(c.status)
				}
			}
			m := w.Say(w.joe, w.direct, "x")
			w.once()
			if c.state == "" {
				out, err := w.GetPush(t.Context(), w.mary, chat.None{})
				if err != nil || len(out.Devices) != 0 {
					t.Errorf("devices %+v, %v", out.Devices, err)
				}
				return
			}
			if got := w.why(w.direct, m.No); got.State != c.state ||
				!strings.Contains(got.Failure, fmt.Sprint(c.status)) {
				t.Errorf("trace %+v", got)
			}
			if c.wait == 0 {
				w.Wait(2 * time.Hour)
				w.once()
				if w.service.asked != 1 {
					t.Errorf("asked %d times", w.service.asked)
				}
				return
			}
			if c.header != "" {
				w.Wait(c.wait - time.Second)
				w.once()
				if w.service.asked != 1 {
					t.Errorf("asked %d times within the pause", w.service.asked)
				}
			}
			w.Wait(c.wait)
			w.once()
			if got := texts(w.service.take()); !slices.Equal(got, []string{"x"}) {
				t.Errorf("received %v", got)
			}
		})
	}
}

func TestATimeToLive(t *testing.T) {
	w := newWorld(t)
	w.device(w.mary)
	w.service.answer = func(_ int, rw http.ResponseWriter) { rw.WriteHeader(http.StatusInternalServerError) }
	m := w.Say(w.joe, w.direct, "x")
	w.once()
	w.Wait(chat.PushTTL + time.Hour)
	w.once()
	if got := w.why(w.direct, m.No); got.State != "failed" || w.service.asked != 1 {
		t.Errorf("trace %+v, asked %d times", got, w.service.asked)
	}
}

func TestWhatIsImportedNotifiesNoOne(t *testing.T) {
	w := newWorld(t)
	w.device(w.mary)
	w.Wait(3 * time.Hour)
	_, err := w.ImportMessages(t.Context(), []chat.ImportedMessage{{Message: chat.Message{Room: w.direct,
		ID: "imported", From: w.joe.User.ID, At: w.Clock.Now().Add(-2 * time.Hour), Text: "of today"}}})
	w.Must("import", err)
	w.Say(w.joe, w.direct, "now")
	w.once()
	if got := texts(w.service.take()); !slices.Equal(got, []string{"now"}) {
		t.Errorf("received %v", got)
	}
}

func TestOneWhoLooksIsNotNotified(t *testing.T) {
	w := newWorld(t)
	w.device(w.mary)
	w.online = []chat.UserID{w.mary.User.ID}
	m := w.Say(w.joe, w.direct, "seen")
	w.once() // waits for her to read
	_, err := w.MarkRead(t.Context(), w.mary, chat.ReadInput{Room: w.direct, No: m.No})
	w.Must("read", err)
	w.Wait(time.Minute)
	w.once()
	if got := w.service.take(); len(got) != 0 {
		t.Errorf("received %+v", got)
	}
	if got := w.why(w.direct, m.No); got.State != "dropped" || got.Reason != chat.NotRead {
		t.Errorf("trace %+v", got)
	}
	w.Say(w.joe, w.direct, "not seen")
	w.once()
	if got := w.service.take(); len(got) != 0 {
		t.Errorf("received at once: %+v", got)
	}
	w.Wait(time.Minute)
	w.once()
	if got := texts(w.service.take()); !slices.Equal(got, []string{"not seen"}) {
		t.Errorf("received %v", got)
	}
}

func TestSettingsAreObeyed(t *testing.T) {
	w := newWorld(t)
	w.device(w.mary)
	version := int64(0)
	set := func(v map[string]any) {
		d, err := w.PutDocument(t.Context(), w.mary, chat.PutDocumentInput{Name: "settings", Was: version, Value: v})
		w.Must("settings", err)
		version = d.Version
	}
	says := func(what string, room chat.RoomID, text string, want ...string) received {
		t.Helper()
		w.Say(w.joe, room, text)
		w.once()
		got := w.service.take()
		if !slices.Equal(texts(got), want) {
			t.Errorf("%s: received %q, want %q", what, texts(got), want)
		}
		if len(got) == 0 {
			return received{}
		}
		return got[0]
	}
	day := []any{0, 1, 2, 3, 4, 5, 6}
	set(map[string]any{"quiet": map[string]any{"days": day, "from": "03:00", "to": "04:00", "zone": "UTC"}})
	says("quiet hours", w.direct, "quiet")
	set(map[string]any{"quiet": map[string]any{"days": day, "from": "03:00", "to": "04:00", "zone": "Asia/Tokyo"},
		"keywords": []any{"red"}})
	says("quiet hours elsewhere", w.direct, "loud", "loud")
	says("a keyword", chat.GeneralID, "the build is red", "the build is red")
	for level, want := range map[chat.NotifyLevel][]string{chat.NotifyNone: nil, chat.NotifyAll: {"talk"}} {
		_, err := w.SetNotify(t.Context(), w.mary, chat.Notify{Room: chat.GeneralID, Level: level})
		w.Must("level", err)
		says("the level "+string(level), chat.GeneralID, "talk", want...)
	}
	set(map[string]any{"hideContent": true})
	if got := says("without content", w.direct, "secret", ""); got.From != "Joe" || got.Place != "" {
		t.Errorf("received %+v", got.PushMessage)
	}
	set(map[string]any{})
	w.PushWithoutContent = true
	says("without content on the server", w.direct, "secret", "")
}

func TestDevicesEndWithTheLogIn(t *testing.T) {
	w := newWorld(t)
	phone := w.logIn(w.mary)
	w.device(w.mary)
	w.device(phone)
	w.Say(w.joe, w.direct, "to both")
	_, err := w.LogOut(t.Context(), phone, chat.None{})
	w.Must("log out", err)
	w.once()
	if got := w.service.take(); len(got) != 1 || got[0].path != "/"+string(w.mary.Session) {
		t.Errorf("received %+v", got)
	}
	out, err := w.GetPush(t.Context(), w.mary, chat.None{})
	if err != nil || len(out.Devices) != 1 || !out.Devices[0].Current || out.Devices[0].Agent != "Firefox" ||
		out.Devices[0].Service != "127.0.0.1" || out.Key != w.service.key || !out.Content {
		t.Errorf("devices %+v, %v", out, err)
	}
	_, err = w.UnsubscribePush(t.Context(), w.joe, chat.PushDeviceInput{Device: w.mary.Session})
	if !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("another's device: %v", err)
	}
	_, err = w.UnsubscribePush(t.Context(), w.mary, chat.PushDeviceInput{Device: w.mary.Session})
	w.Must("unsubscribe", err)
	w.Say(w.joe, w.direct, "to none")
	w.once()
	if got := w.service.take(); len(got) != 0 {
		t.Errorf("received %+v", got)
	}
}

func TestATestIsSent(t *testing.T) {
	w := newWorld(t)
	w.device(w.mary)
	in := chat.PushDeviceInput{Device: w.mary.Session}
	_, err := w.TestPush(t.Context(), w.mary, in)
	w.Must("test", err)
	if got := w.service.take(); len(got) != 1 || got[0].PushMessage != (chat.PushMessage{Test: true}) {
		t.Errorf("received %+v", got)
	}
	w.service.answer = func(_ int, rw http.ResponseWriter) { rw.WriteHeader(http.StatusBadRequest) }
	if _, err := w.TestPush(t.Context(), w.mary, in); !errors.Is(err, chat.ErrConflict) ||
		!strings.Contains(err.Error(), "400") {
		t.Errorf("a push service that refuses: %v", err)
	}
}

func TestOnlyPublicAddressesAreCalled(t *testing.T) {
	w := newWorld(t)
	w.device(w.mary)
	w.sender.Client = netguard.Guard{AnyPort: true}.Client(time.Second, 1)
	_, err := w.TestPush(t.Context(), w.mary, chat.PushDeviceInput{Device: w.mary.Session})
	if err == nil || !strings.Contains(err.Error(), refused) || w.service.asked != 0 {
		t.Errorf("%v, asked %d times", err, w.service.asked)
	}
	b := newBrowser(t)
	good := chat.PushInput{Endpoint: "https://push.example/1",
		P256dh: b64.EncodeToString(b.key.PublicKey().Bytes()), Auth: b64.EncodeToString(b.auth)}
	for what, change := range map[string]func(*chat.PushInput){
		"http":          func(in *chat.PushInput) { in.Endpoint = "http://push.example/1" },
		"a user name":   func(in *chat.PushInput) { in.Endpoint = "https://a:b@push.example/1" },
		"no host":       func(in *chat.PushInput) { in.Endpoint = "https:///1" },
		"a long one":    func(in *chat.PushInput) { in.Endpoint += strings.Repeat("x", 2048) },
		"no key":        func(in *chat.PushInput) { in.P256dh = "" },
		"another curve": func(in *chat.PushInput) { in.P256dh = b64.EncodeToString(make([]byte, 65)) },
		"a short auth":  func(in *chat.PushInput) { in.Auth = b64.EncodeToString(make([]byte, 15)) },
	} {
		in := good
		change(&in)
		if _, err := w.SubscribePush(t.Context(), w.mary, in); !errors.Is(err, chat.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Rooms that come to be while the follower runs are not left to the next sweep.
func TestANewRoomIsFollowedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.device(w.mary)
	w.Say(w.joe, w.direct, "a room that was there")
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.runner.Run(ctx) })
	defer running.Wait()
	defer cancel()
	received := func(text string) {
		t.Helper()
		// The runner works in the background: only what it sends says when.
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
			if slices.Contains(texts(w.service.take()), text) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not received: %s", text)
			}
		}
	}
	received("a room that was there") // the first sweep is over
	ann := w.Person("Ann", chat.RoleMember)
	d, err := w.OpenDirect(t.Context(), ann, chat.OpenDirectInput{User: w.mary.User.ID})
	w.Must("direct", err)
	w.Say(ann, d.ID, "a new room")
	w.runner.Wake(chat.RoomStream(d.ID))
	received("a new room")
	w.Say(ann, d.ID, "once more")
	w.runner.Wake(chat.RoomStream(d.ID))
	received("once more")
}

// TestOnlyMembersAreNotified: also where more people have devices than are
// asked for one by one.
func TestOnlyMembersAreNotified(t *testing.T) {
	w := newWorld(t)
	w.Limits.PageMax = 1
	w.device(w.mary)
	for _, name := range []string{"Ann", "Bob", "Zoe"} {
		w.device(w.logIn(w.Person(name, chat.RoleMember)))
	}
	room, err := w.CreateRoom(t.Context(), w.joe, chat.CreateRoomInput{Kind: chat.Private, Name: "Two",
		Users: []chat.UserID{w.mary.User.ID}})
	w.Must("room", err)
	w.Say(w.joe, room.ID, "for @everyone here")
	w.Say(w.joe, w.direct, "for you")
	w.once()
	got := texts(w.service.take())
	slices.Sort(got)
	if want := []string{"for @everyone here", "for you"}; !slices.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
}
