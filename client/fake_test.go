package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-chat/parley/client"
)

// fakeServer speaks the protocol and says what a test wants. The nth request
// for sync of all connections is answered with the nth state.
type fakeServer struct {
	states   []string // and what follows, one message a line
	messages []string // answers to message.send, by the number of the attempt
	syncs    []string // positions that were given
	sent     int
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		data, err := wsutil.ReadClientText(conn)
		if err != nil {
			return
		}
		var req struct {
			ID     int64
			Method string
			Params json.RawMessage
		}
		if json.Unmarshal(data, &req) != nil {
			return
		}
		switch req.Method {
		case "sync":
			if len(f.syncs) == len(f.states) {
				return
			}
			lines := strings.Split(f.states[len(f.syncs)], "\n")
			f.syncs = append(f.syncs, string(req.Params))
			lines[0] = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, req.ID, lines[0])
			for _, line := range lines {
				say(conn, line)
			}
		case "message.send":
			say(conn, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, req.ID, f.messages[f.sent]))
			f.sent++
		}
	}
}

func say(conn net.Conn, line string) { wsutil.WriteServerText(conn, []byte(line)) }

const (
	stateAt1 = `{"user":{"id":"u"},"user_position":{"epoch":"e","seq":0},"rooms":[{"id":"r","position":{"epoch":"e","seq":1,"id":"m1"}}]}`
	resumed  = `{"user":{"id":"u"},"user_position":{"epoch":"e","seq":0},"rooms":[]}`
)

func event(seq int, prev, id string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"event","params":{"stream":"room:r","epoch":"e","seq":%d,"prev":%q,"id":%q,`+
		`"kind":"message.created","message":{"room":"r","text":%q}}}`, seq, prev, id, id)
}

func followFake(t *testing.T, f *fakeServer) *client.Follower {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	c, err := client.New(client.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return follow(t, c, client.FollowConfig{})
}

// TestGapIsRepaired has a server leave out an event, repeat one, and send what
// the client does not know.
func TestGapIsRepaired(t *testing.T) {
	t.Parallel()
	f := &fakeServer{states: []string{
		strings.Join([]string{stateAt1, event(2, "m1", "m2"), event(2, "m1", "m2"),
			`{"jsonrpc":"2.0","method":"weather","params":{"sun":true}}`, event(4, "m3", "m4")}, "\n"),
		strings.Join([]string{resumed, event(3, "m2", "m3"), event(4, "m3", "m4")}, "\n"),
	}}
	expectTexts(t, followFake(t, f), "r", "m2", "m3", "m4")
	if want := `"room:r":{"epoch":"e","seq":2,"id":"m2"}`; !strings.Contains(f.syncs[1], want) {
		t.Errorf("the second sync gave %s, want %s in it", f.syncs[1], want)
	}
}

// TestEventOfAnotherHistoryIsAGap: its number is the next, and its predecessor
// is another.
func TestEventOfAnotherHistoryIsAGap(t *testing.T) {
	t.Parallel()
	f := &fakeServer{states: []string{
		strings.Join([]string{stateAt1, event(2, "m0", "x2")}, "\n"),
		strings.Join([]string{resumed, event(2, "m1", "m2")}, "\n"),
	}}
	expectTexts(t, followFake(t, f), "r", "m2")
}

func refuse(code string, extra string) string {
	return fmt.Sprintf(`"error":{"code":-32000,"message":"because","data":{"code":%q%s}}`, code, extra)
}

func TestSendsAreRepeatedAfterRefusalsThatPass(t *testing.T) {
	t.Parallel()
	done := `"result":{"room":"r","no":7,"id":"m7","text":"hi"}`
	for name, c := range map[string]struct {
		answers []string
		want    error
	}{
		"rate limited": {[]string{refuse("rate_limited", `,"retry_after_ms":1`), done}, nil},
		"unavailable":  {[]string{refuse("unavailable", `,"retry_after_ms":1`), done}, nil},
		"forbidden":    {[]string{refuse("forbidden", "")}, client.ErrForbidden},
		"internal": {[]string{refuse("internal", `,"retry_after_ms":1`), refuse("internal",
			`,"retry_after_ms":1`),
			done}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := followFake(t, &fakeServer{states: []string{stateAt1}, messages: c.answers})
			m, err := f.MessageSend(t.Context(), client.SendInput{Room: "r", Text: "hi"})
			if c.want == nil && (err != nil || m.No != 7) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}

// TestAnswersOfProxies: what is not from the chat has a code all the same.
func TestAnswersOfProxies(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		401: client.ErrUnauthenticated, 403: client.ErrForbidden, 404: client.ErrNotFound,
		413: client.ErrTooLarge, 429: client.ErrRateLimited, 502: client.ErrUnavailable,
		504: client.ErrUnavailable,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, "<html>", status)
		}))
		defer s.Close()
		c, err := client.New(client.Config{URL: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, byHTTP := c.ServerInfo(t.Context())
		_, bySocket := c.Dial(t.Context(), func(client.Update) {})
		for _, err := range []error{byHTTP, bySocket} {
			if e, ok := errors.AsType[*client.Error](err); !ok || !errors.Is(err, want) ||
				e.RetryAfter.Seconds() != 7 {
				t.Errorf("status %d is %v, want %v", status, err, want)
			}
		}
	}
	if _, err := client.New(client.Config{URL: "chat.example.org"}); err == nil {
		t.Error("a URL without a scheme is accepted")
	}
}
