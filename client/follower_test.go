package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/parleytest"
)

func TestFollowersSeeWhatOthersDo(t *testing.T) {
	t.Parallel()
	parleytest.EachStore(t, func(t *testing.T, args ...string) {
		s := parleytest.StartUnlimited(t, args...)
		pablo := follow(t, s.LogIn("Pablo"), client.FollowConfig{})
		state := expect(t, pablo, "the state",
			func(u client.Update) bool { return u.State != nil }).State
		if state.User.Name != "Pablo" || !slices.ContainsFunc(state.Rooms,
			func(v client.RoomView) bool { return v.ID == client.GeneralID }) {
			t.Errorf("the first state: %+v", state)
		}

		joes := s.LogIn("Joe")
		me, err := joes.AccountGet(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := pablo.Watch(t.Context(), []client.UserID{me.User.ID}); err != nil {
			t.Fatal(err)
		}
		expect(t, pablo, "Joe's absence",
			func(u client.Update) bool { return u.Watched != nil && len(u.Watched.Online) == 0 })
		joe := follow(t, joes, client.FollowConfig{})
		expect(t, pablo, "Joe's presence", func(u client.Update) bool {
			return u.Signal != nil && u.Signal.Kind == client.Presence &&
				u.Signal.User == me.User.ID && u.Signal.Online
		})
		if err := joe.TypingSend(t.Context(), client.RoomInput{Room: client.GeneralID}); err != nil {
			t.Fatal(err)
		}
		expect(t, pablo, "Joe's typing", func(u client.Update) bool {
			return u.Signal != nil && u.Signal.Kind == client.Typing && u.Signal.User == me.User.ID
		})
		send(t, joe.Actions, client.GeneralID, "over a WebSocket")
		send(t, s.LogIn("Joe").Actions, client.GeneralID, "over HTTP")
		expectTexts(t, pablo, client.GeneralID, "over a WebSocket", "over HTTP")

		room, err := joe.RoomCreate(t.Context(), client.CreateRoomInput{Name: "Plans",
			Kind:  client.Private,
			Users: []client.UserID{state.User.ID}})
		if err != nil {
			t.Fatal(err)
		}
		send(t, joe.Actions, room.ID, "in a new room")
		expectTexts(t, pablo, room.ID, "in a new room")
	})
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	s := parleytest.Start(t, "--sign-up=open", "--max-sends=1", "--max-logins=-1")
	account, err := s.Client().AccountCreate(t.Context(),
		client.SignUpInput{Name: "Pablo", Password: parleytest.Password})
	if err != nil {
		t.Fatal(err)
	}
	web := s.Client().WithToken(account.Token)
	f := follow(t, web, client.FollowConfig{})
	for transport, a := range map[string]client.Actions{"HTTP": web.Actions, "WebSocket": f.Actions} {
		_, err := a.RoomGet(t.Context(), client.RoomInput{Room: "nowhere"})
		if !errors.Is(err, client.ErrNotFound) {
			t.Errorf("a room that does not exist, over %s: %v", transport, err)
		}
		long := strings.Repeat("x", 20_000)
		_, err = a.MessageSend(t.Context(), client.SendInput{Room: client.GeneralID, Text: long})
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Message == "" || e.Field != "text" {
			t.Errorf("a message that is too long, over %s: %#v", transport, err)
		}
	}
	if _, err := s.Client().LogIn(t.Context(), "Pablo", "wrong"); !errors.Is(err,
		client.ErrUnauthenticated) {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := s.Client().Follow(t.Context(), client.FollowConfig{}); !errors.Is(err,
		client.ErrUnauthenticated) {
		t.Errorf("to follow without a token: %v", err)
	}
	send(t, web.Actions, client.GeneralID, "one")
	_, err = web.MessageSend(t.Context(), client.SendInput{Room: client.GeneralID, Text: "two"})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != client.CodeRateLimited ||
		e.RetryAfter <= 0 {
		t.Errorf("too many messages: %#v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := f.MessageSend(ctx, client.SendInput{Room: client.GeneralID,
		Text: "three"}); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("a send that waits for its turn beyond its time: %v", err)
	}
	_, err = f.MessageSend(t.Context(), client.SendInput{Room: client.GeneralID,
		Text: strings.Repeat("x", 70_000)})
	if !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("a request over the limit of a WebSocket: %v", err)
	}
}

// TestKill kills the server again and again while one person sends and another
// follows. Every message is acknowledged once, in the order in which it was
// handed in, and comes once to those who follow.
func TestKill(t *testing.T) {
	t.Parallel()
	parleytest.EachStore(t, func(t *testing.T, args ...string) {
		s := parleytest.StartUnlimited(t, args...)
		sender := follow(t, s.LogIn("Joe"), client.FollowConfig{})
		listener := follow(t, s.LogIn("Pablo"), client.FollowConfig{})
		const rounds, each = 4, 60
		all := texts("message", rounds*each)
		var acked atomic.Int64
		var sending sync.WaitGroup
		sending.Go(func() {
			var last int64
			for part := range slices.Chunk(all, each/4) {
				var pending []*client.PendingSend
				for _, text := range part {
					pending = append(pending, sender.SendAsync(t.Context(),
						client.SendInput{Room: client.GeneralID, Text: text}))
				}
				for i, p := range pending {
					m, err := p.Wait(t.Context())
					if err != nil || m.Text != part[i] || m.No <= last {
						t.Errorf("%q was acknowledged as %q, number %d after %d: %v", part[i],
							m.Text, m.No, last, err)
						return
					}
					last = m.No
					acked.Add(1)
				}
			}
		})
		sending.Go(func() { expectTexts(t, listener, client.GeneralID, all...) })
		for round := range int64(rounds) {
			for acked.Load() < round*each+each/3 && !t.Failed() {
				time.Sleep(time.Millisecond) // paces the look at a counter
			}
			s.Kill()
			s.Restart()
		}
		sending.Wait()
	})
}

// TestDrain stops the server in good order while messages are under way.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := parleytest.StartUnlimited(t)
	sender := follow(t, s.LogIn("Joe"), client.FollowConfig{})
	listener := follow(t, s.LogIn("Pablo"), client.FollowConfig{})
	all := texts("message", 300)
	var pending []*client.PendingSend
	for _, text := range all {
		pending = append(pending, sender.SendAsync(t.Context(),
			client.SendInput{Room: client.GeneralID, Text: text}))
	}
	if _, err := pending[20].Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("the server ended with %v\n%s", err, s.Output())
	}
	s.Restart()
	expectTexts(t, listener, client.GeneralID, all...)
	said := false
	for u := range sender.Updates() {
		if said = said || u.Goodbye != nil; u.Event != nil && u.Event.Kind == client.MessageCreated &&
			u.Event.Message.Text == all[len(all)-1] {
			break
		}
	}
	if !said {
		t.Error("the sender was not told that the server stops")
	}
}

func TestPositionsResumeAnEarlierFollower(t *testing.T) {
	t.Parallel()
	parleytest.EachStore(t, func(t *testing.T, args ...string) {
		s := parleytest.StartUnlimited(t, args...)
		joe := s.LogIn("Joe")
		f := follow(t, s.LogIn("Pablo"), client.FollowConfig{})
		send(t, joe.Actions, client.GeneralID, "before")
		expectTexts(t, f, client.GeneralID, "before")
		f.Close()
		at := f.Positions()
		for _, text := range texts("missed", 3) {
			send(t, joe.Actions, client.GeneralID, text)
		}
		s.Kill()
		s.Restart()
		f = follow(t, s.LogIn("Pablo"), client.FollowConfig{Positions: at})
		expectTexts(t, f, client.GeneralID, texts("missed", 3)...)
		expect(t, f, "the end of what was missed", func(u client.Update) bool {
			return u.Resumed != nil && u.Resumed.Stream == client.RoomStream(client.GeneralID)
		})
	})
}

func TestResyncIsTold(t *testing.T) {
	t.Parallel()
	parleytest.EachStore(t, func(t *testing.T, args ...string) {
		s := parleytest.StartUnlimited(t, args...)
		f := follow(t, s.LogIn("Pablo"), client.FollowConfig{})
		expect(t, f, "the state", func(u client.Update) bool { return u.State != nil })
		f.Close()
		wrong := f.Positions()
		for stream, p := range wrong {
			wrong[stream] = client.Position{Epoch: "another", Seq: p.Seq, ID: p.ID}
		}
		f = follow(t, s.LogIn("Pablo"), client.FollowConfig{Positions: wrong})
		told := map[client.Stream]bool{}
		states := 0
		expect(t, f, "resync of every stream, and the state", func(u client.Update) bool {
			if u.Resync != nil {
				told[u.Resync.Stream] = true
			}
			if u.State != nil {
				states++
			}
			return len(told) == len(wrong) && states >= 2
		})
		send(t, s.LogIn("Joe").Actions, client.GeneralID, "after it")
		expectTexts(t, f, client.GeneralID, "after it")
	})
}

func TestRevokedTokenEndsTheFollower(t *testing.T) {
	t.Parallel()
	s := parleytest.StartUnlimited(t)
	web := s.LogIn("Pablo")
	f := follow(t, web, client.FollowConfig{})
	if err := web.SessionDelete(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range f.Updates() {
	}
	if !errors.Is(f.Err(), client.ErrUnauthenticated) {
		t.Errorf("the follower ended with %v", f.Err())
	}
	_, err := f.MessageSend(t.Context(), client.SendInput{Room: client.GeneralID, Text: "too late"})
	if !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("a send afterwards: %v", err)
	}
}

// TestSlowProgram follows with room for few updates while many come. The
// program can call actions all the same, and gets everything.
func TestSlowProgram(t *testing.T) {
	t.Parallel()
	s := parleytest.StartUnlimited(t)
	slow := follow(t, s.LogIn("Pablo"), client.FollowConfig{Buffer: 4 << 10})
	joe := follow(t, s.LogIn("Joe"), client.FollowConfig{})
	all := texts("message", 300)
	for _, text := range all {
		send(t, joe.Actions, client.GeneralID, text)
	}
	if _, err := slow.AccountGet(t.Context()); err != nil {
		t.Errorf("an action while updates wait: %v", err)
	}
	expectTexts(t, slow, client.GeneralID, all...)
}

// TestHalfOpenConnection has the network drop everything without a word.
func TestHalfOpenConnection(t *testing.T) {
	t.Parallel()
	s := parleytest.StartUnlimited(t)
	var mu sync.Mutex
	var conns []*muteConn
	joe := s.LogIn("Joe")
	c, err := client.New(client.Config{URL: s.URL, Token: joe.Token(), KeepAlive: 100 * time.Millisecond,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, &muteConn{Conn: conn})
			return conns[len(conns)-1], err
		}})
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, c, client.FollowConfig{})
	send(t, f.Actions, client.GeneralID, "before")
	mu.Lock()
	conns[0].mute.Store(true)
	mu.Unlock()
	send(t, f.Actions, client.GeneralID, "after")
	expectTexts(t, f, client.GeneralID, "before", "after")
}

// muteConn takes what is written and loses it, once it is mute, and lets
// nothing through that comes.
type muteConn struct {
	net.Conn
	mute atomic.Bool
}

func (c *muteConn) Write(b []byte) (int, error) {
	if c.mute.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *muteConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.mute.Load() {
			return n, err
		}
	}
}

func TestFilesGoUpAndDown(t *testing.T) {
	t.Parallel()
	s := parleytest.StartUnlimited(t)
	c := s.LogIn("Pablo")
	content := bytes.Repeat([]byte("some bytes\n"), 10_000)
	file, err := c.Upload(t.Context(), "a log.txt", bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.MessageSend(t.Context(), client.SendInput{Room: client.GeneralID,
		Files: []string{string(file.ID)}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := c.Download(t.Context(), m.Room, m.No, string(file.ID))
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came back, want %d: %v", len(got), len(content), err)
	}
	if _, err := c.Download(t.Context(), m.Room, m.No, "nothing"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a file that does not exist: %v", err)
	}
}

// TestPausedServer stops the server's process for a moment: nothing is lost and
// nothing comes twice.
func TestPausedServer(t *testing.T) {
	t.Parallel()
	s := parleytest.StartUnlimited(t)
	web := s.LogIn("Joe")
	c, err := client.New(client.Config{URL: s.URL, Token: web.Token(), KeepAlive: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, c, client.FollowConfig{})
	s.Signal(syscall.SIGSTOP)
	first := f.SendAsync(t.Context(), client.SendInput{Room: client.GeneralID, Text: "meanwhile"})
	var came []string
	var second *client.PendingSend
	expect(t, f, "the second message", func(u client.Update) bool {
		if u.Event != nil && u.Event.Kind == client.MessageCreated {
			came = append(came, u.Event.Message.Text)
		}
		if u.Disconnected != nil && second == nil {
			s.Signal(syscall.SIGCONT)
			second = f.SendAsync(t.Context(), client.SendInput{Room: client.GeneralID, Text: "later"})
		}
		return slices.Contains(came, "later")
	})
	if want := []string{"meanwhile", "later"}; !slices.Equal(came, want) {
		t.Errorf("%q came, want %q", came, want)
	}
	for _, p := range []*client.PendingSend{first, second} {
		if _, err := p.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
