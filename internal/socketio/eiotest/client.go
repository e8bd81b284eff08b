// Package eiotest is a client of Engine.IO that does what it is told, right or
// wrong.
package eiotest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/websocket/wstest"
)

// Patience bounds waiting for what is certain to come.
const Patience = wstest.Patience

// Client speaks to the server at URL, which ends in its path.
type Client struct {
	T      testing.TB
	URL    string
	Header http.Header // of every request
	http   *http.Client
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
	maps.Copy(r.Header, c.Header)
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
	u, err := url.Parse(c.URL)
	if err != nil {
		c.T.Fatal(err)
	}
	res, conn := wstest.Upgrade(c.T, u.Host, u.Path+"?"+query, c.Header)
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(res.Status)
	}
	return &Socket{conn}, nil
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
type Socket struct{ *wstest.Conn }

// Send sends a text frame.
func (s *Socket) Send(text string) { s.Put(wstest.Text(text)) }

// SendBytes sends a binary frame.
func (s *Socket) SendBytes(b ...byte) { s.Put(wstest.Frame(wstest.Fin|2, b)) }

// Read returns the next message; of a close frame, its reason and code, else
// code 0. Code 1006 is an end without a frame.
func (s *Socket) Read() (text string, binary bool, code int) {
	s.T.Helper()
	op, payload, err := s.Conn.Next()
	if e, ok := errors.AsType[*wstest.Closed](err); ok {
		return e.Reason, false, e.Code
	}
	if e, ok := err.(net.Error); ok && e.Timeout() {
		s.T.Fatal("nothing came")
	}
	if err != nil {
		return err.Error(), false, 1006
	}
	return string(payload), op == 2, 0
}

// Next returns the next message in text, which has to come.
func (s *Socket) Next() string {
	s.T.Helper()
	text, binary, code := s.Read()
	if binary || code != 0 {
		s.T.Fatalf("not a text but %q (binary %v, code %d)", text, binary, code)
	}
	return text
}

// Expect reads messages in text, which have to be these. Pings between them are
// answered, unless expected.
func (s *Socket) Expect(want ...string) {
	s.T.Helper()
	for _, w := range want {
		got := s.Next()
		for got == "2" && w != "2" {
			s.Send("3")
			got = s.Next()
		}
		if got != w {
			s.T.Fatalf("got %q, not %q", got, w)
		}
	}
}

// ExpectBytes reads a binary message, which has to be this.
func (s *Socket) ExpectBytes(want ...byte) {
	s.T.Helper()
	got, binary, code := s.Read()
	for got == "2" && !binary {
		s.Send("3")
		got, binary, code = s.Read()
	}
	if got != string(want) || !binary {
		s.T.Fatalf("got %q (binary %v, code %d), not the bytes %q", got, binary, code, want)
	}
}

// ExpectClose reads until the server has closed, and returns the code. Pings
// are not answered.
func (s *Socket) ExpectClose() int {
	s.T.Helper()
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
