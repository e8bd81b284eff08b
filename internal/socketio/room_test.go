package socketio_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/socketio/eiotest"
)

// joining is a server whose sockets join the rooms that their auth says, and
// give notice of their end.
func joining(t *testing.T, opt socketio.Options) (f *fixture, sockets chan *socketio.Socket,
	ends chan socketio.Reason) {
	server := socketio.New(opt)
	sockets, ends = make(chan *socketio.Socket, 100), make(chan socketio.Reason, 100)
	for _, name := range []string{"/", "/other"} {
		server.OnConnect(name, func(s *socketio.Socket, auth json.RawMessage, _ *http.Request) error {
			var rooms []string
			if auth != nil {
				var a struct{ Rooms []string }
				if err := json.Unmarshal(auth, &a); err != nil {
					return err
				}
				rooms = a.Rooms
			}
			s.Join(rooms...)
			s.OnDisconnect(func(why socketio.Reason) { ends <- why })
			sockets <- s
			return nil
		})
	}
	return serve(t, server), sockets, ends
}

func TestRooms(t *testing.T) {
	t.Parallel()
	f, sockets, ends := joining(t, patient())
	a, _ := f.connect("/", `{"rooms":["x","y"]}`)
	sa := <-sockets
	b, _ := f.connect("/", `{"rooms":["y"]}`)
	sb := <-sockets
	c, _ := f.connect("/other", `{"rooms":["x","y"]}`)
	sc := <-sockets

	emit := func(target socketio.Target, what string) {
		t.Helper()
		if err := target.Emit(what); err != nil {
			t.Error(err)
		}
	}
	emit(f.To("/"), "all")
	emit(f.To("/", "x"), "x")
	emit(f.To("/", "x", "y", "y", "z"), "once")
	emit(f.To("/", "y").Except(sa), "y without a")
	emit(f.To("/", "nobody"), "nobody")
	emit(f.To("/other", "y"), "other")
	sa.Leave("x", "never there")
	emit(f.To("/", "x"), "x again")
	sb.Join("x")
	emit(f.To("/", "x"), "x with b")
	emit(f.To("/other"), "end")
	emit(f.To("/"), "end")
	a.Expect(`42["all"]`, `42["x"]`, `42["once"]`, `42["end"]`)
	b.Expect(`42["all"]`, `42["once"]`, `42["y without a"]`, `42["x with b"]`, `42["end"]`)
	c.Expect(`42/other,["other"]`, `42/other,["end"]`)

	rooms := sb.Rooms()
	slices.Sort(rooms)
	if !slices.Equal(rooms, []string{"x", "y"}) {
		t.Errorf("b is in %q", rooms)
	}
	if list := f.To("/", "x", "y").Sockets(); len(list) != 2 || !slices.Contains(list, sa) ||
		!slices.Contains(list, sb) {
		t.Errorf("in x and y are %v", list)
	}
	if list := f.To("/other").Except(sc).Sockets(); len(list) != 0 {
		t.Errorf("others in /other are %v", list)
	}

	b.Send("1")
	if why := <-ends; why != socketio.ReasonClient {
		t.Errorf("ended for %q", why)
	}
	sb.Join("x")
	if len(sb.Rooms()) != 0 || len(f.To("/", "x").Sockets()) != 0 || len(f.To("/").Sockets()) != 1 {
		t.Error("a socket is in rooms after its end")
	}
}

func TestEncodeOnce(t *testing.T) {
	t.Parallel()
	f, sockets, _ := joining(t, patient())
	const many = 20
	clients := make([]*eiotest.Socket, many)
	for i := range clients {
		clients[i], _ = f.connect("/", "")
		<-sockets
	}
	var counter counted
	if err := f.To("/").Emit("news", &counter, []byte{1, 2},
		map[string]any{"a": []any{[]byte{3}, "<&>"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.Expect(`452-["news",1,{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1},"<&>"]}]`)
		c.ExpectBytes(1, 2)
		c.ExpectBytes(3)
	}
	p, err := socketio.Encode("/", "prepared", 1)
	if err != nil || p.Size() == 0 {
		t.Fatal(p, err)
	}
	for _, s := range f.To("/").Sockets() {
		if err := s.Send(p); err != nil {
			t.Error(err)
		}
	}
	for _, c := range clients {
		c.Expect(`42["prepared",1]`)
	}
	wrong, err := socketio.Encode("/other", "prepared")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.To("/").Sockets()[0].Send(wrong); err == nil {
		t.Error("a packet for another namespace was sent")
	}
	if _, err := socketio.Encode("/", "disconnect"); err == nil {
		t.Error("a name of the client's was encoded")
	}
	if err := f.To("/").Emit("news", func() {}); err == nil {
		t.Error("a function was encoded")
	}
}

// counted counts how often it was encoded.
type counted int

func (c *counted) MarshalJSON() ([]byte, error) {
	*c++
	return []byte(strconv.Itoa(int(*c))), nil
}

// What is sent before the client is connected follows its CONNECT, and is
// forgotten if it is refused.
func TestBeforeConnected(t *testing.T) {
	t.Parallel()
	server := socketio.New(patient())
	var gone sync.WaitGroup
	for name, end := range map[string]func(*socketio.Socket) error{
		"/welcome": func(s *socketio.Socket) error { return nil },
		"/refused": func(s *socketio.Socket) error { return errors.New("no") },
		"/with data": func(s *socketio.Socket) error {
			return &socketio.ConnectError{Message: "no", Data: []int{1}}
		},
		"/with bad data": func(s *socketio.Socket) error {
			return &socketio.ConnectError{Message: "no", Data: func() {}}
		},
		"/dismissed": func(s *socketio.Socket) error { s.Disconnect(); return nil },
		"/both":      func(s *socketio.Socket) error { s.Disconnect(); return errors.New("no") },
	} {
		server.OnConnect(name, func(s *socketio.Socket, _ json.RawMessage, r *http.Request) error {
			if r.URL.Query().Get("transport") != "websocket" || r.RemoteAddr == "" || r.Host == "" {
				t.Errorf("not the handshake: %v", r)
			}
			if err := s.Emit("first"); err != nil {
				t.Error(err)
			}
			if err := server.To(name).Emit("nobody is here yet"); err != nil {
				t.Error(err)
			}
			s.Join("room")
			if err := server.To(name, "room").Emit("second"); err != nil {
				t.Error(err)
			}
			if name == "/welcome" || name == "/dismissed" {
				gone.Add(1)
				s.OnDisconnect(func(socketio.Reason) { gone.Done() })
			} else {
				s.OnDisconnect(func(why socketio.Reason) {
					t.Errorf(
						"%s had never connected and was disconnected: %s", name, why)
				})
			}
			return end(s)
		})
	}
	f := serve(t, server)
	s, _ := f.OpenWebSocket()
	f.join(s, "/welcome", "")
	s.Expect(`42/welcome,["first"]`, `42/welcome,["second"]`)
	s.Send("40/refused,")
	s.Expect(`44/refused,{"message":"no"}`)
	s.Send("40/with data,")
	s.Expect(`44/with data,{"message":"no","data":[1]}`)
	s.Send("40/with bad data,")
	s.Expect(`44/with bad data,{"message":"no"}`)
	f.join(s, "/dismissed", "")
	s.Expect(`42/dismissed,["first"]`, `42/dismissed,["second"]`, "41/dismissed,")
	s.Send(`42/dismissed,["on its way"]`)
	s.Send("40/both,")
	s.Expect(`44/both,{"message":"no"}`)
	s.Send("1")
	gone.Wait()
}

func TestSlowClient(t *testing.T) {
	t.Parallel()
	opt := patient()
	opt.MaxQueue = 100_000
	f, sockets, ends := joining(t, opt)
	slow, _ := f.connect("/", "")
	<-sockets
	fast, _ := f.connect("/", "")
	<-sockets
	text := strings.Repeat("x", 50_000)
	var reading sync.WaitGroup
	seen := make(chan struct{}, 1)
	reading.Go(func() {
		for {
			if _, _, code := fast.Read(); code != 0 {
				return
			}
			seen <- struct{}{}
		}
	})
	for len(ends) == 0 {
		if err := f.To("/").Emit("text", text); err != nil {
			t.Fatal(err)
		}
		<-seen // else it would be slow too
	}
	if why := <-ends; why != socketio.ReasonSlow {
		t.Errorf("ended for %q", why)
	}
	slow.ExpectClose()
	f.To("/").Sockets()[0].CloseSession()
	reading.Wait()
	if why := <-ends; why != socketio.ReasonServerClosed {
		t.Errorf("ended for %q", why)
	}
}

// Everything at once, for the race detector: whoever is connected throughout
// hears everything in order.
func TestTurmoil(t *testing.T) {
	t.Parallel()
	f, sockets, _ := joining(t, patient())
	steady, _ := f.connect("/", `{"rooms":["r"]}`)
	<-sockets
	done := make(chan struct{})
	var comings sync.WaitGroup
	for range 4 {
		comings.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				s, _ := f.connect("/", `{"rooms":["r"]}`)
				socket := <-sockets
				socket.Leave("r")
				socket.Join("r", "q")
				f.To("/", "q").Emit("noise")
				switch i % 4 {
				case 0:
					s.Send("41")
				case 1:
					socket.Disconnect()
				case 2:
					socket.CloseSession()
				}
				s.Conn.Close()
			}
		})
	}
	const total = 2000
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range total {
			f.To("/", "r", "q").Emit("tick", i)
		}
	})
	for i := range total {
		steady.Expect(`42["tick",` + strconv.Itoa(i) + `]`)
	}
	close(done)
	comings.Wait()
	sending.Wait()
}
