package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestAttackPeople: what somebody says of themselves reaches everybody on every
// node; who is disabled for a time is out at once; and the audit log, which
// only admins read, tells of that and not of the rest.
func TestAttackPeople(t *testing.T) {
	onStores(t, func(t *testing.T, at func(int) *process) {
		pablo, joe, mary := at(0).logIn("Pablo"), at(1).logIn("Joe"), at(1).logIn("Mary")
		do := func(i int, method, path, token string, in, out any) (status int) {
			t.Helper()
			status, err := call(t.Context(), at(i).URL, method, path, token, in, out)
			if err != nil && status < 400 {
				t.Fatal(err)
			}
			return status
		}
		var me chat.MeOutput
		do(1, "GET", "/account", joe, nil, &me)
		other, heard := open(t, at(0), mary)
		mine, _ := open(t, at(1), joe)
		do(1, "PATCH", "/account", joe,
			map[string]any{"status": map[string]string{"emoji": "🌴", "text": "at the sea"},
				"about": "I build bridges"}, nil)
		soon(t, "the status on another node",
			func() bool { return strings.Contains(heard.String(), `"text":"at the sea"`) })

		var photo bytes.Buffer
		if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 640, 480)), nil); err != nil {
			t.Fatal(err)
		}
		const place = "47.3769N 8.5417E"
		comment := append([]byte{0xff, 0xfe, 0, byte(len(place) + 2)}, place...)
		status, answer := at(1).request("POST", "/account/picture", joe,
			bytes.NewReader(slices.Concat(photo.Bytes()[:2], comment, photo.Bytes()[2:])))
		var user chat.User
		if err := json.Unmarshal(answer, &user); err != nil || status != 201 ||
			user.Picture == "" || user.Status.Text != "at the sea" {
			t.Fatalf("picture: %d %s", status, answer)
		}
		soon(t, "the picture on another node",
			func() bool { return strings.Contains(heard.String(), user.Picture) })
		path := fmt.Sprintf("/users/%s/picture?v=%s", user.ID, user.Picture)
		status, answer = at(0).request("GET", path, mary, nil)
		if m, err := jpeg.DecodeConfig(bytes.NewReader(answer)); err != nil || status != 200 ||
			m.Width != 256 || m.Height != 256 || bytes.Contains(answer, []byte(place)) {
			t.Errorf("picture: %d, %d bytes, %v", status, len(answer), err)
		}
		if status, _ := at(0).request("GET", path+"x", mary, nil); status != 404 {
			t.Errorf("another picture: %d", status)
		}
		if status, _ := at(0).request("GET", path, "", nil); status != 401 {
			t.Errorf("for nobody: %d", status)
		}

		// Disabled for an hour, while changing what one says of oneself.
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					if _, err := call(t.Context(), at(1).URL, "PATCH", "/account", joe,
						map[string]any{"about": fmt.Sprint("about ", i)}, nil); err != nil {
						return
					}
				}
			}
		}()
		if status := do(0, "PATCH", "/users/"+string(user.ID), pablo,
			map[string]any{"disabled": true, "seconds": 3600, "reason": "spam"}, nil); status != 200 {
			t.Errorf("disabling: %d", status)
		}
		soon(t, "the socket of who is disabled to end", func() bool {
			select {
			case <-mine.Done():
				return true
			default:
				return false
			}
		})
		close(stop)
		<-stopped
		soon(t, "until when, on another node",
			func() bool { return strings.Contains(heard.String(), `"disabled_until":"`) })
		for i := range 2 {
			if status := do(i, "GET", "/account", joe, nil, nil); status != 401 {
				t.Errorf("their session works on node %d: %d", i, status)
			}
			if status := do(i, "POST", "/sessions", "",
				map[string]string{"name": "Joe", "password": "password123"}, nil); status != 403 {
				t.Errorf("they log in on node %d: %d", i, status)
			}
			do(i, "GET", "/users/"+string(user.ID), pablo, nil, &user)
			if !user.Disabled || user.DisabledUntil.IsZero() {
				t.Errorf("on node %d they are %+v", i, user)
			}
			var page chat.AuditPage
			do(i, "GET", "/audit?limit=1", pablo, nil, &page)
			if len(page.Entries) != 1 || page.Entries[0].User != user.ID ||
				page.Entries[0].Action != "user.update" || page.Entries[0].Reason != "spam" {
				t.Errorf("the audit log on node %d: %+v", i, page)
			}
			for _, path := range []string{"/audit", "/audit?room=general"} {
				if status := do(i, "GET", path, mary, nil, nil); status != 403 {
					t.Errorf("%s for a member on node %d: %d", path, i, status)
				}
			}
		}
		if err := other.Call(t.Context(), "ping", map[string]any{}, nil); err != nil {
			t.Errorf("somebody else's socket: %v", err)
		}
	}, "--files", t.TempDir(), "--max-logins=-1", "--max-calls=-1")
}
