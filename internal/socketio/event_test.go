package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/socketio"
)

// A handler that takes its time holds up its own client, after a bounded number
// of events, and nobody else.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	server := socketio.New(patient())
	release := make(chan struct{})
	var handled sync.WaitGroup
	handled.Add(2000)
	server.OnConnect("/", func(s *socketio.Socket, _ json.RawMessage, _ *http.Request) error {
		next := 0
		s.On("wait", func(e *socketio.Event) {
			<-release
			var i int
			if err := e.Decode(0, &i); err != nil || i != next {
				t.Errorf("got %d (%v) in place of %d", i, err, next)
			}
			next++
			handled.Done()
		})
		s.On("ack", func(e *socketio.Event) { e.Ack() })
		return nil
	})
	f := serve(t, server)
	s, _ := f.connect("/", "")
	for i := range 2000 {
		s.Send(`42["wait",` + strconv.Itoa(i) + `]`)
	}
	other, _ := f.connect("/", "")
	other.Send(`421["ack"]`)
	other.Expect(`431[]`)
	close(release)
	handled.Wait()
}

func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	server := socketio.New(patient())
	sockets := make(chan *socketio.Socket, 1)
	answers := make(chan error, 10)
	server.OnConnect("/", func(s *socketio.Socket, _ json.RawMessage, _ *http.Request) error {
		s.On("twice", func(e *socketio.Event) {
			answers <- e.Ack(1)
			answers <- e.Ack(2)
		})
		s.On("bad", func(e *socketio.Event) {
			answers <- e.Ack(func() {})
			answers <- e.Ack("good")
		})
		s.On("unwanted", func(e *socketio.Event) {
			if e.WantsAck() {
				t.Error("wants one")
			}
			answers <- e.Ack(1)
		})
		sockets <- s
		return nil
	})
	f := serve(t, server)
	s, id := f.connect("/", "")
	socket := <-sockets
	if socket.ID() != id || socket.Namespace() != "/" {
		t.Errorf("%s in %s", socket.ID(), socket.Namespace())
	}

	// The client's ids are its own business: the same one twice is answered
	// twice.
	for range 2 {
		s.Send(`427["twice"]`)
		s.Expect(`437[1]`)
		if err := <-answers; err != nil {
			t.Error(err)
		}
		if err := <-answers; !errors.Is(err, socketio.ErrAnswered) {
			t.Errorf("the second was %v", err)
		}
	}
	s.Send(`428["bad"]`)
	s.Expect(`438["good"]`)
	if err := <-answers; err == nil {
		t.Error("a function was encoded")
	}
	if err := <-answers; err != nil {
		t.Error(err)
	}
	s.Send(`42["unwanted"]`)
	if err := <-answers; err != nil {
		t.Error(err)
	}

	// The server's: a second answer is dropped, and each goes to whoever asked.
	var asking sync.WaitGroup
	for _, want := range []string{`421["question",1]`, `422["question",1]`} {
		asking.Go(func() {
			a, err := socket.EmitWithAck(t.Context(), "question", 1)
			var got string
			if err != nil || a.Len() != 1 || a.Decode(0, &got) != nil || got != "first" {
				t.Errorf("%v %q %v", a, got, err)
			}
		})
		s.Expect(want)
	}
	for range 3 {
		s.Send(`432["first"]`)
		s.Send(`431["first"]`)
	}
	asking.Wait()

	ctx, cancel := context.WithCancel(t.Context())
	asking.Go(func() {
		if _, err := socket.EmitWithAck(ctx, "question"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	s.Expect(`423["question"]`)
	cancel()
	asking.Wait()
	asking.Go(func() {
		if _, err := socket.EmitWithAck(t.Context(), "question"); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("%v", err)
		}
	})
	s.Expect(`424["question"]`)
	s.Send("1")
	asking.Wait()
	if err := socket.Emit("late"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("%v", err)
	}
	if _, err := socket.EmitWithAck(t.Context(), "late"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("%v", err)
	}
}
