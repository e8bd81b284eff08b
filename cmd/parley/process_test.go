package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// binary builds the real command once and returns its path.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "parley-test")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "parley")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make builds it
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// binaryDir is where binary has put it, empty if no test has asked.
var binaryDir string

func TestMain(m *testing.M) {
	code := redistest.MainNoLeaks(m)
	os.RemoveAll(binaryDir)
	os.Exit(code)
}

// process is a real server, of whose output everything is kept.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	output *lockedBuffer
	ended  chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// launch starts a server on a free port and waits until it answers.
func launch(t *testing.T, data string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, output: &lockedBuffer{}, ended: make(chan error, 1)}
	p.cmd = exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data},
		args...)...)
	p.cmd.Stderr = p.output
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	opened := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(p.output, lines.Text())
			if _, at, ok := strings.Cut(lines.Text(), "open:"); ok {
				opened <- strings.TrimSpace(at)
			}
		}
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	select {
	case p.url = <-opened:
	case err := <-p.ended:
		p.ended <- err
		t.Fatalf("the server ended at its start: %v\n%s", err, p.output)
	case <-time.After(time.Minute):
		t.Fatalf("the server did not start within a minute\n%s", p.output)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		res, err := http.Get(p.url + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server is not ready after a minute: %v\n%s", err, p.output)
		}
	}
}

// kill ends the server at once, if it still runs, and waits for it.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.ended <- <-p.ended
}

// call does a REST request; the answer is decoded into out if it is a success.
func call(ctx context.Context, url, method, path, token string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+"/api/v1"+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Parley-Device", "test") // the same over log-ins, so that retries are known
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode >= 300 {
		return res.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if out == nil {
		return res.StatusCode, nil
	}
	return res.StatusCode, json.Unmarshal(answer, out)
}

func (p *process) logIn(name string) string {
	p.t.Helper()
	var out struct {
		Token string `json:"token"`
	}
	if _, err := call(p.t.Context(), p.url, "POST", "/sessions", "",
		map[string]string{"name": name, "password": "password123"}, &out); err != nil {
		p.t.Fatal(err)
	}
	return out.Token
}
