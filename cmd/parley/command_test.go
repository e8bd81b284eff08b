package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// try runs a command line in this process and returns what it printed.
func try(t *testing.T, environ []string, input string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, args, environ, console{strings.NewReader(input), &out, &out})
	return out.String(), err
}

func TestSettingsAreRefusedByName(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "parley.toml")
	if err := os.WriteFile(config, []byte("sign-up = \"open\"\nsing-up = \"open\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"unknown flag", nil, []string{"serve", "--lisen", ":1"}, "--lisen"},
		{"unknown variable", []string{"PARLEY_LISEN=:1"}, []string{"serve"}, "PARLEY_LISEN"},
		{"unknown key in the file", nil, []string{"serve", "--config", config}, "sing-up"},
		{"no such file", nil, []string{"serve", "--config", filepath.Join(dir, "none")}, "none"},
		{"not one of", nil, []string{"serve", "--sign-up", "maybe"}, "sign-up"},
		{"certificate without key", nil, []string{"serve", "--tls-cert", "x"}, "--tls-cert"},
		{"plain address with certificate", nil,
			[]string{"serve", "--tls-cert", "x", "--tls-key", "y", "--public-url", "http://x"},
			"--public-url"},
		{"address with a query", nil, []string{"serve", "--public-url", "https://x/chat?y"}, "--public-url"},
		{"bad proxy", nil, []string{"serve", "--proxies", "everyone"}, "--proxies"},
		{"bad origin", nil, []string{"serve", "--origins", "example.com"}, "--origins"},
		{"mail without a sender", nil, []string{"serve", "--mail", "smtp://x"}, "--mail-from"},
		{"mail to no server", nil, []string{"serve", "--mail", "x", "--mail-from", "a@b.c"}, "--mail:"},
		{"mail at once", nil, []string{"serve", "--mail-after", "0s"}, "--mail-after"},
		{"no messages at all", nil, []string{"serve", "--max-message", "0"}, "--max-message"},
		{"messages too large to import", nil,
			[]string{"import", "redis-chat-demo", "redis://x", "--max-message", "32769"}, "--max-message"},
		{"sessions that end before they are idle", nil,
			[]string{"serve", "--session-idle", "2h", "--session-max", "1h"}, "--session-idle"},
		{"number that is none", nil, []string{"serve", "--max-sends", "many"}, "max-sends"},
		{"port in use by its name", nil,
			[]string{"serve", "--listen", "localhost:nothing", "--data", dir}, "--listen"},
	} {
		_, err := try(t, c.environ, "", c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want something about %s", c.name, err, c.want)
		}
	}
}

// TestSettingsAgree gives one setting in all three ways, fewer and fewer, and
// asks the running server.
func TestErrorsAreToldInPlainWords(t *testing.T) {
	full := fmt.Errorf("%w: %w", chat.ErrUnavailable, syscall.ENOSPC)
	for want, err := range map[string]error{
		"copy: no space left on device": fmt.Errorf("copy: %w", full),
		"interrupted (go on)":           fmt.Errorf("%w (go on)", context.Canceled),
	} {
		if got := told(err); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}

func TestSettingsAgree(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "parley.toml")
	if err := os.WriteFile(config, []byte("name = \"from the file\"\nmax-sends = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		environ []string
		args    []string
		want    string
	}{
		{[]string{"PARLEY_NAME=from the environment"},
			[]string{"--config", config, "--name", "from a flag"}, "from a flag"},
		{[]string{"PARLEY_NAME=from the environment"}, []string{"--config", config}, "from the environment"},
		{[]string{"PARLEY_CONFIG=" + config}, nil, "from the file"},
		{nil, nil, "Parley"},
	} {
		for _, e := range c.environ {
			name, value, _ := strings.Cut(e, "=")
			t.Setenv(name, value)
		}
		p := launch(t, filepath.Join(dir, fmt.Sprint(i)), c.args...)
		var info struct {
			Name string `json:"name"`
		}
		if _, err := call(t.Context(), p.URL, "GET", "/server", "", nil, &info); err != nil ||
			info.Name != c.want {
			t.Errorf("%v %v: %q, %v, want %q", c.environ, c.args, info.Name, err, c.want)
		}
		p.Kill()
		for _, e := range c.environ {
			name, _, _ := strings.Cut(e, "=")
			os.Unsetenv(name)
		}
	}
}

func TestHelpExplainsEverySetting(t *testing.T) {
	out, err := try(t, nil, "", "serve", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--listen", "--data", "--demo", "--sign-up", "PARLEY_SIGN_UP",
		"--public-url", "--proxies", "--config"} {
		if !strings.Contains(out, want) {
			t.Errorf("the help does not speak of %s:\n%s", want, out)
		}
	}
	if out, err := try(t, nil, "", "version"); err != nil || !strings.HasPrefix(out, "parley ") {
		t.Errorf("version: %q, %v", out, err)
	}
	out, err = try(t, nil, "", "man")
	for _, want := range []string{".TH PARLEY 1", ".SS parley serve\n", `\fB\-\-public\-url\fR \fIURL\fR`,
		".SS parley backup verify <file>\n"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("the manual page has no %s: %v", want, err)
		}
	}
}

func TestStartTellsWhatOneNeeds(t *testing.T) {
	data := filepath.Join(t.TempDir(), "deep", "data")
	p := launch(t, data)
	for _, want := range []string{p.URL, data, "/#setup="} {
		if !strings.Contains(p.Output(), want) {
			t.Errorf("the start does not tell %q:\n%s", want, p.Output())
		}
	}
	info, err := os.Stat(data)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory: %v, %v", info.Mode(), err)
	}
	// A second server on the same data is refused, and says why; the first goes
	// on.
	_, err = try(t, nil, "", "serve", "--listen", "127.0.0.1:0", "--data", data)
	if err == nil || !strings.Contains(err.Error(), data) {
		t.Errorf("a second server: %v", err)
	}
	if res, err := http.Get(p.URL + "/readyz"); err != nil {
		t.Errorf("the first server: %v", err)
	} else if res.Body.Close(); res.StatusCode != 200 {
		t.Errorf("the first server: %s", res.Status)
	}
	// The link works once.
	_, code, _ := strings.Cut(p.Output(), "/#setup=")
	code, _, _ = strings.Cut(code, "\n")
	sign := func(name string) (int, error) {
		return call(t.Context(), p.URL, "POST", "/accounts", "",
			map[string]string{"name": name, "password": "password123", "invite": code}, nil)
	}
	if status, err := sign("Pablo"); status != 201 {
		t.Errorf("the first person: %d, %v", status, err)
	}
	if status, _ := sign("Eve"); status != 404 {
		t.Errorf("a second person with the same link: %d", status)
	}
}

func TestStopsInOrder(t *testing.T) {
	data := t.TempDir()
	p := launch(t, data, "--demo", "--log-format", "json")
	token := p.logIn("Pablo")
	p.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, p.Output())
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(p.URL, "http://"), time.Second); err == nil {
		t.Error("it still listens")
	}
	// Sessions and messages are there after a restart, and the demo is not
	// filled in twice.
	q := launch(t, data, "--demo")
	var page struct {
		Messages []struct{ Text string } `json:"messages"`
	}
	if _, err := call(t.Context(), q.URL, "GET", "/rooms/general/messages", token, nil,
		&page); err != nil || len(page.Messages) != 9 {
		t.Errorf("%d messages, %v", len(page.Messages), err)
	}
	if !strings.Contains(q.Output(), "not filled") {
		t.Errorf("the second start says\n%s", q.Output())
	}
}

func TestOperator(t *testing.T) {
	data := t.TempDir()
	if _, err := try(t, nil, "", "user", "list", "--data",
		filepath.Join(data, "none")); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("without data: %v", err)
	}
	operate := func(want, input string, args ...string) {
		t.Helper()
		out, err := try(t, nil, input, append(append([]string{"user"}, args...), "--data", data)...)
		if err != nil {
			out = err.Error()
		}
		if !strings.Contains(out, want) {
			t.Errorf("user %v: %q, want something like %q", args, out, want)
		}
	}
	all := func() {
		operate("added Pablo (owner)", "password123\n", "add", "Pablo", "--role", "owner")
		operate("That name (or one that looks the same) is taken", "password123\n", "add", "pablo")
		operate("at least 8", "short\n", "add", "Joe")
		operate("give the password", "", "add", "Joe")
		operate("added Joe", "password123", "add", "Joe")
		operate("Joe    member", "", "list")
		operate("new password", "password456\n", "passwd", "joe")
		operate("can no longer log in", "", "disable", "Joe")
		operate("disabled", "", "list")
		operate("can log in again", "", "enable", "Joe")
		operate("no second factor", "", "reset-factor", "Joe")
		operate("nobody called", "", "disable", "Mary")
	}
	all() // on the data
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	data = filepath.Join(data, strings.Repeat("long/", 30))
	p := launch(t, data)
	all() // through the running server, over a path too long for a socket
	var out struct {
		Token string `json:"token"`
	}
	if _, err := call(t.Context(), p.URL, "POST", "/sessions", "",
		map[string]string{"name": "Joe", "password": "password456"}, &out); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	var begun chat.NewFactorOutput
	if _, err := call(t.Context(), p.URL, "POST", "/account/factor", out.Token, nil, &begun); err != nil {
		t.Fatal(err)
	}
	code := chattest.AppCode(t, begun.Secret, time.Now())
	if _, err := call(t.Context(), p.URL, "PUT", "/account/factor", out.Token,
		map[string]string{"code": code}, nil); err != nil {
		t.Fatal(err)
	}
	operate("without a second factor", "", "reset-factor", "Joe")
	operate("can no longer log in", "", "disable", "Joe")
	if status, _ := call(t.Context(), p.URL, "GET", "/account", out.Token, nil, nil); status != 401 {
		t.Errorf("a disabled person's request: %d", status)
	}
	p.Kill() // its socket stays behind
	operate("Joe", "", "list")
}
