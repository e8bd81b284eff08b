package connect

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Config{
		"redis://localhost":                  {Addrs: []string{"localhost:6379"}},
		"redis://":                           {Addrs: []string{"localhost:6379"}},
		"redis://:6380/3":                    {Addrs: []string{"localhost:6380"}, DB: 3},
		"redis://me:p%40ss%2F@h:1/":          {Addrs: []string{"h:1"}, Username: "me", Password: "p@ss/"},
		"redis://:a:b@c@h":                   {Addrs: []string{"h:6379"}, Password: "a:b@c"},
		"redis://[::1]:7?db=2&client_name=x": {Addrs: []string{"[::1]:7"}, DB: 2, ClientName: "x"},
		"redis://h?dial_timeout=2s":          {Addrs: []string{"h:6379"}, DialTimeout: 2 * time.Second},
		"unix:///run/redis.sock?db=1":        {Addrs: []string{"/run/redis.sock"}, DB: 1},
		"unix://me:secret@/run/redis.sock": {Addrs: []string{"/run/redis.sock"}, Username: "me",
			Password: "secret"},
		"redis+cluster://a:1,b,c:3": {Mode: Cluster, Addrs: []string{"a:1", "b:6379", "c:3"}},
		"redis+sentinel://:pw@a,b:2/main/4": {Mode: Sentinel, Addrs: []string{"a:26379", "b:2"},
			MasterSet: "main", DB: 4, Password: "pw"},
		"redis+sentinel://a/main?start_timeout=1m&sentinel_password=s": {Mode: Sentinel,
			Addrs: []string{"a:26379"}, MasterSet: "main", StartTimeout: time.Minute, SentinelPassword: "s"},
	} {
		got, err := Parse(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
	secure, err := Parse("rediss+cluster://a,b?server_name=redis.example")
	if err != nil || secure.TLS == nil || secure.TLS.ServerName != "redis.example" || secure.Mode != Cluster {
		t.Errorf("%+v, %v", secure, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "begins with",
		"localhost:6379":                "begins with",
		"http://localhost":              "http",
		"redis://a,b":                   "several addresses",
		"redis://h:port":                "port",
		"redis://h:99999":               "1 to 65535",
		"redis://h:1:2":                 "host:port",
		"redis://h/x":                   "database number",
		"redis://h/1?db=2":              "two database numbers",
		"redis://h/0?db=2":              "two database numbers",
		"redis://h?db=1&db=2":           "twice",
		"redis://h?start_timeout=-5s":   "above zero",
		"redis://h/1/2":                 "too long",
		"redis://h?dbb=2":               "dbb",
		"redis://h?dial_timeout=5":      "dial_timeout",
		"redis://me:secret%zz@h":        "%25",
		"redis+sentinel://h":            "master",
		"redis+cluster://h?db=2":        "cluster",
		"unix://host/path":              "unix:///",
		"redis://h?ca=/none":            "rediss",
		"rediss://h?ca=/does/not/exist": "/does/not/exist",
		"redis://me:secret@h:bad?x=%zz": "port",
		"redis://me:secret@h?x=%zz":     "question mark",
		"redis://me:secret":             "port",
		"redis://me:secret/x@h":         "%2F",
		"redis://me:secret?x@h":         "%3F",
		"redis://me:1/secret@h":         "%2F",
		"redis://me:1?secret@h":         "%3F",
		"redis://u:p@ss/secret@h":       "%2F",
		"redis+sentinel://:1/secret@a":  "%2F",
		"me:secret://x":                 "begins with",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want something about %q", text, err, want)
		}
	}
}

func TestFromEnv(t *testing.T) {
	type env map[string]string
	for _, c := range []struct {
		env  env
		want Config
		err  string
	}{
		{env{}, Config{Addrs: []string{"localhost:6379"}}, ""},
		{env{"REDIS_URL": "redis://u@h/1", "REDIS_PASSWORD": "p"},
			Config{Addrs: []string{"h:6379"}, Username: "u", Password: "p", DB: 1}, ""},
		{env{"REDIS_HOST": "h", "REDIS_PORT": "7", "REDIS_USERNAME": "u", "REDIS_PASSWORD": "p",
			"REDIS_DB": "2", "REDIS_TLS": "false"},
			Config{Addrs: []string{"h:7"}, Username: "u", Password: "p", DB: 2}, ""},
		{env{"REDIS_HOST": "::1"}, Config{Addrs: []string{"[::1]:6379"}}, ""},
		{env{"REDIS_URL": "redis://h", "REDIS_HOST": "g"}, Config{}, "REDIS_HOST"},
		{env{"REDIS_URL": "redis://:a@h", "REDIS_PASSWORD": "b"}, Config{}, "REDIS_PASSWORD"},
		{env{"REDIS_URL": "redis:/h"}, Config{}, "REDIS_URL"},
		{env{"REDIS_PORT": "many"}, Config{}, "REDIS_PORT"},
		{env{"REDIS_PORT": "tcp://10.0.0.1:6379", "REDIS_HOST": "redis"},
			Config{Addrs: []string{"redis:6379"}}, ""},
		{env{"REDIS_PORT": "tcp://10.0.0.1:6379", "REDIS_URL": "redis://h:7"},
			Config{Addrs: []string{"h:7"}}, ""},
		{env{"REDIS_PORT": "tcp:6379"}, Config{}, "REDIS_PORT"},
		{env{"REDIS_HOST": "h:7"}, Config{}, "REDIS_PORT"},
		{env{"REDIS_HOST": "redis://:secret@h"}, Config{}, "REDIS_URL"},
		{env{"REDIS_HOST": "a,b"}, Config{}, "REDIS_URL"},
		{env{"REDIS_DB": "-1"}, Config{}, "REDIS_DB"},
		{env{"REDIS_TLS": "perhaps"}, Config{}, "REDIS_TLS"},
	} {
		got, err := FromEnv(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v: %v, want something about %s", c.env, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Config{}, "TLS")); diff != "" || err != nil {
			t.Errorf("%v: %v %s", c.env, err, diff)
		}
	}
}

// TestConfigHidesSecrets logs a configuration in every usual way.
func TestConfigHidesSecrets(t *testing.T) {
	c, err := Parse("redis+sentinel://me:secret@a,b/main?sentinel_password=secret")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, format := range []string{"%v ", "%+v ", "%#v ", "%s "} {
		fmt.Fprintf(&out, format, c)
		fmt.Fprintf(&out, format, &c)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("redis", "config", c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("redis", "config", c)
	if text := out.String(); strings.Contains(text, "secret") ||
		strings.Count(text, "a:26379, b:26379") != 10 {
		t.Error(text)
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	for attempt := range 100 {
		if d := b.Delay(attempt); d < 5*time.Millisecond || d > time.Second || attempt > 10 &&
			d < 500*time.Millisecond {
			t.Errorf("attempt %d: %v", attempt, d)
		}
	}
	if d := (Backoff{}).Delay(1); d < 25*time.Millisecond || d > 50*time.Millisecond {
		t.Errorf("default: %v", d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("redis+sentinel://u:p@a:1,b/main/1?db=1")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err == nil && (len(c.Addrs) == 0 || c.DB < 0) {
			t.Errorf("%q gives %+v", text, c)
		}
	})
}
