package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	backups "github.com/parley-chat/parley/internal/backup"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/parleytest"
	"github.com/parley-chat/parley/kit/redistest"
)

// history is what a room's messages say, oldest first.
func (p *process) history(token string) (texts []string) {
	p.t.Helper()
	for after := int64(0); ; {
		var page struct{ Messages []chat.Message }
		if _, err := call(p.t.Context(), p.URL, "GET",
			fmt.Sprintf("/rooms/general/messages?limit=100&after=%d", after), token, nil, &page); err != nil {
			p.t.Fatal(err)
		}
		if len(page.Messages) == 0 {
			return texts
		}
		for _, m := range page.Messages {
			if m.No != int64(len(texts))+1 {
				p.t.Fatalf("message %d comes after %d", m.No, len(texts))
			}
			texts = append(texts, m.Text)
			after = m.No
		}
	}
}

// TestBackup backs up a server while someone writes, kills it and those who
// back up and restore, and restores into a directory and into Redis. A backup
// has a beginning of the history, with every message that was acknowledged
// before it, and its files.
func TestBackup(t *testing.T) {
	path, redis := parleytest.Binary(t), redistest.Start(t)
	first, kept := t.TempDir(), t.TempDir()
	p := launch(t, first, "--demo", "--log-level=error", "--max-sends=-1", "--max-calls=-1")
	token := p.logIn("Pablo")
	picture := []byte(strings.Repeat("not a picture ", 10_000))
	file := p.sendFile(token, p.uploadFile(token, "notes.txt", picture))
	var sent []string
	send := func() error {
		text := fmt.Sprint("message ", len(sent))
		_, err := call(t.Context(), p.URL, "POST", "/rooms/general/messages", token,
			map[string]string{"text": text, "client_id": fmt.Sprint(len(sent))}, nil)
		if err == nil {
			sent = append(sent, text)
		}
		return err
	}
	for range 20 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	before := len(p.history(token))

	// Killed in the middle, it leaves no backup, and no harm.
	backup := filepath.Join(kept, "one")
	while := func(backup string, place ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		exec.CommandContext(ctx, path, append([]string{"backup", backup}, place...)...).Run()
		cancel()
		if _, err := os.Stat(backup); !errors.Is(err, fs.ErrNotExist) {
			t.Logf("%s was done before it was killed: %v", backup, err)
			backup += "-again"
		}
		done := make(chan error)
		go func() {
			_, err := try(t, nil, "", append([]string{"backup", backup}, place...)...)
			done <- err
		}()
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				return backup
			default:
				if err := send(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	backup = while(backup, "--data", first)
	all := p.history(token)
	p.Kill()

	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(kept, "key")
	if err := os.WriteFile(keyFile, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The data of a server that was killed, encrypted, through a pipe.
	var sealed, progress bytes.Buffer
	if err := run(t.Context(), []string{"backup", "-", "--data", first, "--recipient", key.Recipient().String()},
		nil, console{nil, &sealed, &progress}); err != nil {
		t.Fatal(err)
	}
	out, err := try(t, nil, sealed.String(), "backup", "verify", "-", "--identity", keyFile)
	if err != nil || !strings.Contains(out, "The backup is whole.") {
		t.Fatalf("%v\n%s", err, out)
	}

	restored := func(p *process, all []string) {
		t.Helper()
		token := p.logIn("Pablo")
		got := p.history(token)
		if len(got) < before || len(got) > len(all) || !slices.Equal(got, all[:len(got)]) {
			t.Errorf("%d messages are restored of %d, of which %d were there before the backup, or others", len(got), len(all), before)
		}
		if status, data := p.request("GET", file, token, nil); status != 200 || !bytes.Equal(data, picture) {
			t.Errorf("the file: %d, %d bytes", status, len(data))
		}
		p.stop()
	}
	second := t.TempDir()
	for kills, patience := 0, 30*time.Millisecond; ; kills, patience = kills+1, patience+patience/2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := exec.CommandContext(ctx, path, "restore", backup, "--data", second).CombinedOutput()
		late := ctx.Err() != nil
		cancel()
		if err == nil || kills > 0 && strings.Contains(string(out), "holds data already") {
			break
		}
		if !late {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	restored(launch(t, second, "--log-level=error"), all)

	files := filepath.Join(kept, "files")
	if out, err := try(t, nil, sealed.String(), "restore", "-", "--store", redis.URL(),
		"--identity", keyFile); err == nil || !strings.Contains(err.Error(), "say with --files where") {
		t.Errorf("without a place for files: %v\n%s", err, out)
	}
	if out, err := try(t, nil, sealed.String(), "restore", "-", "--store", redis.URL(), "--files", files,
		"--identity", keyFile); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before = len(all) // all was acknowledged before
	p = launch(t, t.TempDir(), "--store", redis.URL(), "--files", files, "--log-level=error",
		"--max-sends=-1", "--max-calls=-1")
	token = p.logIn("Pablo")
	shared := while(filepath.Join(kept, "shared"), "--store", redis.URL(), "--files", files)
	all = p.history(token)
	restored(p, all[:len(all):len(all)])
	third := t.TempDir()
	if out, err := try(t, nil, "", "restore", shared, "--data", third); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	restored(launch(t, third, "--log-level=error"), all)

	// Into a bucket, and back.
	objects := s3mem.New()
	if err := objects.CreateBucket("kept"); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(gofakes3.New(objects, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(web.Close)
	object := strings.Replace(web.URL, "http", "s3+http", 1) + "/kept/chats/one.parley?region=r"
	keys := []string{"PARLEY_S3_KEY=key", "PARLEY_S3_SECRET=secret"}
	fourth := t.TempDir()
	for _, args := range [][]string{{"backup", object, "--data", third}, {"backup", "verify", object},
		{"restore", object, "--data", fourth}} {
		if out, err := try(t, keys, "", args...); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if _, err := try(t, keys, "", "backup", object, "--data", third); !errors.Is(err, backups.ErrThere) {
		t.Errorf("over another object: %v", err)
	}

	for want, args := range map[string][]string{
		"a bucket needs a key":        {"backup", object, "--data", third},
		"is no name of a file":        {"backup", kept + "/", "--data", third},
		"holds data already":          {"restore", backup, "--data", second},
		"is there already":            {"backup", backup, "--data", first},
		"there is no data in":         {"backup", backup + "x", "--data", kept},
		"no age recipient":            {"backup", backup + "x", "--recipient", "age1nobody"},
		"not a backup of Parley":      {"restore", keyFile, "--data", kept},
		"has no age identity":         {"backup", "verify", backup, "--identity", backup},
		"there is no flag --identify": {"backup", backup, "--identify", keyFile},
	} {
		if _, err := try(t, nil, "", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something about %q", strings.Join(args, " "), err, want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(kept, "*.partial")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
