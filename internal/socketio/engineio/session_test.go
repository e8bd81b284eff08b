package engineio_test

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/socketio/engineio"
)

// A session in use moves to WebSocket without losing, doubling or reordering
// anything.
func TestUpgradeInUse(t *testing.T) {
	t.Parallel()
	hide := func(l net.Listener) net.Listener { return hiding{l} }
	for i := range 10 {
		var wrap func(net.Listener) net.Listener
		if i%2 == 1 {
			wrap = hide
		}
		f := newFixtureOn(t, wrap, patient)
		id := f.Open()
		const total = 3000
		var pushing sync.WaitGroup
		session := f.last()
		pushing.Go(func() {
			for i := range total {
				if err := session.Send(engineio.Text([]byte(strconv.Itoa(i)))); err != nil {
					t.Error(err)
					return
				}
			}
		})
		next := 0
		expect := func(packet string) {
			if packet == "6" {
				return
			}
			if packet != "4"+strconv.Itoa(next) {
				t.Fatalf("got %q in place of %d", packet, next)
			}
			next++
		}
		poll := func() bool {
			status, body := f.Poll(id)
			if status != 200 {
				t.Fatalf("polled %d %s", status, body)
			}
			for packet := range strings.SplitSeq(body, "\x1e") {
				expect(packet)
			}
			return body != "6"
		}
		poll()
		s := f.MustDial("EIO=4&transport=websocket&sid=" + id)
		s.Send("2probe")
		s.Expect("3probe")
		poll()
		s.Send("5")
		for next < total {
			expect(s.Next())
		}
		pushing.Wait()
	}
}

// A connection that cannot be read and written directly does all the same.
func TestOtherConnections(t *testing.T) {
	t.Parallel()
	f := newFixtureOn(t, func(l net.Listener) net.Listener { return hiding{l} }, nil)
	s, _ := f.OpenWebSocket()
	for i := range 300 {
		s.Send("4" + strconv.Itoa(i))
	}
	for i := range 300 {
		s.Expect("4" + strconv.Itoa(i))
	}
	large := strings.Repeat("x", 900_000)
	s.Send("4" + large)
	s.Expect("4"+large, "2")
	if code := s.ExpectClose(); code != 1000 { // it does not answer the ping
		t.Errorf("closed with %d", code)
	}
	dead, _ := f.OpenWebSocket()
	dead.Send("4x")
	dead.Expect("4x")
	p := engineio.Binary(make([]byte, 1<<20))
	for f.last().Send(p) == nil {
	}
	f.eventually("the sessions are gone", func() bool { return f.engine.Sessions() == 0 })
	dead.ExpectClose()
}

func TestServerClose(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	id := f.Open()
	s, _ := f.OpenWebSocket()
	s.Send("4hello")
	s.Expect("4hello")
	var poll sync.WaitGroup
	poll.Go(func() {
		if status, body := f.Poll(id); status != 200 || body != "1" {
			if status != 400 { // it came after
				t.Errorf("polled %d %q", status, body)
			}
		}
	})
	f.engine.Close()
	poll.Wait()
	if code := s.ExpectClose(); code != 1001 {
		t.Errorf("closed with %d", code)
	}
	if status, _ := f.Do(t.Context(), "GET", "EIO=4&transport=polling", nil); status != 503 {
		t.Errorf("status %d", status)
	}
}

// What was sent before Close is still delivered, over either transport.
func TestCloseDelivers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	id := f.Open()
	f.last().Send(engineio.Text([]byte("bye")))
	f.last().Close("because")
	f.MustPoll(id, "4bye\x1e1")
	f.MustBeGone(id)
	s, _ := f.OpenWebSocket()
	s.Send("4hello")
	s.Expect("4hello")
	f.last().Send(engineio.Text([]byte("bye")))
	f.last().Close("because")
	s.Expect("4bye")
	if code := s.ExpectClose(); code != 1000 {
		t.Errorf("closed with %d", code)
	}
}
