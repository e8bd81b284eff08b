package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/parleytest"
	"github.com/parley-chat/parley/internal/sqlite"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestMigrate moves the data of a server to Redis and back. Whoever was logged
// in stays so, and a send whose answer was lost is not doubled.
func TestMigrate(t *testing.T) {
	redis := redistest.Start(t)
	first, last := t.TempDir(), t.TempDir()
	p := launch(t, first, "--demo")
	token := p.logIn("Pablo")
	send := func(p *process, text, id string) (m chat.Message) {
		t.Helper()
		if _, err := call(t.Context(), p.URL, "POST", "/rooms/general/messages", token,
			map[string]string{"text": text, "client_id": id}, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := send(p, "before the move 👋", "one")
	if out, err := try(t, nil, "", "migrate", "--from", first, "--to", redis.URL()); err == nil ||
		!strings.Contains(err.Error(), "in use by process") {
		t.Fatalf("from a directory with a server: %v\n%s", err, out)
	}
	p.stop()

	move := func(from, to string, more ...string) string {
		t.Helper()
		out, err := try(t, nil, "", append([]string{"migrate", "--from", from, "--to", to}, more...)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return out
	}
	out := move(first, redis.URL())
	if !strings.Contains(out, "Both sides hold the same") || strings.Contains(out, "DIFFERS") {
		t.Fatalf("it says\n%s", out)
	}
	goesOn := func(p *process, no int64) {
		t.Helper()
		if again := send(p, before.Text, "one"); again.ID != before.ID || again.No != before.No {
			t.Fatalf("the repetition of %+v is %+v", before, again)
		}
		if after := send(p, "after the move", fmt.Sprint("after-", no)); after.No != no {
			t.Fatalf("the message after the move is %+v, want number %d", after, no)
		}
		if p.logIn("Mary") == "" {
			t.Fatal("Mary cannot log in")
		}
	}
	p = launch(t, t.TempDir(), "--store", redis.URL())
	goesOn(p, before.No+1)
	if _, err := try(t, nil, "", "migrate", "--from", redis.URL(), "--to", last); err == nil ||
		!strings.Contains(err.Error(), "a server uses these data") {
		t.Fatalf("from a Redis with a server: %v", err)
	}
	p.stop()
	// its lease ends with the grace
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := try(t, nil, "", "migrate", "--from", redis.URL(), "--to", last)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "a server uses these data") || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	p = launch(t, last)
	goesOn(p, before.No+2)
	p.stop()

	if _, err := try(t, nil, "", "migrate", "--from", last, "--to", redis.URL()); err == nil ||
		!strings.Contains(err.Error(), "holds data already") {
		t.Fatalf("to a place that is full: %v", err)
	}
	move(redis.URL(), redis.URL(), "--to-prefix", "other") // and from one prefix to another
	if out, err := try(t, nil, "", "user", "list", "--store", redis.URL(), "--redis-prefix",
		"other"); err != nil || !strings.Contains(out, "Pablo") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		from, to, want string
	}{
		{t.TempDir(), last, "there is no data in"},
		{last, "redis://nowhere:port", "--to"},
		{"redis://nowhere:port", last, "--from"},
	} {
		if _, err := try(t, nil, "", "migrate", "--from", c.from, "--to", c.to); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("from %s to %s: %v, want something about %s", c.from, c.to, err, c.want)
		}
	}
}

// TestMigrateKilled kills the command again and again: the same one goes on,
// until it is through.
func TestMigrateKilled(t *testing.T) {
	path := parleytest.Binary(t)
	redis := redistest.Start(t)
	first, last := t.TempDir(), t.TempDir()
	store, err := sqlite.Open(t.Context(), first, sqlite.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const messages = 10_000
	now := time.Now()
	stream := chat.RoomStream("general")
	changes := []chat.Change{{Stream: stream, ID: "made", At: now, Op: chat.CreateRoom{
		Room: chat.Room{ID: "general", Kind: chat.Public, Name: "General", CreatedAt: now}}}}
	for i := range messages {
		changes = append(changes, chat.Change{Stream: stream, ID: fmt.Sprint("m", i),
			At: now, By: "somebody", Op: chat.CreateMessage{From: "somebody",
				Text: strings.Repeat("text ", i%50), ClientID: fmt.Sprint(i)}})
	}
	_, err = store.Commit(t.Context(), changes...)
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	for _, places := range [][2]string{{first, redis.URL()}, {redis.URL(), last}} {
		kills, resumed := 0, false
		for patience := 60 * time.Millisecond; ; patience += patience / 4 {
			var out bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			// which is killed in the end
			cmd := exec.CommandContext(ctx, path, "migrate", "--from", places[0], "--to", places[1])
			cmd.Stdout, cmd.Stderr = &out, &out
			err := cmd.Run()
			late := ctx.Err() != nil
			cancel()
			resumed = resumed || strings.Contains(out.String(), "going on with")
			if err == nil {
				break
			}
			// Killed after the end was written and before it said so, it finds
			// its own work.
			if strings.Contains(out.String(), "holds data already") && kills > 0 {
				break
			}
			if !late {
				t.Fatalf("%v\n%s", err, out.String())
			}
			kills++
		}
		t.Logf("%d kills", kills)
		if kills < 2 || !resumed {
			t.Errorf("it was killed %d times only, and went on: %v", kills, resumed)
		}
	}
	store, err = sqlite.Open(t.Context(), last, sqlite.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for after := int64(0); after < messages; {
		page, err := store.Messages(t.Context(), "general",
			chat.Page{From: chat.After, No: after, Limit: 1000})
		if err != nil || len(page) == 0 {
			t.Fatalf("after %d there are %d messages: %v", after, len(page), err)
		}
		for _, m := range page {
			if i := m.No - 1; m.No != after+1 || m.ID != fmt.Sprint("m", i) ||
				m.Text != strings.Repeat("text ", int(i%50)) {
				t.Fatalf("message %d is %+v", after+1, m)
			}
			after++
		}
	}
}

// TestMeter: what is shown on the way.
func TestMeter(t *testing.T) {
	var out strings.Builder
	now := time.Now()
	m := newMeter(&out)
	m.now = func() time.Time { return now }
	progress := func(messages int64) {
		m.copied(migrate.Progress{Done: migrate.Counts{Rooms: 1, Messages: messages},
			Total: migrate.Counts{Messages: 2000}, Resumed: true})
	}
	m.counted("checking", "the backup") // as a restore does first
	progress(250)
	for range 8 { // a line every three seconds
		now = now.Add(time.Second)
		progress(1250)
	}
	m.end()
	m.compared(0)
	now = now.Add(10 * time.Second)
	m.compared(2000)
	m.end()
	want := `going on with what an earlier run has begun: 250 of 2,000 messages are there
copying    62%  1,250 of 2,000 messages, 333/s, 1 rooms, 0 sends, 0 people
copying    62%  1,250 of 2,000 messages, 166/s, 1 rooms, 0 sends, 0 people
copying    62%  1,250 of 2,000 messages, 125/s, 1 rooms, 0 sends, 0 people
comparing 100%  2,000 of 2,000 messages, 200/s
`
	if out.String() != want {
		t.Errorf("it shows\n%s\nwant\n%s", out.String(), want)
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567",
		-1000: "-1,000", -100: "-100"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) is %s", n, got)
		}
	}
}
