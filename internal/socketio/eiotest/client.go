// Package eiotest is a client of Engine.IO that does what it is told, right or
// wrong.
package eiotest

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"
)

// Patience bounds waiting for what is certain to come.
const Patience = 20 * time.Second

// Client speaks to the server at URL, which ends in its path.
type Client struct {
	T    testing.TB
	URL  string
	http *http.Client
}

// New returns a client. What it holds is given back at the test's end.
func New(t testing.TB, url string) *Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{T: t, URL: url, http: &http.Client{Transport: transport, Timeout: Patience}}
}

// Do makes a request and returns the answer's status and body; status 0 if
// there was none.
func (c *Client) Do(ctx context.Context, method, query string, body io.Reader) (int, string) {
	c.T.Helper()
	r, err := http.NewRequestWithContext(ctx, method, c.URL+"?"+query, body)
	if err != nil {
		c.T.Error(err)
		return 0, ""
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// Hello is the content of an open packet.
type Hello struct {
	ID           string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// ReadHello reads an open packet, which has to have these fields and no others.
func ReadHello(t testing.TB, packet string) Hello {
	t.Helper()
	var h Hello
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(packet, "0")))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil || !strings.HasPrefix(packet, "0{") || h.ID == "" {
		t.Fatalf("not an open packet: %q: %v", packet, err)
	}
	return h
}

// Open opens a session that polls, and returns its identifier.
func (c *Client) Open() string {
	c.T.Helper()
	status, body := c.Do(c.T.Context(), "GET", "EIO=4&transport=polling", nil)
	if status != 200 {
		c.T.Fatalf("a handshake was answered with %d %s", status, body)
	}
	return ReadHello(c.T, body).ID
}

// Poll fetches what there is for a session.
func (c *Client) Poll(id string) (int, string) {
	c.T.Helper()
	return c.Do(c.T.Context(), "GET", "EIO=4&transport=polling&sid="+id, nil)
}

// Post sends a payload.
func (c *Client) Post(id, payload string) (int, string) {
	c.T.Helper()
	return c.Do(c.T.Context(), "POST", "EIO=4&transport=polling&sid="+id, strings.NewReader(payload))
}

// MustPost sends a payload that has to be accepted.
func (c *Client) MustPost(id, payload string) {
	c.T.Helper()
	if status, body := c.Post(id, payload); status != 200 || body != "ok" {
		c.T.Fatalf("a payload was answered with %d %q", status, body)
	}
}

// MustPoll fetches what has to be just this.
func (c *Client) MustPoll(id, want string) {
	c.T.Helper()
	if status, body := c.Poll(id); status != 200 || body != want {
		c.T.Fatalf("polled %d %q, not %q", status, body, want)
	}
}

// MustBeGone polls a session that has to be unknown.
func (c *Client) MustBeGone(id string) {
	c.T.Helper()
	if status, body := c.Poll(id); status != 400 {
		c.T.Fatalf("the session is still there: %d %q", status, body)
	}
}

// Dial opens a WebSocket, or returns why not.
func (c *Client) Dial(query string) (*Socket, error) {
	c.T.Helper()
	ctx, cancel := context.WithTimeout(c.T.Context(), Patience)
	defer cancel()
	url := strings.Replace(c.URL, "http", "ws", 1)
	nc, early, _, err := gobwas.Dialer{}.Dial(ctx, url+"?"+query)
	if err != nil {
		return nil, err
	}
	c.T.Cleanup(func() { nc.Close() })
	s := &Socket{t: c.T, Conn: nc, r: early}
	if early == nil {
		s.r = bufio.NewReaderSize(nc, 512)
	}
	return s, nil
}

// MustDial opens a WebSocket.
func (c *Client) MustDial(query string) *Socket {
	c.T.Helper()
	s, err := c.Dial(query)
	if err != nil {
		c.T.Fatalf("a WebSocket was refused: %v", err)
	}
	return s
}

// OpenWebSocket opens a session that never polls.
func (c *Client) OpenWebSocket() (*Socket, Hello) {
	c.T.Helper()
	s := c.MustDial("EIO=4&transport=websocket")
	return s, ReadHello(c.T, s.Next())
}

// Socket is the client's side of a WebSocket.
type Socket struct {
	Conn net.Conn
	t    testing.TB
	r    *bufio.Reader
}

// Send sends a text frame.
func (s *Socket) Send(text string) { s.frame(gobwas.NewTextFrame([]byte(text))) }

// SendBytes sends a binary frame.
func (s *Socket) SendBytes(b ...byte) { s.frame(gobwas.NewBinaryFrame(append([]byte(nil), b...))) }

// frame sends. That the server has hung up is for reading to find out.
func (s *Socket) frame(f gobwas.Frame) {
	s.Conn.SetWriteDeadline(time.Now().Add(Patience))
	gobwas.WriteFrame(s.Conn, gobwas.MaskFrameInPlace(f))
}

// SendRaw sends bytes as they are.
func (s *Socket) SendRaw(b []byte) {
	s.Conn.SetWriteDeadline(time.Now().Add(Patience))
	s.Conn.Write(b)
}

// Read returns the next message; of a close frame, or without one, its code,
// else 0. Code 1006 is an end without a frame.
func (s *Socket) Read() (text string, binary bool, code int) {
	s.t.Helper()
	s.Conn.SetReadDeadline(time.Now().Add(Patience))
	h, err := gobwas.ReadHeader(s.r)
	var payload []byte
	if err == nil {
		payload = make([]byte, h.Length) // the server is trusted
		_, err = io.ReadFull(s.r, payload)
	}
	if e, ok := err.(net.Error); ok && e.Timeout() {
		s.t.Fatal("nothing came")
	}
	if err != nil {
		return err.Error(), false, 1006
	}
	if h.OpCode == gobwas.OpClose {
		return closeFrame(payload)
	}
	return string(payload), h.OpCode == gobwas.OpBinary, 0
}

func closeFrame(payload []byte) (string, bool, int) {
	if len(payload) < 2 {
		return "", false, 1005
	}
	return string(payload[2:]), false, int(binary.BigEndian.Uint16(payload))
}

// Next returns the next message in text, which has to come.
func (s *Socket) Next() string {
	s.t.Helper()
	text, binary, code := s.Read()
	if binary || code != 0 {
		s.t.Fatalf("not a text but %q (binary %v, code %d)", text, binary, code)
	}
	return text
}

// Expect reads messages in text, which have to be these. Pings between them are
// answered, unless expected.
func (s *Socket) Expect(want ...string) {
	s.t.Helper()
	for _, w := range want {
		got := s.Next()
		for got == "2" && w != "2" {
			s.Send("3")
			got = s.Next()
		}
		if got != w {
			s.t.Fatalf("got %q, not %q", got, w)
		}
	}
}

// ExpectBytes reads a binary message, which has to be this.
func (s *Socket) ExpectBytes(want ...byte) {
	s.t.Helper()
	got, binary, code := s.Read()
	for got == "2" && !binary {
		s.Send("3")
		got, binary, code = s.Read()
	}
	if got != string(want) || !binary {
		s.t.Fatalf("got %q (binary %v, code %d), not the bytes %q", got, binary, code, want)
	}
}

// ExpectClose reads until the server has closed, and returns the code. Pings
// are not answered.
func (s *Socket) ExpectClose() int {
	s.t.Helper()
	for {
		if _, _, code := s.Read(); code != 0 {
			s.Conn.Close()
			return code
		}
	}
}

// Upgrade takes a polling session to WebSocket, whose pending poll has to be
// answered by somebody else.
func (c *Client) Upgrade(id string) *Socket {
	c.T.Helper()
	s := c.MustDial("EIO=4&transport=websocket&sid=" + id)
	s.Send("2probe")
	s.Expect("3probe")
	s.Send("5")
	return s
}
