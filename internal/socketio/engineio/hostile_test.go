package engineio_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio/engineio"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

func patient(c *engineio.Config) {
	c.PingInterval, c.PingTimeout = time.Minute, time.Minute
}

func TestBadPayloads(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		status  int
	}{
		"empty":                   {"", 400},
		"only separators":         {strings.Repeat("\x1e", 100_000), 400},
		"an empty packet":         {"4a\x1e", 400},
		"a client's open":         {"0{}", 400},
		"a client's ping":         {"2", 400},
		"an upgrade":              {"5", 400},
		"unknown type":            {"7", 400},
		"bad base64":              {"bAQ*=", 400},
		"base64 without padding":  {"bAQ", 400},
		"invalid UTF-8":           {"4\xff", 400},
		"too large":               {"4" + strings.Repeat("x", 1_000_000), 413},
		"after the client closed": {"1\x1e4late", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, patient)
			id := f.Open()
			if status, body := f.Post(id, c.payload); status != c.status {
				t.Errorf("answered %d %s", status, body)
			}
			if !strings.HasPrefix(c.payload, "1") {
				f.MustBeGone(id)
			}
		})
	}
}

func TestLargestPayload(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	id := f.Open()
	payload := "4" + strings.Repeat("x", 999_999)
	f.MustPost(id, payload)
	f.MustPoll(id, payload)
}

func TestManyPacketsInOnePayload(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	id := f.Open()
	// pongs that nobody has asked for
	f.MustPost(id, strings.TrimSuffix(strings.Repeat("3\x1e", 500_000), "\x1e"))
	f.MustPost(id, strings.TrimSuffix(strings.Repeat("4\x1e", 100_000), "\x1e"))
	got := 0
	for got < 100_000 {
		status, body := f.Poll(id)
		if status != 200 || strings.Trim(body, "4\x1e") != "" {
			t.Fatalf("polled %d %.100q", status, body)
		}
		got += strings.Count(body, "4")
	}
}

// forever is a body without an end.
type forever struct{ stop <-chan struct{} }

func (f forever) Read(b []byte) (int, error) {
	select {
	case <-f.stop:
		return 0, io.ErrUnexpectedEOF
	case <-time.After(10 * time.Millisecond):
		return copy(b, "4"), nil
	}
}

func TestEndlessBody(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.Open()
	f.Do(t.Context(), "POST", "EIO=4&transport=polling&sid="+id, forever{t.Context().Done()})
	f.MustBeGone(id)
}

func TestSecondPost(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	id := f.Open()
	begun, stop := make(chan struct{}), make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		f.Do(t.Context(), "POST", "EIO=4&transport=polling&sid="+id, readerFunc(func(b []byte) (int, error) {
			select {
			case <-begun:
			default:
				close(begun)
				return copy(b, "4"), nil
			}
			<-stop
			return 0, io.EOF
		}))
	})
	<-begun
	f.eventually("one of two payloads is refused", func() bool { // the first may not have arrived
		status, _ := f.Post(id, "4")
		return status == 400
	})
	f.ended(engineio.ReasonTransport)
	close(stop)
	first.Wait()
	f.MustBeGone(id)
}

type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// frame makes a client's frame.
func frame(first byte, payload string) []byte { return wstest.Frame(first, []byte(payload)) }

// TestBadFrames: what RFC 6455 forbids is package websocket's to find; here it
// ends the session too, as packets do that Engine.IO does not know.
func TestBadFrames(t *testing.T) {
	const text, more, bin = 0x81, 0x00, 0x02
	for name, c := range map[string]struct {
		raw  []byte
		code int
	}{
		"not masked":                 {[]byte{text, 2, '4', 'x'}, 1002},
		"reserved bits":              {frame(0xc1, "4x"), 1002},
		"invalid UTF-8":              {frame(text, "4\xff"), 1007},
		"empty":                      {frame(text, ""), 1002},
		"base64 over WebSocket":      {frame(text, "bAQIDBA=="), 1002},
		"unknown type":               {frame(text, "7"), 1002},
		"a client's ping":            {frame(text, "2"), 1002},
		"a probe without an upgrade": {frame(text, "2probe"), 1002},
		"an upgrade of nothing":      {frame(text, "5"), 1002},
		"too large, announced":       {frame(text, strings.Repeat("x", 1_000_001))[:14], 1009},
		"too large in pieces":        {slicesOf(bin, more, 600_000), 1009},
		"a close frame":              {frame(0x88, "\x03\xe8bye"), 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, patient)
			s, _ := f.OpenWebSocket()
			s.Put(c.raw)
			if code := s.ExpectClose(); code != c.code {
				t.Errorf("closed with %d, not %d", code, c.code)
			}
			want := engineio.ReasonParse
			if c.code == 1000 {
				want = engineio.ReasonClient
			}
			f.ended(want)
		})
	}
}

func slicesOf(first, next byte, n int) []byte {
	return append(frame(first, strings.Repeat("x", n)), frame(next, strings.Repeat("x", n))...)
}

func TestHandshakeFlood(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engineio.Config) {
		patient(c)
		c.MaxSessions = 10
	})
	var ids []string
	for range 9 {
		ids = append(ids, f.Open())
	}
	f.OpenWebSocket()
	for range 100 {
		if status, _ := f.Do(t.Context(), "GET", "EIO=4&transport=polling", nil); status != 503 {
			t.Fatalf("status %d", status)
		}
		if _, err := f.Dial("EIO=4&transport=websocket"); err == nil {
			t.Fatal("a WebSocket was accepted")
		}
	}
	f.MustPost(ids[0], "1")
	f.MustPoll(ids[0], "6")
	f.Open()
}

func TestAllow(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engineio.Config) {
		patient(c)
		c.Allow = func(r *http.Request) error {
			switch r.URL.Query().Get("as") {
			case "stranger":
				return errors.New("not from here")
			case "busy":
				return &engineio.Refusal{Status: 429, Message: "later"}
			}
			return nil
		}
		c.Accept = func(s *engineio.Session) engineio.Receiver {
			panic("a session was opened")
		}
	})
	for as, want := range map[string]int{"stranger": 403, "busy": 429} {
		for _, transport := range []string{"polling", "websocket"} {
			status, body := f.Do(t.Context(), "GET", "EIO=4&transport="+transport+"&as="+as, nil)
			if status != want || !strings.HasPrefix(body, `{"code":4,"message":"`) {
				t.Errorf("%s with %s: %d %s", as, transport, status, body)
			}
		}
	}
}

func TestUnknownSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patient)
	for _, method := range []string{"GET", "POST", "DELETE"} {
		if status, body := f.Do(t.Context(), method, "EIO=4&transport=polling&sid=nobody",
			nil); status != 400 || body != `{"code":1,"message":"Session ID unknown"}` {
			t.Errorf("%s: %d %s", method, status, body)
		}
	}
	if _, err := f.Dial("EIO=4&transport=websocket&sid=nobody"); err == nil {
		t.Error("a WebSocket was accepted")
	}
	id := f.Open()
	if status, _ := f.Do(t.Context(), "DELETE", "EIO=4&transport=polling&sid="+id, nil); status != 400 {
		t.Errorf("status %d", status)
	}
}

func TestSlow(t *testing.T) {
	fill := func(t *testing.T, f *fixture) {
		p := engineio.Binary(bytes.Repeat([]byte("x"), 10_000))
		for range 10_000 { // more than any socket takes
			if err := f.last().Send(p); err != nil {
				if !errors.Is(err, engineio.ErrSlow) {
					t.Errorf("%v", err)
				}
				f.ended(engineio.ReasonSlow)
				if err := f.last().Send(p); !errors.Is(err, engineio.ErrClosed) {
					t.Errorf("then %v", err)
				}
				return
			}
		}
		t.Error("100 MB are waiting")
	}
	small := func(c *engineio.Config) {
		patient(c)
		c.MaxQueue = 100_000
	}
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, small)
		id := f.Open()
		fill(t, f)
		f.MustBeGone(id)
	})
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, small)
		s, _ := f.OpenWebSocket()
		f.eventually("the session is open", func() bool { return f.last() != nil })
		fill(t, f)
		s.ExpectClose()
	})
	t.Run("one large packet", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, small)
		id := f.Open()
		if err := f.last().Send(engineio.Text(bytes.Repeat([]byte("x"), 300_000))); err != nil {
			t.Fatal(err)
		}
		f.MustPoll(id, "4"+strings.Repeat("x", 300_000))
	})
}

// A client that reads nothing has its session closed in the end, also if the
// server is in the middle of writing.
func TestDeadClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.OpenWebSocket()
	f.eventually("the session is open", func() bool { return f.last() != nil })
	p := engineio.Binary(make([]byte, 1<<20))
	for f.last().Send(p) == nil {
	}
	f.eventually("the session is gone", func() bool { return f.engine.Sessions() == 0 })
}

func TestUnfinishedUpgrade(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engineio.Config) {
		patient(c)
		c.UpgradeTimeout = 50 * time.Millisecond
	})
	id := f.Open()
	for range 2 {
		s := f.MustDial("EIO=4&transport=websocket&sid=" + id)
		s.Send("2probe")
		s.Expect("3probe")
		f.MustDial("EIO=4&transport=websocket&sid=" + id).ExpectClose() // a second at the same time
		s.ExpectClose()
	}
	for _, first := range []string{"4hello", "5", "2", "3probe", "x"} {
		f.eventually("a probe gets no further with "+first, func() bool {
			s := f.MustDial("EIO=4&transport=websocket&sid=" + id)
			s.Send(first)
			return s.ExpectClose() == 1006 // 1008 while the one before is still there
		})
	}
	f.MustPost(id, "4hello")
	f.MustPoll(id, "4hello") // it goes on polling
}
