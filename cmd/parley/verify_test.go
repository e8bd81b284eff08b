package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/parleytest"
	"github.com/parley-chat/parley/internal/verify"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestVerify runs the short check as people do, on each store; make verify runs
// everything.
func TestVerify(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	path := parleytest.Binary(t)
	for _, store := range []verify.Store{verify.Embedded, verify.Redis} {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			if store == verify.Redis {
				redistest.Need(t)
			}
			history := filepath.Join(t.TempDir(), "h.jsonl")
			out, err := exec.CommandContext(t.Context(), path, "verify", "--store", string(store),
				"--scenario", "short", "--seconds", "1", "--kills", "3", "--clients", "8", "--history", history).CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(strings.TrimSuffix(history, ".jsonl") + "-*.jsonl")
			if err != nil || len(files) < 4 {
				t.Fatalf("the histories are %v, %v", files, err)
			}
			for _, file := range files {
				f, err := os.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				h, err := verify.Read(f)
				f.Close()
				if err != nil {
					t.Fatal(err)
				}
				v := verify.Check(h, verify.Nothing)
				if len(v.Violations) > 0 {
					t.Errorf("%s: judged again it breaks promises: %+v", file, v.First(3))
				}
				if v.Acknowledged < 5 || v.Delivered < v.Acknowledged {
					t.Errorf("%s: hardly anything happened: %+v", file, v)
				}
			}
		})
	}
}

// TestVerifyThousands: with few of them, as the rest of the tests run beside
// it; and what is said where too few files may be open.
func TestVerifyThousands(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	path := parleytest.Binary(t)
	for _, c := range []struct{ listeners, want string }{{"150", "150 listeners; all were current"},
		{"100000000", "ulimit"}} {
		out, err := exec.CommandContext(t.Context(), path, "verify", "--store", "embedded",
			"--scenario", "thousands", "--seconds", "4", "--clients", "4", "--listeners",
			c.listeners).CombinedOutput()
		t.Logf("%s", out)
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s listeners: %v", c.listeners, err)
		}
	}
}

// TestVerifyRunning: a chat that runs already is verified without being touched
// otherwise.
func TestVerifyRunning(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), "--sign-up", "open", "--max-sends=-1", "--max-calls=-1", "--max-logins=-1")
	var out strings.Builder
	err := run(t.Context(), []string{"verify", "--url", p.URL + "/", "--seconds", "1", "--clients",
		"4"}, nil, console{out: &out, err: &out})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "calm") || !strings.Contains(out.String(), "running") {
		t.Errorf("it says:\n%s", out.String())
	}
}

// TestVerifyRefuses what cannot be.
func TestVerifyRefuses(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--scenario nothing", "there is no"},
		{"--scenario kill --url http://localhost:1", "nodes of the verification's own"},
		{"--scenario disk-full --store redis", "is for"},
		{"--store floppy", "is none of"},
		{"--clients 0", "at least 1"},
		{"--store redis --url http://localhost:1", "not with --url"},
	} {
		var out strings.Builder
		err := run(t.Context(), append([]string{"verify"}, strings.Fields(c.args)...), nil,
			console{out: &out, err: &out})
		if err == nil || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"verify", "--scenario", "list"}, nil,
		console{out: &out, err: &out}); err != nil || !strings.Contains(out.String(), "disk-full") {
		t.Errorf("the list: %v\n%s", err, out.String())
	}
}

// TestVerifyUpgrade: with the same version as the other, as there is no older
// one here.
func TestVerifyUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	path := parleytest.Binary(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "skipped: it needs --older"},
		{[]string{"--older", path}, " rolling upgrades, "},
	} {
		args := append([]string{"verify", "--store", "embedded", "--scenario", "upgrade", "--seconds", "1",
			"--clients", "4"}, c.args...)
		out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: %v\n%s", c.args, err, out)
		}
	}
}
