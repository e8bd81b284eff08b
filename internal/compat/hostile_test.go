package compat_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

const socketPath = "/socket.io/?EIO=4&transport=polling"

// poller is a socket of Socket.IO that polls.
type poller struct {
	c       *client
	path    string
	waiting []string
}

// poll opens a socket with the client's cookies, and connects it.
func (c *client) poll() *poller {
	c.f.T.Helper()
	res, got := c.do("GET", socketPath, nil)
	var hello struct{ SID string }
	if res.StatusCode != 200 || json.Unmarshal([]byte(strings.TrimPrefix(got, "0")), &hello) != nil {
		c.f.T.Fatalf("opening: %s %s", res.Status, got)
	}
	p := &poller{c: c, path: socketPath + "&sid=" + hello.SID}
	p.send("40")
	if got := p.next(); !strings.HasPrefix(got, `40{"sid"`) {
		c.f.T.Fatalf("connecting: %s", got)
	}
	return p
}

func (p *poller) send(packets ...string) {
	p.c.f.T.Helper()
	if res, got := p.c.do("POST", p.path, strings.Join(packets, "\x1e"), "Content-Type",
		"text/plain;charset=UTF-8"); res.StatusCode != 200 {
		p.c.f.T.Fatalf("sending: %s %s", res.Status, got)
	}
}

// next returns the next packet other than pings.
func (p *poller) next() string {
	p.c.f.T.Helper()
	for {
		for len(p.waiting) > 0 {
			packet := p.waiting[0]
			p.waiting = p.waiting[1:]
			if packet != "2" {
				return packet
			}
			p.send("3")
		}
		res, got := p.c.do("GET", p.path, nil)
		if res.StatusCode != 200 {
			p.c.f.T.Fatalf("polling: %s %s", res.Status, got)
		}
		p.waiting = strings.Split(got, "\x1e")
	}
}

// until returns what came up to a packet that begins so.
func (p *poller) until(head string) (before []string) {
	p.c.f.T.Helper()
	for deadline := time.Now().Add(wstest.Patience); ; {
		got := p.next()
		if strings.HasPrefix(got, head) {
			return before
		}
		if before = append(before, got); time.Now().After(deadline) {
			p.c.f.T.Fatalf("waited in vain for %s, got %q", head, before)
		}
	}
}

// TestSocketOrigins has pages open sockets with a demo client's cookies.
func TestSocketOrigins(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.person("Ada", "")
	unmarked := &client{f: f, base: f.http.URL, cookies: map[string]string{"parley": ada.cookies["parley"]}}
	for _, c := range []struct {
		name    string
		by      *client
		headers []string
		status  int
	}{
		{"our page", ada, []string{"Origin", f.http.URL}, 200},
		{"our page that polls", ada, []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"a program, or our page unencrypted", ada, nil, 200},
		{"an allowed page", ada, []string{"Origin", allowed}, 200},
		{"a foreign page", ada, []string{"Origin", "http://evil.example"}, 403},
		{"a foreign page's image", ada, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another host of the site", ada, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a frame without origin", ada, []string{"Origin", "null"}, 403},
		{"Parley's own cookie alone", unmarked, nil, 403},
	} {
		res, got := c.by.do("GET", socketPath, nil, c.headers...)
		if res.StatusCode != c.status {
			t.Errorf("%s: %s %s, want %d", c.name, res.Status, got, c.status)
		}
	}
}

// TestFlood has a socket send more than it may.
func TestFlood(t *testing.T) {
	f := newFixture(t, func(s *settings) { s.Live.MaxFrames = 10 })
	p := f.person("Ada", "").poll()
	var events []string
	for i := range 30 {
		events = append(events, fmt.Sprintf(`42["message",{"roomId":"0","message":"%d"}]`, i))
	}
	p.send(events...)
	p.until("41")
	list, err := f.ListMessages(t.Context(), p.c.who(), chat.MessageListInput{Room: chat.GeneralID})
	// a window may have ended in between
	if err != nil || len(list.Messages) == 0 || len(list.Messages) > 20 {
		t.Errorf("%d messages were taken (%v)", len(list.Messages), err)
	}
}

// TestSessionsEnd has sessions end while sockets are open: by log-out
// elsewhere, by their age, by disabling the person.
func TestSessionsEnd(t *testing.T) {
	f := newFixture(t, nil)
	ada := f.person("Ada", "")
	p := ada.poll()
	elsewhere := f.client()
	elsewhere.want("POST", "/login",
		map[string]string{"username": "Ada", "password": "password123"}, 200, nil)
	if _, err := f.RevokeSession(t.Context(), elsewhere.who(),
		chat.SessionInput{Session: ada.who().Session}); err != nil {
		t.Fatal(err)
	}
	p.until("41")
	if res, _ := ada.do("GET", socketPath, nil); res.StatusCode != 401 {
		t.Errorf("a new socket after the end: %s", res.Status)
	}

	bob := f.person("Bob", "")
	p = bob.poll()
	account, err := f.UserNamed(t.Context(), "Bob")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Disable(t.Context(), account, true); err != nil {
		t.Fatal(err)
	}
	p.until("41")

	f = newFixture(t, func(s *settings) {
		s.Chat.SessionIdle, s.Chat.SessionMax = 2*time.Second,
			2*time.Second
	})
	p = f.person("Ada", "").poll()
	p.until("41")
}

// TestRemoved has somebody taken out of a room: from then on they are told
// nothing of it.
func TestRemoved(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.person("Ada", "demo-1"), f.person("Bob", "demo-2")
	f.ids = []string{"demo-50"}
	room, err := f.CreateRoom(t.Context(), ada.who(),
		chat.CreateRoomInput{Name: "Plans", Kind: chat.Private, Users: []chat.UserID{"demo-2"}})
	if err != nil {
		t.Fatal(err)
	}
	p := bob.poll()
	ada.says(room.ID, "while you are here")
	p.until(`42["message",{"from":"1","date":`)
	if _, err := f.RemoveMember(t.Context(), ada.who(),
		chat.RemoveMemberInput{Room: room.ID, User: "demo-2"}); err != nil {
		t.Fatal(err)
	}
	ada.says(room.ID, "now that you are gone")
	p.send(`421["room.join","50"]`, `422["message",{"roomId":"50","message":"let me in"}]`,
		`42["message",{"roomId":"0","message":"the end"}]`)
	for _, packet := range p.until(`42["message",{"from":"2"`) {
		if strings.Contains(packet, "gone") || !strings.Contains(packet, "Not found, or you do not have access.") {
			t.Errorf("told %s", packet)
		}
	}
	if res, got := bob.do("GET", "/room/50/messages", nil); res.StatusCode != 404 {
		t.Errorf("reading: %s %s", res.Status, got)
	}
}

// TestRenamed has somebody who is online see another come under a new name.
func TestRenamed(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.person("Ada", "demo-1"), f.person("Bob", "demo-2")
	p := bob.poll()
	ada.want("GET", "/users/online", nil, 200, nil)
	f.rename(ada, "Adele")
	ada.poll()
	p.until(`42["user.connected",{"id":"1","username":"Adele"`)
}

// TestForgedClientID has somebody use ids of messages like those of another's
// socket, which are told of the room all the same.
func TestForgedClientID(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob := f.person("Ada", "demo-1"), f.person("Bob", "demo-2")
	p := bob.poll()
	p.send(`42["message",{"roomId":"0","message":"whose id is seen"}]`)
	p.until(`42["message"`)
	list, err := f.ListMessages(t.Context(), ada.who(), chat.MessageListInput{Room: chat.GeneralID})
	if err != nil {
		t.Fatal(err)
	}
	room, err := f.OpenDirect(t.Context(), ada.who(), chat.OpenDirectInput{User: "demo-2"})
	if err != nil {
		t.Fatal(err)
	}
	seen := list.Messages[0].ClientID
	if !strings.HasPrefix(seen, "demo:") {
		t.Fatalf("the id is %q", seen)
	}
	if _, err := f.Send(t.Context(), ada.who(),
		chat.SendInput{Room: room.ID, Text: "psst", ClientID: seen}); err != nil {
		t.Fatal(err)
	}
	p.until(`42["show.room",{"id":"1:2","names":[["Ada"],["Bob"]]}]`)
	p.until(`42["message",{"from":"1"`)
}

// TestNumbers pins the numbers: clients and scripts may keep them.
func TestNumbers(t *testing.T) {
	f := newFixture(t, nil)
	for id, want := range map[string]string{
		"demo-1": "1", "demo-4503599627370495": "4503599627370495",
		"demo-4503599627370496": "8138165324780236", "demo-007": "7936084126757210",
		"01KAJ0000000000000000000AB": "8999789509628083",
	} {
		if got := f.person("Person "+id, id).user; got != want {
			t.Errorf("%s has the number %s, want %s", id, got, want)
		}
	}
}

// TestGroup has the demo's client show a direct room of three, which the demo
// does not know, as one with a name.
func TestGroup(t *testing.T) {
	f := newFixture(t, nil)
	ada, bob, cleo := f.person("Ada", "demo-1"), f.person("Bob", "demo-2"), f.person("Cleo", "demo-3")
	p := bob.poll()
	room, err := f.OpenDirect(t.Context(), cleo.who(),
		chat.OpenDirectInput{Users: []chat.UserID{"demo-1", "demo-2"}})
	if err != nil {
		t.Fatal(err)
	}
	p.until(`42["show.room",{"id":"`)
	said := ada.says(room.ID, "to both")
	p.until(`42["message",{"from":"1"`)
	type shown struct {
		ID    string `json:"id"`
		Names []any  `json:"names"`
	}
	var rooms []shown
	bob.want("GET", "/rooms/2", nil, 200, &rooms)
	i := slices.IndexFunc(rooms, func(r shown) bool {
		return len(r.Names) == 1 &&
			r.Names[0] == "Ada, Bob, Cleo"
	})
	if i < 0 || len(rooms) != 2 {
		t.Fatalf("the rooms are %+v", rooms)
	}
	var got []message
	bob.want("GET", "/room/"+rooms[i].ID+"/messages?offset=0&size=5", nil, 200, &got)
	if want := (message{"1", said.At.Unix(), "to both", rooms[i].ID}); len(got) != 1 || got[0] != want {
		t.Errorf("the messages are %+v", got)
	}
	p.send(`42["message",{"roomId":"` + rooms[i].ID + `","message":"from the demo"}]`)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		page, err := f.ListMessages(t.Context(), ada.who(), chat.MessageListInput{Room: room.ID})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.Messages); n == 2 && page.Messages[1].Text == "from the demo" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is heard from the demo's client")
		}
	}
}

// TestStolenIdentifier: the identifier of a demo client's session is worth
// nothing without the client's cookies.
func TestStolenIdentifier(t *testing.T) {
	f := newFixture(t, nil)
	ada, eve := f.person("Ada", ""), f.person("Eve", "")
	p, tab := ada.poll(), ada.poll()
	for name, thief := range map[string]*client{"a stranger": f.client(), "somebody else": eve} {
		for _, method := range []string{"GET", "POST"} {
			res, got := thief.do(method, p.path, `42["room.join","0"]`,
				"Content-Type", "text/plain;charset=UTF-8")
			if res.StatusCode != 400 || got != `{"code":1,"message":"Session ID unknown"}` {
				t.Errorf("%s: %s: %s %s", name, method, res.Status, got)
			}
		}
		res, got := thief.do("GET", strings.Replace(p.path, "polling", "websocket", 1), nil,
			"Connection", "Upgrade", "Upgrade", "websocket", "Origin", f.http.URL,
			"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		if res.StatusCode != 400 {
			t.Errorf("%s: upgrade: %s %s", name, res.Status, got)
		}
	}
	for _, p := range []*poller{p, tab} {
		p.send(`421["room.join","0"]`)
		p.until("431[")
	}
}
