package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// sample has a setting of every kind.
type sample struct {
	From    string `arg:"" help:"Where from."`
	Text    string `help:"Some text." placeholder:"TEXT" default:"a, b"`
	Mode    string `help:"A choice." enum:"slow,fast" default:"slow"`
	MaxRows int    `help:"A number." default:"50"`
	Wait    time.Duration
	Keep    bool     `help:"A switch."`
	Names   []string `help:"A list." default:"calm" placeholder:"NAME"`
	inner
	TLSKey string `help:"Not from the environment." env:"-"`
	ran    *sample
}

type inner struct {
	PublicURL string `help:"In an embedded struct."`
}

func (s *sample) Run(context.Context, console) error {
	*s.ran = *s
	return nil
}

// trySample runs "x do" with settings from everywhere, and returns what the
// command got.
func trySample(t *testing.T, file string, environ []string, args ...string) (sample, string, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "x.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	var got sample
	var out bytes.Buffer
	b := builder{environ: environ, console: console{strings.NewReader(""), &out, &out},
		arguments: map[*cobra.Command][]*setting{}}
	all := b.group("x", "Tries.", &b.everywhere, b.command("do", "Does.", &sample{ran: &got}))
	err := b.execute(t.Context(), all, append([]string{"do"}, args...))
	got.ran = nil
	return got, out.String(), err
}

func TestSettingsComeFromEverywhere(t *testing.T) {
	base := func(change func(*sample)) sample {
		s := sample{From: "here", Text: "a, b", Mode: "slow", MaxRows: 50, Names: []string{"calm"}}
		change(&s)
		return s
	}
	for _, c := range []struct {
		name    string
		file    string
		environ []string
		args    []string
		want    sample
	}{
		{"nowhere", "", nil, nil, base(func(*sample) {})},
		{"flags", "", nil,
			[]string{"--text", "c", "--mode=fast", "--max-rows", "-1", "--wait", "1h30m", "--keep",
				"--names", "a,b", "--names=c", "--public-url", "u", "--tls-key", "k"},
			base(func(s *sample) {
				s.Text, s.Mode, s.MaxRows, s.Wait, s.Keep, s.Names, s.PublicURL, s.TLSKey = "c",
					"fast", -1, 90*time.Minute, true, []string{"a", "b", "c"}, "u", "k"
			})},
		{"environment", "", []string{"PARLEY_TEXT=c", "PARLEY_MODE=fast", "PARLEY_MAX_ROWS=100_000",
			"PARLEY_WAIT=5s", "PARLEY_KEEP=yes", "PARLEY_NAMES=a,b", "PARLEY_PUBLIC_URL=a=b"}, nil,
			base(func(s *sample) {
				s.Text, s.Mode, s.MaxRows, s.Wait, s.Keep, s.Names, s.PublicURL = "c", "fast",
					100_000, 5*time.Second, true, []string{"a", "b"}, "a=b"
			})},
		{"file", "text = \"c\"\nmode = \"fast\"\nmax-rows = -1\nwait = \"5s\"\nkeep = true\nnames = [\"a,b\", \"c\"]\ntls-key = \"k\"", nil, nil,
			base(func(s *sample) {
				s.Text, s.Mode, s.MaxRows, s.Wait, s.Keep, s.Names, s.TLSKey = "c", "fast", -1,
					5*time.Second, true, []string{"a,b", "c"}, "k"
			})},
		{"flag before environment before file", "text = \"file\"\nmax-rows = 1\nmode = \"fast\"",
			[]string{"PARLEY_TEXT=environment", "PARLEY_MAX_ROWS=2"}, []string{"--text", "flag"},
			base(func(s *sample) { s.Text, s.MaxRows, s.Mode = "flag", 2, "fast" })},
		{"a switch turned off again", "keep = true", nil, []string{"--keep=false"}, base(func(*sample) {})},
		{"empty where it is a value", "text = \"file\"\nnames = []", []string{"PARLEY_TEXT="}, nil,
			base(func(s *sample) { s.Text, s.Names = "", nil })},
	} {
		got, out, err := trySample(t, c.file, c.environ, append(c.args, "here")...)
		if err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		} else if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(sample{}, inner{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestSettingsThatAreWrong wants it said which setting, where it comes from,
// and what would be right.
func TestSettingsThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		file    string
		environ []string
		args    []string
		want    string
	}{
		{args: []string{"here", "--max-rows", "many"},
			want: `--max-rows must be a whole number, not "many" (see x do --help)`},
		{args: []string{"here", "--mode", "best"}, want: `--mode must be slow or fast, not "best"`},
		{args: []string{"here", "--wait", "5"}, want: `--wait must be a duration like 90s or 1h30m, not "5"`},
		{args: []string{"here", "--keep=perhaps"}, want: `--keep must be true or false, not "perhaps"`},
		{args: []string{"here", "--max-row", "5"},
			want: "there is no flag --max-row, did you mean --max-rows?"},
		{args: []string{"here", "--text"}, want: "--text"},
		{args: nil, want: "expected <from>"},
		{args: []string{"here", "there"}, want: "unexpected argument there"},
		{environ: []string{"PARLEY_MAX_ROWS=many"}, args: []string{"here"},
			want: `PARLEY_MAX_ROWS must be a whole number, not "many"`},
		{environ: []string{"PARLEY_MODE="}, args: []string{"here"},
			want: `PARLEY_MODE must be slow or fast, not ""`},
		{file: `max-rows = "many"`, args: []string{"here"},
			want: `config file: max-rows must be a whole number, not "many"`},
		{file: `max-rows = [1, 2]`, args: []string{"here"},
			want: "config file: max-rows must be one value, not a list"},
		{file: `max-row = 1`, args: []string{"here"},
			want: `config file: there is no setting "max-row", did you mean max-rows?`},
		{file: `config = "other"`, args: []string{"here"}, want: `config file: there is no setting "config"`},
		{file: `max-rows = `, args: []string{"here"}, want: "config file: toml: line 1"},
	} {
		if _, _, err := trySample(t, c.file, c.environ, c.args...); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %v %v: %v, want %s", c.file, c.environ, c.args, err, c.want)
		}
	}
}

// TestServiceLinks: what Kubernetes sets for a Service called parley is no
// misspelt setting.
func TestServiceLinks(t *testing.T) {
	for entry, want := range map[string]bool{
		"PARLEY_SERVICE_HOST=10.0.0.1": true, "PARLEY_SERVICE_PORT=80": true,
		"PARLEY_SERVICE_PORT_HTTP=80": true, "PARLEY_PORT=tcp://10.0.0.1:80": true,
		"PARLEY_PORT_80_TCP=tcp://10.0.0.1:80": true, "PARLEY_PORT_80_TCP_PROTO=tcp": true,
		"PARLEY_PORT_80_TCP_PORT=80": true, "PARLEY_PORT_80_TCP_ADDR=10.0.0.1": true,
		"PARLEY_REDIS_SERVICE_PORT_6379_TCP=6379": true, "PARLEY_REDIS_SERVICE_HOST=fd00::1": true,
		"PARLEY_REDIS_PORT=tcp://[fd00::1]:6379": true, "PARLEY_REDIS_PORT_53_UDP=udp://10.0.0.1:53": true,
		"PARLEY_PORT=8080": false, "PARLEY_REDIS_PORT=6379": false, "PARLEY_SERVICE_PORT=many": false,
		"PARLEY_LISTEM=:80": false, "PARLEY_PORTS=tcp://10.0.0.1:80": false,
	} {
		b := builder{environ: []string{entry}}
		if err := b.unknownEnvironment(); (err == nil) != want {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestHelp(t *testing.T) {
	_, out, err := trySample(t, "", nil, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Usage: x do <from> [flags]\n\nDoes.\n",
		"  <from>  Where from.\n", "--text TEXT", "[PARLEY_TEXT] (default a, b)", "--names NAME,...",
		"A number. [PARLEY_MAX_ROWS] (default 50)", "Not from the environment.\n", "--config FILE"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if len(line) > helpWidth+1 {
			t.Errorf("wider than a terminal: %s", line)
		}
	}
}

func TestCommandsAreFound(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", "expected a command: serve, user, fsck, "},
		{"serv", "there is no command serv, did you mean serve? (see parley --help)"},
		{"serv --listen :1", "there is no command serv, did you mean serve?"},
		{"user", "expected a command: add, passwd, link, reset-factor, list, disable or enable (see parley user --help)"},
		{"user ad", "there is no command ad, did you mean add?"},
		{"migrate --from x", "missing --to (see parley migrate --help)"},
		{"serve --max-sends -2", "--max-sends: must be at least 1, or -1 for no limit"},
	} {
		if _, err := try(t, nil, "", strings.Fields(c.line)...); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("parley %s: %v, want %s", c.line, err, c.want)
		}
	}
	if out, err := try(t, nil, "", "user", "add", "-h"); err != nil ||
		!strings.Contains(out, "--role") || !strings.Contains(out, "--data DIR") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := try(t, nil, "", "__complete", "serve", "--sign-up", ""); err != nil ||
		!strings.HasPrefix(out, "open\ninvite\nclosed\n") {
		t.Errorf("completion: %v\n%s", err, out)
	}
	if out, err := try(t, nil, "", "completion", "bash"); err != nil ||
		!strings.Contains(out, "__start_parley") {
		t.Errorf("completion: %v\n%.200s", err, out)
	}
}

func TestDashed(t *testing.T) {
	for name, want := range map[string]string{"Listen": "listen", "PublicURL": "public-url",
		"TLSCert": "tls-cert", "MaxUserSockets": "max-user-sockets", "URL": "url"} {
		if got := dashed(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
