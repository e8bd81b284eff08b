package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/parleytest"
)

const listenerDir = "../../examples/node-listener"

// needNode skips the test, saying so, where there is no Node.js or Redis; with
// CI=true that is a failure.
func needNode(t *testing.T) {
	t.Helper()
	for _, name := range []string{"redis-server", "node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", name)
			}
			t.Skipf("%s is not installed: install redis-server and Node.js 20 or later to run this test", name)
		}
	}
	have, err := os.Stat(filepath.Join(listenerDir, "node_modules", ".package-lock.json"))
	want, wantErr := os.Stat(filepath.Join(listenerDir, "package-lock.json"))
	if wantErr != nil {
		t.Fatal(wantErr)
	}
	if err == nil && !want.ModTime().After(have.ModTime()) {
		return
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--no-fund", "--no-audit")
	cmd.Dir = listenerDir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("the example's packages cannot be had: npm ci: %v\n%s", err, out)
	}
}

// listener is the example, running.
type listener struct {
	t     *testing.T
	in    io.Writer
	lines chan string
	seen  []string
	err   *parleytest.Buffer
}

func listen(t *testing.T, room string, env ...string) *listener {
	t.Helper()
	l := &listener{t: t, lines: make(chan string, 1000), err: &parleytest.Buffer{}}
	cmd := exec.Command("node", "listener.mjs", room)
	cmd.Dir, cmd.Env, cmd.Stderr = listenerDir, append(os.Environ(), env...), l.err
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.in = in
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(l.lines)
		for text := bufio.NewScanner(out); text.Scan(); {
			l.lines <- text.Text()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		cmd.Wait()
	})
	l.says("listening to ")
	return l
}

// says waits for a line that contains this, and fails on one that came before
// it and has been there already.
func (l *listener) says(what string) {
	l.t.Helper()
	timeout := time.After(40 * time.Second)
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				l.t.Fatalf("the example ended without saying %q: %q\n%s", what, l.seen, l.err)
			}
			if strings.HasPrefix(line, "#") {
				for _, earlier := range l.seen {
					if earlier == line {
						l.t.Errorf("said twice: %s", line)
					}
				}
			}
			l.seen = append(l.seen, line)
			if strings.Contains(line, what) {
				return
			}
		case <-timeout:
			l.t.Fatalf("the example did not say %q within a minute: %q\n%s", what, l.seen, l.err)
		}
	}
}

// TestNodeListener runs the example beside a server: it prints what is sent
// over REST, posts what it is given, and misses nothing while Redis has cut it
// off.
func TestNodeListener(t *testing.T) {
	needNode(t)
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, ok := strings.Cut(string(text), "`ACL SETUSER listener ")
	line, _, _ = strings.Cut(line, "`")
	rules := strings.Fields(line)
	if !ok {
		t.Fatal("docs/redis.md has no user for a listener")
	}
	for _, d := range []deployment{single(t), cluster(t)} {
		t.Run(d.name, func(t *testing.T) {
			p := launch(t, t.TempDir(), "--store", d.url, "--demo")
			token := p.logIn("Joe")
			redis := d.url
			if d.name == "cluster" {
				var nodes []string
				for _, s := range d.servers {
					nodes = append(nodes, s.URL())
				}
				redis = strings.Join(nodes, ",")
			}
			for _, s := range d.servers {
				if out, err := s.Do(append([]string{"ACL", "SETUSER", "listener"},
					rules...)...); err != nil || out != "OK" {
					t.Fatal(out, err)
				}
			}
			redis = strings.ReplaceAll(redis, "://", "://listener:SECRET@")
			l := listen(t, "general", "REDIS_URL="+redis, "PARLEY_URL="+p.URL, "PARLEY_TOKEN="+token)
			send := func(text string) {
				t.Helper()
				if _, err := call(t.Context(), p.URL, "POST", "/rooms/general/messages", token,
					map[string]string{"text": text, "client_id": text}, nil); err != nil {
					t.Fatal(err)
				}
			}
			send("over-REST")
			l.says(": over-REST")
			if _, err := call(t.Context(), p.URL, "POST", "/rooms/general/typing", token, nil,
				nil); err != nil {
				t.Fatal(err)
			}
			l.says("(typing ")

			fmt.Fprintln(l.in, "from the example")
			l.says(": from the example")
			var page struct {
				Messages []struct{ Text string }
			}
			if _, err := call(t.Context(), p.URL, "GET", "/rooms/general/messages?limit=1", token,
				nil, &page); err != nil {
				t.Fatal(err)
			}
			if len(page.Messages) != 1 || page.Messages[0].Text != "from the example" {
				t.Errorf("the newest message is %v", page.Messages)
			}

			for _, s := range d.servers { // the server's own subscriptions too: both come back by themselves
				if out, err := s.Do("CLIENT", "KILL", "TYPE", "pubsub"); err != nil {
					t.Fatal(out, err)
				}
			}
			for i := range 5 {
				send(fmt.Sprintf("after-the-cut-%d", i))
			}
			for i := range 5 {
				l.says(fmt.Sprintf(": after-the-cut-%d", i))
			}
		})
	}
}
