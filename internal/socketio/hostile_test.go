package socketio_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/socketio/eiotest"
)

func TestBadPackets(t *testing.T) {
	for name, packet := range map[string]string{
		"nothing":                  "",
		"unknown type":             "7",
		"an error for the server":  `4{"message":"x"}`,
		"CONNECT with an id":       "0/custom,1",
		"CONNECT with no object":   `0/custom,["x"]`,
		"CONNECT with broken JSON": `0/custom,{"x":`,
		"CONNECT with deep JSON": `0/custom,` + strings.Repeat(`{"x":`, 100_000) +
			"1" + strings.Repeat("}", 100_000),
		"DISCONNECT with data":                 `1{}`,
		"an event without data":                "2",
		"an event that is an object":           "2{}",
		"an event of nothing":                  "2[]",
		"an event named by a number":           "2[1]",
		"an event named like the client's own": `2["disconnect"]`,
		"an event with broken JSON":            `2["message",`,
		"an event with more after it":          `2["message"]x`,
		"an event elsewhere":                   `2/custom,["message"]`,
		"an event nowhere":                     `2/nowhere,["message"]`,
		"an id that is too long":               `2` + strings.Repeat("9", 16) + `["message"]`,
		"an id that never ends":                `2` + strings.Repeat("9", 900_000),
		"a namespace that is too long":         `2/` + strings.Repeat("x", 900_000) + `,["message"]`,
		"deep JSON": `2["message",` + strings.Repeat("[",
			400_000) + strings.Repeat("]", 400_000) + `]`,
		"deep JSON without an end": `2` + strings.Repeat(`[{"x":`, 150_000),
		"JSON just too deep": `2["message",` + strings.Repeat("[",
			64) + strings.Repeat("]", 64) + `]`,
		"too many arguments":                 `2["message"` + strings.Repeat(",1", 256) + `]`,
		"very many arguments":                `2["message"` + strings.Repeat(",1", 450_000) + `]`,
		"an acknowledgement without an id":   `3[]`,
		"an acknowledgement without data":    `31`,
		"an acknowledgement that is no list": `31{}`,
		"attachments uncounted":              `5["message"]`,
		"attachments counted with words":     `5x-["message"]`,
		"too many attachments":               `565-["message"]`,
		"a million attachments":              `51000000-["message"]`,
		"attachments beyond counting":        `5` + strings.Repeat("9", 900_000) + `-["message"]`,
		"fewer placeholders than announced":  `52-["message",{"_placeholder":true,"num":0}]`,
		"more placeholders than announced":   `51-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`,
		"the same placeholder twice":         `52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`,
		"a placeholder out of range":         `51-["message",{"_placeholder":true,"num":1}]`,
		"a negative placeholder":             `51-["message",{"_placeholder":true,"num":-1}]`,
		"a placeholder with a fraction":      `51-["message",{"_placeholder":true,"num":0.5}]`,
		"a placeholder in a string":          `51-["message","{\"_placeholder\":true,\"num\":0}"]`,
		"thousands of placeholders": `51-["message"` +
			strings.Repeat(`,[{"_placeholder":true,"num":0}]`, 30_000) + `]`,
		"thousands of placeholders in one list": `564-["message",[0` +
			strings.Repeat(`,{"_placeholder":true,"num":0}`, 30_000) + `]]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, newSuiteServer(patient()))
			s, _ := f.connect("/", "")
			s.Expect(`42["auth",{}]`)
			began := time.Now()
			s.Send("4" + packet)
			if code := s.ExpectClose(); code != 1002 {
				t.Errorf("closed with %d", code)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("refusing took %v", took)
			}
		})
	}
}

func TestJustFine(t *testing.T) {
	t.Parallel()
	f := serve(t, newSuiteServer(patient()))
	s, _ := f.connect("/", "")
	s.Expect(`42["auth",{}]`)
	for _, args := range []string{
		strings.Repeat("[", 63) + strings.Repeat("]", 63),
		"1" + strings.Repeat(",1", 254),
		`"[[[[{{{{\\\"[["`,
		`{"_placeholder":true,"num":0}`, // of no attachment
	} {
		s.Send(`42["message",` + args + `]`)
		s.Expect(`42["message-back",` + args + `]`)
	}
	s.Send(`450-["message"]`)
	s.Expect(`42["message-back"]`)
	s.Send(`451-["message",{ "num": 0, "_placeholder": true }]`)
	s.SendBytes(7)
	s.Expect(`451-["message-back",{"_placeholder":true,"num":0}]`)
	s.ExpectBytes(7)
	s.Send(`43999999999999999["nobody asked"]`)
	s.Send(`43/nowhere,1["nobody asked"]`)
	s.Send(`42["nobody listens"]`)
	s.Send(`42999999999999999["message-with-ack"]`)
	s.Expect(`43999999999999999[]`)
}

func TestBadAttachments(t *testing.T) {
	const one = `451-["message",{"_placeholder":true,"num":0}]`
	for name, send := range map[string]func(*eiotest.Socket){
		"bytes out of nowhere": func(s *eiotest.Socket) { s.SendBytes(1) },
		"one too many": func(s *eiotest.Socket) {
			s.Send(one)
			s.SendBytes(
				1)
			s.SendBytes(2)
		},
		"text in place of an attachment": func(s *eiotest.Socket) { s.Send(one); s.Send(`42["message"]`) },
		"another event in its place":     func(s *eiotest.Socket) { s.Send(one); s.Send(one) },
		"too large together": func(s *eiotest.Socket) {
			s.Send(`452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
			s.SendBytes(make([]byte, 600_000)...)
			s.SendBytes(make([]byte, 600_000)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, newSuiteServer(patient()))
			s, _ := f.connect("/", "")
			send(s)
			if code := s.ExpectClose(); code != 1002 {
				t.Errorf("closed with %d", code)
			}
		})
	}
}

func TestConnectFlood(t *testing.T) {
	t.Parallel()
	f := serve(t, newSuiteServer(patient()))
	s, _ := f.OpenWebSocket()
	var flood strings.Builder
	for i := range 5000 {
		flood.WriteString("40/ns" + strconv.Itoa(i) + ",\x1e")
	}
	for packet := range strings.SplitSeq(flood.String(), "\x1e") {
		s.Send(packet)
	}
	answers := 0
	for {
		text, _, code := s.Read()
		if code != 0 {
			break
		}
		if !strings.HasSuffix(text, `,{"message":"Invalid namespace"}`) {
			t.Fatalf("answered %q", text)
		}
		answers++
	}
	if answers > 16 {
		t.Errorf("%d answers", answers)
	}
}

func TestTooManyNamespaces(t *testing.T) {
	t.Parallel()
	opt := patient()
	opt.MaxNamespaces = 2
	server := socketio.New(opt)
	accept := func(*socketio.Socket, json.RawMessage, *http.Request) error { return nil }
	for _, name := range []string{"/", "/a", "/b"} {
		server.OnConnect(name, accept)
	}
	f := serve(t, server)
	s, _ := f.connect("/", "")
	f.join(s, "/a", "")
	for range 5 { // leaving makes room
		s.Send("41/a")
		f.join(s, "/b", "")
		s.Send("41/b,")
		f.join(s, "/a", "")
	}
	s.Send("40/b")
	if code := s.ExpectClose(); code != 1002 {
		t.Errorf("closed with %d", code)
	}
}

func TestConnectTimeout(t *testing.T) {
	opt := patient()
	opt.ConnectTimeout = 50 * time.Millisecond
	later := patient() // for who has to connect in time
	later.ConnectTimeout = time.Second
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		f := serve(t, newSuiteServer(opt))
		s, _ := f.OpenWebSocket()
		s.ExpectClose()
	})
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		f := serve(t, newSuiteServer(opt))
		id := f.Open()
		f.MustPoll(id, "1")
		f.MustBeGone(id)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		f := serve(t, newSuiteServer(opt))
		s, _ := f.OpenWebSocket()
		s.Send("40/nowhere")
		s.ExpectClose()
	})
	t.Run("after leaving", func(t *testing.T) {
		t.Parallel()
		f := serve(t, newSuiteServer(later))
		s, _ := f.connect("/", "")
		s.Send("41")
		s.ExpectClose()
	})
	t.Run("disconnected while it connects", func(t *testing.T) {
		t.Parallel()
		server := socketio.New(later)
		server.OnConnect("/", func(s *socketio.Socket, _ json.RawMessage, _ *http.Request) error {
			s.Disconnect()
			return nil
		})
		s, _ := serve(t, server).connect("/", "")
		s.ExpectClose()
	})
	t.Run("connected", func(t *testing.T) {
		t.Parallel()
		f := serve(t, newSuiteServer(later))
		s, _ := f.connect("/", "")
		other, _ := f.OpenWebSocket() // which times out, later than the first would
		other.ExpectClose()
		s.Expect(`42["auth",{}]`)
		s.Send(`42["message"]`)
		s.Expect(`42["message-back"]`)
	})
}
