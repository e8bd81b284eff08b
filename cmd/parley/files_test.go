package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/kit/redistest"
)

// request does a REST request whose body and answer are bytes.
func (p *process) request(method, path, token string, body io.Reader) (status int, answer []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.URL+"/api/v1"+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, answer
}

func (p *process) uploadFile(token, name string, data []byte) chat.File {
	p.t.Helper()
	status, answer := p.request("POST", "/files?name="+name, token, bytes.NewReader(data))
	var f chat.File
	if err := json.Unmarshal(answer, &f); err != nil || status != 201 {
		p.t.Fatalf("upload: %d %s", status, answer)
	}
	return f
}

// sendFile sends an uploaded file into General, and returns its path.
func (p *process) sendFile(token string, f chat.File) string {
	p.t.Helper()
	var m chat.Message
	in := map[string]any{"files": []string{f.ID}, "client_id": "c-" + f.ID}
	if _, err := call(p.t.Context(), p.URL, "POST", "/rooms/general/messages", token, in,
		&m); err != nil || len(m.Files) != 1 || m.Files[0] != f {
		p.t.Fatalf("send: %+v, %v", m, err)
	}
	return fmt.Sprintf("/rooms/general/messages/%d/files/%s", m.No, f.ID)
}

func filesBelow(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestFilesOutliveKill kills the real server between an upload and its message,
// and in the middle of another upload.
func TestFilesOutliveKill(t *testing.T) {
	data := t.TempDir()
	p := launch(t, data, "--demo", "--log-level=error")
	kept := filepath.Join(data, "files")
	if !strings.Contains(p.Output(), "files: "+kept+", at most 50 MiB each") {
		t.Errorf("the server does not say where files are:\n%s", p.Output())
	}
	pablo, joe := p.logIn("Pablo"), p.logIn("Joe")
	content := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB
	file := p.uploadFile(pablo, "data.txt", content)

	rest, half := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		req, err := http.NewRequest("POST", p.URL+"/api/v1/files?name=half", rest)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+pablo)
			var res *http.Response
			if res, err = http.DefaultClient.Do(req); err == nil {
				res.Body.Close()
				err = fmt.Errorf("half an upload is answered: %s", res.Status)
			} else {
				err = nil
			}
		}
		sent <- err
	}()
	if _, err := half.Write(content[:100_000]); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(filesBelow(t, kept)) != 2; {
		if time.Now().After(deadline) {
			t.Fatalf("the second upload does not begin: %v", filesBelow(t, kept))
		}
		time.Sleep(time.Millisecond) // paces the look; nothing is asserted about time
	}
	p.Kill()
	half.Close()
	if err := <-sent; err != nil {
		t.Error(err)
	}

	p = launch(t, data, "--demo", "--log-level=error")
	if left := filesBelow(t, kept); len(left) != 1 {
		t.Errorf("after the start: %v", left)
	}
	path := p.sendFile(pablo, file)
	if again := p.sendFile(pablo, file); again != path {
		t.Errorf("the same send again is at %s, after %s", again, path)
	}
	p.Kill()
	p = launch(t, data, "--demo", "--log-level=error")
	if status, answer := p.request("GET", path, joe, nil); status != 200 || !bytes.Equal(answer, content) {
		t.Errorf("%d, %d bytes", status, len(answer))
	}
	if status, _ := p.request("GET", path, "", nil); status != 401 {
		t.Errorf("without a log-in: %d", status)
	}
	message, _, _ := strings.Cut(path, "/files/")
	if status, answer := p.request("DELETE", message, pablo, nil); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	if status, _ := p.request("GET", path, joe, nil); status != 404 {
		t.Errorf("of a deleted message: %d", status)
	}
	if left := filesBelow(t, kept); len(left) != 0 {
		t.Errorf("after deletion: %v", left)
	}
}

func TestFilesSettings(t *testing.T) {
	good := filesFlags{FileSize: 1}
	for _, c := range []struct {
		change func(*filesFlags)
		want   string
	}{
		{func(s *filesFlags) {}, ""},
		{func(s *filesFlags) { s.Files = "off" }, ""},
		{func(s *filesFlags) { s.Files = "/var/files" }, ""},
		{func(s *filesFlags) { s.Files, s.S3Key, s.S3Secret = "s3://h:9000/b/p/q?region=r", "k", "s" }, ""},
		{func(s *filesFlags) { s.Files, s.S3Key = "s3://h/b", "k" }, "PARLEY_S3_SECRET"},
		{func(s *filesFlags) { s.S3Key = "k" }, "need a bucket"},
		{func(s *filesFlags) { s.Files = "s3://h" }, "which bucket?"},
		{func(s *filesFlags) { s.Files = "s3://key:secret@h/b" }, "its keys are --s3-key"},
		{func(s *filesFlags) { s.Files = "https://h/b" }, "a bucket is like s3://"},
		{func(s *filesFlags) { s.Files = "s3://h/b?ssl=no" }, "no other parameter"},
		{func(s *filesFlags) { s.FileSize = 0 }, "--file-size: must be from 1"},
		{func(s *filesFlags) { s.FilesTotal = -1 }, "--files-total: must be at least 0"},
	} {
		s := good
		c.change(&s)
		if err := s.check(); (err == nil) != (c.want == "") || err != nil &&
			(!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret@")) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// TestFilesOfTwoNodes has two nodes on one Redis that share a directory.
func TestFilesOfTwoNodes(t *testing.T) {
	redis, dir := redistest.StartTCP(t), t.TempDir()
	start := func(args ...string) *process {
		return launch(t, t.TempDir(), append([]string{"--demo", "--log-level=error", "--store",
			redis.URL()}, args...)...)
	}
	one, two := start("--files", dir), start("--files", dir)
	pablo := one.logIn("Pablo")
	file := one.uploadFile(pablo, "x.txt", []byte("on both"))
	path := two.sendFile(pablo, file)
	for _, p := range []*process{one, two} {
		if status, answer := p.request("GET", path, pablo, nil); status != 200 ||
			string(answer) != "on both" {
			t.Errorf("%d %s", status, answer)
		}
	}
	without := start()
	if status, answer := without.request("POST", "/files", pablo,
		strings.NewReader("x")); status != 403 ||
		!strings.Contains(without.Output(), "files: off. To take some") {
		t.Errorf("%d %s\n%s", status, answer, without.Output())
	}
}
