package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/parleytest"
	"github.com/parley-chat/parley/kit/redistest"
)

// These are the requests of docs/security.md that need the whole server: each
// is made on the embedded store and on Redis, where what is done on one node
// has to hold on the other.

// onStores runs do on a server with the embedded store and on two nodes with
// Redis; at(i) is any of the nodes in turn.
func onStores(t *testing.T, do func(t *testing.T, at func(i int) *process), args ...string) {
	t.Parallel()
	args = append([]string{"--demo"}, args...)
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		p := launch(t, t.TempDir(), args...)
		do(t, func(int) *process { return p })
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		args := append([]string{"--store", redistest.StartTCP(t).URL()}, args...)
		nodes := []*process{launch(t, t.TempDir(), args...), launch(t, t.TempDir(), args...)}
		do(t, func(i int) *process { return nodes[i%2] })
	})
}

// answer is what a raw request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask makes a request with exactly these headers.
func ask(t *testing.T, p *process, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return answer{res.StatusCode, res.Header, ""} // what follows is no body, and does not end
	}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

// open brings a synced connection to a node; what comes over it is kept.
func open(t *testing.T, p *process, token string) (*client.Conn, *parleytest.Buffer) {
	t.Helper()
	heard := &parleytest.Buffer{}
	conn, err := dial(t, p.URL, token, heard, ignore)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Sync(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	return conn, heard
}

// TestAttackEndedSession: whatever ends a session ends its sockets on every
// node within a second, and no others.
func TestAttackEndedSession(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		owner := at(0).logIn("Pablo")
		for name, end := range map[string]func(me chat.MeOutput, mine string) (method, path,
			token string, in any){
			"logged out": func(_ chat.MeOutput, mine string) (string, string, string, any) {
				return "DELETE", "/sessions/current", mine, nil
			},
			"session revoked": func(me chat.MeOutput, mine string) (string, string, string, any) {
				return "DELETE", "/sessions/" + string(me.Session.ID), "other", nil
			},
			"password changed": func(_ chat.MeOutput, mine string) (string, string, string, any) {
				return "PUT", "/account/password", "other",
					map[string]string{"old": "password123", "new": "password123 "}
			},
			"disabled": func(me chat.MeOutput, _ string) (string, string, string, any) {
				return "PATCH", "/users/" + string(me.User.ID), owner, map[string]any{"disabled": true}
			},
		} {
			who := map[string]string{"logged out": "Joe", "session revoked": "Joe",
				"password changed": "Mary", "disabled": "Alex"}[name]
			mine, other := at(0).logIn(who), at(1).logIn(who)
			var me chat.MeOutput
			if _, err := call(t.Context(), at(1).URL, "GET", "/account", mine, nil, &me); err != nil {
				t.Fatal(err)
			}
			var sockets []*client.Conn
			for i := range 2 {
				s, _ := open(t, at(i), mine)
				sockets = append(sockets, s)
			}
			bystander, _ := open(t, at(1), owner)
			method, path, token, in := end(me, mine)
			if token == "other" {
				token = other
			}
			if _, err := call(t.Context(), at(0).URL, method, path, token, in, nil); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i, s := range sockets {
				within(t, time.Second, fmt.Sprintf("%s: the socket on node %d to end", name, i), func() bool {
					select {
					case <-s.Done():
						return true
					default:
						return false
					}
				})
				if why, ok := errors.AsType[*client.CloseError](s.Err()); !ok || why.Code != 4001 {
					t.Errorf("%s: the socket on node %d ended with %v", name, i, s.Err())
				}
				if status, _ := call(t.Context(), at(i).URL, "GET", "/account", mine, nil,
					nil); status != 401 {
					t.Errorf("%s: the token still works on node %d: %d", name, i, status)
				}
				if _, err := dial(t, at(i).URL, mine, nil, ignore); err == nil {
					t.Errorf("%s: the token opens a socket on node %d", name, i)
				}
			}
			if err := bystander.Call(t.Context(), "ping", map[string]any{}, nil); err != nil {
				t.Errorf("%s: somebody else's socket: %v", name, err)
			}
			bystander.Abort()
		}
	}, "--max-logins=-1")
}

// TestAttackRemovedMember: who is removed hears nothing more on any of their
// sockets.
func TestAttackRemovedMember(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		pablo, joe := at(0).logIn("Pablo"), at(1).logIn("Joe")
		var me chat.MeOutput
		if _, err := call(t.Context(), at(0).URL, "GET", "/account", joe, nil, &me); err != nil {
			t.Fatal(err)
		}
		var room chat.RoomView
		if _, err := call(t.Context(), at(0).URL, "POST", "/rooms", pablo,
			map[string]any{"name": "Board", "kind": "private", "users": []chat.UserID{me.User.ID}},
			&room); err != nil {
			t.Fatal(err)
		}
		say := func(i int, room chat.RoomID, text string) {
			t.Helper()
			if _, err := call(t.Context(), at(i).URL, "POST", "/rooms/"+string(room)+"/messages",
				pablo, map[string]string{"text": text}, nil); err != nil {
				t.Fatal(err)
			}
		}
		var all []*parleytest.Buffer
		for i := range 4 {
			_, heard := open(t, at(i), joe)
			all = append(all, heard)
		}
		say(1, room.ID, "while he is in it")
		for _, heard := range all {
			soon(t, "a member to hear", func() bool {
				return strings.Contains(heard.String(),
					"while he is in it")
			})
		}
		if _, err := call(t.Context(), at(0).URL, "DELETE",
			"/rooms/"+string(room.ID)+"/members/"+string(me.User.ID), pablo, nil, nil); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			say(i, room.ID, fmt.Sprint("among ourselves ", i))
		}
		for _, heard := range all {
			soon(t, "the removal to arrive",
				func() bool { return strings.Contains(heard.String(), string(chat.RoomLeft)) })
		}
		say(0, room.ID, "after the removal has arrived")
		say(1, chat.GeneralID, "the fence")
		for i, heard := range all {
			soon(t, "the fence", func() bool { return strings.Contains(heard.String(), "the fence") })
			if got := heard.String(); strings.Contains(got, "among ourselves") ||
				strings.Contains(got, "after the removal") {
				t.Errorf("socket %d of the removed heard %s", i, got)
			}
		}
		for i := range 2 {
			if status, err := call(t.Context(), at(i).URL, "POST",
				"/rooms/"+string(room.ID)+"/messages", joe, map[string]string{"text": "still here"},
				nil); status != 404 {
				t.Errorf("the removed sends on node %d: %d %v", i, status, err)
			}
		}
	}, "--max-sends=-1")
}

// TestAttackForeignRoom does everything that takes a room with one that the
// asker is not in: the answer is that of a room that does not exist, letter by
// letter, over both transports and on every node.
func TestAttackForeignRoom(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		pablo, joe := at(0).logIn("Pablo"), at(1).logIn("Joe")
		var secret chat.RoomView
		if _, err := call(t.Context(), at(0).URL, "POST", "/rooms", pablo,
			map[string]any{"name": "Board", "kind": "private"}, &secret); err != nil {
			t.Fatal(err)
		}
		var said chat.Message
		if _, err := call(t.Context(), at(0).URL, "POST", "/rooms/"+string(secret.ID)+"/messages",
			pablo, map[string]string{"text": "sesame"}, &said); err != nil {
			t.Fatal(err)
		}
		none := "01" + strings.Repeat("0", len(secret.ID)-2)
		tomorrow := time.Now().Add(24 * time.Hour).Format(time.RFC3339)
		tried := 0
		for i := range 2 {
			s, _ := open(t, at(i), joe)
			for _, a := range chat.Actions() {
				if _, ok := a.In.FieldByName("Room"); !ok {
					continue
				}
				var rest, socket [2]string
				for n, room := range []string{string(secret.ID), none} {
					in := inputFor(a, map[string]any{"room": room, "no": 1, "text": "x", "seq": 0,
						"epoch": secret.Position.Epoch, "id": secret.Position.ID, "user": said.From,
						"name": "y", "role": chat.RoomMember, "emoji": "👍", "q": "words",
						"level": "none", "seconds": 60, "url": "https://hooks.example/",
						"bot": none, "webhook": none, "at": tomorrow})
					path, body := a.Path, map[string]any{}
					for name, value := range in {
						if strings.Contains(path, "{"+name+"}") {
							path = strings.ReplaceAll(path, "{"+name+"}", fmt.Sprint(value))
						} else {
							body[name] = value
						}
					}
					var data string
					if a.Method == "GET" {
						path += "?"
						for name, value := range body {
							path += fmt.Sprintf("%s=%v&", name, value)
						}
						path = strings.TrimRight(path, "?&")
					} else if len(body) > 0 {
						b, err := json.Marshal(body)
						if err != nil {
							t.Fatal(err)
						}
						data = string(b)
					}
					got := ask(t, at(i), a.Method, "/api/v1"+path, data, "Authorization", "Bearer "+joe)
					rest[n] = fmt.Sprint(got.status, " ", strings.ReplaceAll(got.body, room, "ROOM"))
					socket[n] = strings.ReplaceAll(fmt.Sprint(s.Call(t.Context(), a.Name, in, nil)),
						room, "ROOM")
				}
				if rest[0] != rest[1] || !strings.HasPrefix(rest[0], "404 ") {
					t.Errorf("%s over REST: %s; of a room that does not exist: %s", a.Name, rest[0], rest[1])
				}
				if socket[0] != socket[1] || !strings.HasPrefix(socket[0], "not_found") {
					t.Errorf("%s over WebSocket: %s; of a room that does not exist: %s", a.Name,
						socket[0], socket[1])
				}
				tried++
			}
		}
		if tried < 2*12 {
			t.Errorf("only %d actions were tried", tried)
		}
	}, "--max-calls=-1")
}

// inputFor picks from values what the action's input has.
func inputFor(a chat.Action, values map[string]any) map[string]any {
	in := map[string]any{}
	for field := range a.In.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if value, ok := values[name]; ok && (field.Type.Kind() != reflect.Slice) {
			in[name] = value
		}
	}
	return in
}

// TestAttackInvite: an invite is used once, wherever people run to with it, and
// cannot be guessed.
func TestAttackInvite(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		var invite chat.InviteOutput
		if _, err := call(t.Context(), at(0).URL, "POST", "/invites", at(0).logIn("Pablo"),
			map[string]any{}, &invite); err != nil {
			t.Fatal(err)
		}
		signUp := func(i int, name, code string) (int, error) {
			return call(t.Context(), at(i).URL, "POST", "/accounts", "",
				map[string]string{"name": name, "password": "password123", "invite": code}, nil)
		}
		var in, refused atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				switch status, err := signUp(i, "Guest "+string(rune('A'+i)), invite.Code); status {
				case 201:
					in.Add(1)
				case 404, 429: // the hashing slots may be taken
					refused.Add(1)
				default:
					t.Error(status, err)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 || refused.Load() != 7 {
			t.Errorf("%d people used one invite, %d were refused", in.Load(), refused.Load())
		}
		if status, _ := signUp(1, "Late", invite.Code); status != 404 {
			t.Errorf("a used invite: %d", status)
		}
		for i := range 30 { // of which the first are answered as wrong, the others not at all
			status, _ := signUp(i, "Eve", invite.Code[:len(invite.Code)-2]+fmt.Sprint(10+i))
			if status == 429 {
				return
			}
			if status != 404 {
				t.Fatalf("guess %d: %d", i, status)
			}
		}
		t.Error("invites can be guessed without end")
	})
}

// TestAttackStartSaysWhatIsOpen: cookies without Secure have a reason, which is
// told to the operator.
func TestAttackStartSaysWhatIsOpen(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), "--demo")
	if out := p.Output(); !strings.Contains(out, "cookies go without Secure") ||
		!strings.Contains(out, "Everybody knows it") {
		t.Errorf("the start says only\n%s", out)
	}
	proxied := launch(t, t.TempDir(), "--demo", "--proxies=127.0.0.1")
	got := ask(t, proxied, "POST", "/api/v1/sessions", `{"name":"Pablo","password":"password123"}`,
		"Parley-Cookie", "set", "Origin", "https"+strings.TrimPrefix(proxied.URL, "http"),
		"X-Forwarded-Proto", "https")
	cookie := got.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-parley-", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("%d: the cookie %.20s… lacks %s", got.status, cookie, part)
		}
	}
	if strings.Contains(cookie, "Domain") {
		t.Error("the cookie goes to other hosts")
	}
}

// attackers keeps what concurrent attempts got.
type attackers struct {
	mu       sync.Mutex
	statuses []int
}

func (a *attackers) add(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.statuses = append(a.statuses, status)
}

// TestAttackParallelLogins: hashing has bounded slots; who finds none is told
// to come back, and the server goes on answering.
func TestAttackParallelLogins(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes for seconds")
	}
	t.Parallel()
	p := launch(t, t.TempDir(), "--demo", "--max-logins=-1")
	var got attackers
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 400 {
		wg.Go(func() {
			status, _ := call(ctx, p.URL, "POST", "/sessions", "",
				map[string]string{"name": fmt.Sprint("nobody ", i), "password": "password123"}, nil)
			got.add(status)
		})
	}
	if a := ask(t, p, "GET", "/api/v1/server", ""); a.status != 200 {
		t.Errorf("meanwhile: %d", a.status)
	}
	wg.Wait()
	slices.Sort(got.statuses)
	if got.statuses[0] != 401 || got.statuses[len(got.statuses)-1] != 429 {
		t.Errorf("answers %v", slices.Compact(got.statuses))
	}
}
