package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// TestHooks sends a monitor's alarm in through one node, and expects the room's
// outgoing webhook to tell of it once, also after the node that served the
// webhooks has stopped.
func TestHooks(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(body))
	}))
	t.Cleanup(receiver.Close)
	received := func(text string) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, b := range bodies {
			n += strings.Count(b, text)
		}
		return n
	}
	until := func(t *testing.T, what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("still not: %s", what)
			}
		}
	}
	onStores(t, func(t *testing.T, at func(int) *process) {
		token, store := at(0).logIn("Pablo"), strings.ReplaceAll(t.Name(), "/", "-")
		do := func(i int, method, path string, in, out any) {
			t.Helper()
			if _, err := call(t.Context(), at(i).URL, method, path, token, in, out); err != nil {
				t.Fatal(err)
			}
		}
		var in chat.HookOutput
		do(0, "POST", "/rooms/general/hooks", map[string]any{"name": "Alarms"}, &in)
		var out chat.OutgoingOutput
		do(0, "POST", "/rooms/general/outgoing",
			map[string]any{"url": receiver.URL, "kinds": []string{"message.created"}}, &out)
		alarm := func(i int, text string) {
			t.Helper()
			body := fmt.Sprintf(`{"attachments":[{"title":"[FIRING:1] %s","title_link":"https://alerts.example","text":"*disk* full"}]}`, text)
			if a := ask(t, at(i), "POST", in.Path, body); a.status != 200 || a.body != "ok" {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		first, second := store+"-first", store+"-second"
		alarm(1, first)
		until(t, "the first alarm is told of", func() bool { return received(first) > 0 })
		if n := received(first); n != 1 {
			t.Errorf("told of %d times", n)
		}
		pushes(t, at, token)
		if at(0) != at(1) {
			at(0).Signal(syscall.SIGTERM) // it served the webhooks, or the other does
			at(0).Wait()
			alarm(1, second)
			until(t, "the second alarm is told of", func() bool { return received(second) > 0 })
		}
		// Whose webhook is gone may have another of the same name, and what the
		// first posted still shows it.
		do(1, "DELETE", "/rooms/general/hooks/"+string(in.Hook.Bot.ID), nil, nil)
		do(1, "POST", "/rooms/general/hooks", map[string]any{"name": "Alarms"}, &chat.HookOutput{})
		var gone chat.User
		if do(1, "GET", "/users/"+string(in.Hook.Bot.ID), nil, &gone); gone.Name != "Alarms" ||
			!gone.Disabled {
			t.Errorf("who posted the first alarm is %+v", gone)
		}
	}, "--outgoing-allow=127.0.0.1")
}

// pushes has Pablo's device notified, and expects the server to try that once a
// message for him is stored. It may not connect to this machine, and says so.
func pushes(t *testing.T, at func(int) *process, token string) {
	t.Helper()
	do := func(i int, method, path, token string, in, out any) {
		t.Helper()
		if _, err := call(t.Context(), at(i).URL, method, path, token, in, out); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var devices [2]chat.PushOutput
	for i := range devices { // both nodes learn of it at once
		do(i, "PUT", "/push", token, map[string]any{"endpoint": "https://127.0.0.1:1/device",
			"p256dh": base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()),
			"auth":   base64.RawURLEncoding.EncodeToString(make([]byte, 16))}, nil)
		do(i, "GET", "/push", token, nil, &devices[i])
	}
	if devices[0].Key == "" || devices[0].Key != devices[1].Key || len(devices[0].Devices) != 1 {
		t.Errorf("devices %+v", devices)
	}
	var me chat.MeOutput
	do(0, "GET", "/account", token, nil, &me)
	mary, room := at(1).logIn("Mary"), chat.RoomView{}
	do(1, "POST", "/direct", mary, map[string]any{"user": me.User.ID}, &room)
	var m chat.Message
	do(1, "POST", "/rooms/"+string(room.ID)+"/messages", mary, map[string]any{"text": "hello"}, &m)
	within(t, time.Minute, "the push is tried", func() bool {
		var why chat.PushDecision
		do(0, "GET", fmt.Sprintf("/rooms/%s/messages/%d/push", room.ID, m.No), token, nil, &why)
		return len(why.Devices) == 1 && why.Devices[0].State == "waiting" &&
			strings.Contains(why.Devices[0].Failure, "its address is private")
	})
}
