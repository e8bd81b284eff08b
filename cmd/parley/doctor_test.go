package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/mail/mailtest"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestDoctorOfADirectory(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	out, err := try(t, nil, "", "doctor", "--data", data)
	if err != nil || !strings.Contains(out, "there are none in "+data) {
		t.Errorf("without data: %v\n%s", err, out)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the doctor made the directory")
	}
	p := launch(t, data)
	out, err = try(t, nil, "", "doctor", "--data", data)
	if err != nil || !strings.Contains(out, "held: a server runs") ||
		!strings.Contains(out, "free\n") || !strings.Contains(out, "in "+data) {
		t.Errorf("beside a server: %v\n%s", err, out)
	}
	p.Kill()
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err = try(t, nil, "", "doctor", "--data", data)
	if err != nil || !strings.Contains(out, "no server runs") || !strings.Contains(out, "chmod 700 "+data) {
		t.Errorf("after the server: %v\n%s", err, out)
	}
	if out, err := try(t, nil, "", "doctor", "--data",
		filepath.Join(data, "parley.db")); err == nil || !strings.Contains(out, "no directory") {
		t.Errorf("a file: %v\n%s", err, out)
	}
}

// TestServeObeysTheDoctor starts servers where the doctor refuses, warns and is
// overruled.
func TestServeObeysTheDoctor(t *testing.T) {
	s := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	out, err := try(t, nil, "", "doctor", "--store", s.URL())
	if err == nil || !strings.Contains(err.Error(), "does not start") ||
		!strings.Contains(out, "refusal  eviction") ||
		!strings.Contains(out, "mend: CONFIG SET maxmemory-policy noeviction") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	out, err = try(t, nil, "", "serve", "--listen", "127.0.0.1:0", "--store", s.URL())
	if err == nil || !strings.Contains(err.Error(), "allkeys-lru") ||
		!strings.Contains(err.Error(), "--redis-eviction") {
		t.Errorf("serve: %v\n%s", err, out)
	}
	if n, err := s.Do("DBSIZE"); err != nil || n != "0" {
		t.Errorf("a server that was refused left %s keys (%v)", n, err)
	}
	if out, err := try(t, nil, "", "doctor", "--store", s.URL(), "--redis-eviction"); err != nil {
		t.Errorf("doctor, overruled: %v\n%s", err, out)
	}
	p := launch(t, t.TempDir(), "--store", s.URL(), "--redis-eviction")
	if log := p.Output(); !strings.Contains(log, "allkeys-lru") ||
		!strings.Contains(log, "nothing is written to disk") {
		t.Errorf("the server's log does not warn:\n%s", log)
	}
}

// TestServeAsAUserOfItsOwn starts a server as the user that docs/operations.md
// tells to make, and uses it.
func TestServeAsAUserOfItsOwn(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, ok := strings.Cut(string(text), "\nACL SETUSER parley ")
	line, _, _ = strings.Cut(line, "\n")
	if !ok {
		t.Fatal("docs/operations.md has no line for the user")
	}
	for _, d := range []deployment{single(t), sentinel(t), cluster(t)} {
		t.Run(d.name, func(t *testing.T) {
			for _, s := range d.servers {
				if out, err := s.Do(append([]string{"ACL", "SETUSER", "parley"},
					strings.Fields(line)...)...); err != nil || out != "OK" {
					t.Fatal(out, err)
				}
			}
			url := strings.Replace(d.url, "://", "://parley:SECRET@", 1)
			out, err := try(t, nil, "", "doctor", "--store", url)
			if err != nil || strings.Contains(out, "unseen") {
				t.Errorf("doctor: %v\n%s", err, out)
			}
			if out, err := try(t, nil, "", "fsck", "--store", url); err != nil {
				t.Errorf("fsck: %v\n%s", err, out)
			}
			p := launch(t, t.TempDir(), "--store", url, "--demo")
			token := p.logIn("Joe")
			if _, err := call(t.Context(), p.URL, "POST", "/rooms/general/messages", token,
				map[string]string{"text": "hi", "client_id": "1"}, nil); err != nil {
				t.Error(err)
			}
			if out := p.Output(); strings.Contains(out, "NOPERM") {
				t.Errorf("something is denied:\n%s", out)
			}
		})
	}
}

type deployment = struct {
	name, url string
	servers   []*redistest.Server
}

func single(t *testing.T) deployment {
	s := redistest.StartTCP(t)
	return deployment{"single", s.URL(), []*redistest.Server{s}}
}

func sentinel(t *testing.T) deployment {
	s := redistest.StartSentinel(t)
	return deployment{"sentinel", s.URL(), s.Servers}
}

func cluster(t *testing.T) deployment {
	c := redistest.StartCluster(t)
	return deployment{"cluster", c.URL(), c.Masters}
}

// TestDoctorSendsMail to a real SMTP server, with the settings that serve has.
func TestDoctorSendsMail(t *testing.T) {
	s := mailtest.Start(t, nil)
	environ := []string{"PARLEY_MAIL=" + s.URL(), "PARLEY_MAIL_FROM=chat@example.com",
		"PARLEY_MAIL_CA=" + s.CAFile()}
	out, err := try(t, environ, "", "doctor", "--mail", "joe@example.com")
	if got := s.Take(); err != nil || len(got) != 1 || got[0].To != "joe@example.com" ||
		!strings.Contains(out, "has taken a test from chat@example.com to joe@example.com") {
		t.Errorf("%v, %v\n%s", err, got, out)
	}
	for what, c := range map[string]struct {
		environ []string
		to      string
		want    string
	}{
		"wrong password": {append(environ, "PARLEY_MAIL="+strings.Replace(s.URL(), "s3cret", "hunter2", 1)),
			"joe@example.com", "Check both in --mail"},
		"no certificate": {append(environ, "PARLEY_MAIL_CA="), "joe@example.com", "--mail-ca"},
		"no server":      {nil, "joe@example.com", "set PARLEY_MAIL"},
		"no sender":      {environ[:1], "joe@example.com", "--mail-from"},
		"no address":     {environ, "joe", "must be an address"},
		"no URL":         {append(environ, "PARLEY_MAIL=http://hunter2@x"), "joe@example.com", "must begin with smtp://"},
	} {
		out, err := try(t, c.environ, "", "doctor", "--mail", c.to)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(out+err.Error(), "hunter2") {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}
