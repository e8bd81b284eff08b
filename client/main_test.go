package client_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/parleytest"
)

func TestMain(m *testing.M) { os.Exit(parleytest.Main(m)) }

// patience bounds waits for what is certain to come.
const patience = 30 * time.Second

// follow follows as a person until the test ends.
func follow(t *testing.T, c *client.Client, cfg client.FollowConfig) *client.Follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f, err := c.Follow(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// expect handles updates up to the first that is wanted.
func expect(t *testing.T, f *client.Follower, what string, want func(client.Update) bool) client.Update {
	t.Helper()
	timer := time.AfterFunc(patience, f.Close)
	defer timer.Stop()
	for u := range f.Updates() {
		if want(u) {
			return u
		}
	}
	t.Fatalf("%s did not come: %v", what, f.Err())
	return client.Update{}
}

// expectTexts handles updates until messages with these texts have come to a
// room, and fails if another comes among them, or one comes twice.
func expectTexts(t *testing.T, f *client.Follower, room client.RoomID, texts ...string) {
	t.Helper()
	for _, text := range texts {
		u := expect(t, f, text, func(u client.Update) bool {
			return u.Event != nil && u.Event.Kind == client.MessageCreated &&
				u.Event.Message.Room == room
		})
		if got := u.Event.Message.Text; got != text {
			t.Fatalf("%q came, want %q", got, text)
		}
	}
}

func send(t *testing.T, a client.Actions, room client.RoomID, text string) client.Message {
	t.Helper()
	m, err := a.MessageSend(t.Context(), client.SendInput{Room: room, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// texts returns "prefix 0" to "prefix n-1".
func texts(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, " ", i)
	}
	return all
}
