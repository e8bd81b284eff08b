package redisstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

func examine(t *testing.T, d redisstore.Doctor) []backend.Finding {
	t.Helper()
	findings, err := d.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// has returns the findings about something, of which one must be of the level
// and contain the words.
func has(t *testing.T, findings []backend.Finding, level backend.Level, about, words string) {
	t.Helper()
	for _, f := range findings {
		if f.About == about && f.Level == level && strings.Contains(f.String(), words) {
			return
		}
	}
	var all strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&all, "\n%v %v", f.Level, f)
	}
	t.Errorf("no %v about %s with %q:%s", level, about, words, all.String())
}

func worst(findings []backend.Finding) backend.Level {
	w := backend.OK
	for _, f := range findings {
		w = max(w, f.Level)
	}
	return w
}

// TestDoctor looks at what the tests run on: nothing is refused, each master is
// looked at, and nothing is left behind.
func TestDoctor(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		findings := examine(t, redisstore.Doctor{Client: client, Subscriber: d.Client(t)})
		if worst(findings) == backend.Refusal {
			t.Errorf("refused: %v", findings)
		}
		masters := 1
		if c, ok := d.(*redistest.Cluster); ok {
			masters = len(c.Masters)
			has(t, findings, backend.OK, "cluster", "all slots")
		}
		for _, about := range []string{"version", "eviction", "persistence", "replication",
			"permissions", "scripts", "publish and subscribe", "clock", "round trip"} {
			at := map[string]bool{}
			for _, f := range findings {
				if f.About == about {
					at[f.Where] = true
				}
			}
			if len(at) != masters || at[""] {
				t.Errorf("%s was looked at on %v, want %d masters", about, at, masters)
			}
		}
		has(t, findings, backend.Warning, "persistence", "nothing is written to disk")
		has(t, findings, backend.OK, "eviction", "noeviction")
		for addr, node := range client.Nodes() {
			if n, err := node.Do(t.Context(), node.B().Dbsize().Build()).AsInt64(); err != nil || n != 0 {
				t.Errorf("the doctor left %d keys on %s (%v)", n, addr, err)
			}
		}
	})
}

func TestDoctorSettings(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		doctor redisstore.Doctor
		level  backend.Level
		about  string
		words  string
	}{
		{"allkeys", []string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"},
			redisstore.Doctor{}, backend.Refusal, "eviction", "allkeys-lru"},
		{"allkeys without a limit", []string{"--maxmemory-policy", "allkeys-random"},
			redisstore.Doctor{}, backend.Refusal, "eviction", "CONFIG SET maxmemory-policy noeviction"},
		{"allkeys wanted", []string{"--maxmemory-policy", "allkeys-lfu"},
			redisstore.Doctor{Eviction: true}, backend.Warning, "eviction", "allkeys-lfu"},
		{"volatile", []string{"--maxmemory-policy", "volatile-lru"}, redisstore.Doctor{},
			backend.Warning, "eviction", "which sends are known"},
		{"no limit", nil, redisstore.Doctor{}, backend.Note, "memory", "no maxmemory"},
		{"roomy", []string{"--maxmemory", "100mb"}, redisstore.Doctor{}, backend.OK, "memory",
			"of 100.0 MiB"},
		{"full", []string{"--maxmemory", "500kb"}, redisstore.Doctor{}, backend.Warning, "memory",
			"read and not send"},
		{"nothing on disk", nil, redisstore.Doctor{}, backend.Warning, "persistence",
			"nothing is written"},
		{"snapshots", []string{"--save", "3600 1"}, redisstore.Doctor{}, backend.Warning,
			"persistence", "snapshots only (save 3600 1)"},
		{"everysec", []string{"--appendonly", "yes"}, redisstore.Doctor{}, backend.Note,
			"persistence", "every second"},
		{"always", []string{"--appendonly", "yes", "--appendfsync", "always"}, redisstore.Doctor{},
			backend.OK, "persistence", "before each answer"},
		{"no fsync", []string{"--appendonly", "yes", "--appendfsync", "no"}, redisstore.Doctor{},
			backend.Warning, "persistence", "half a minute"},
		{"no fsync at times", []string{"--appendonly", "yes", "--no-appendfsync-on-rewrite", "yes"},
			redisstore.Doctor{}, backend.Warning, "persistence", "no-appendfsync-on-rewrite"},
		{"no replica", nil, redisstore.Doctor{}, backend.Note, "replication", "no replica"},
		{"waits for what is not there", nil, redisstore.Doctor{Replicas: 2}, backend.Warning,
			"replication", "NO MESSAGE IS ACKNOWLEDGED"},
		{"needs what is not there", []string{"--min-replicas-to-write", "1"}, redisstore.Doctor{},
			backend.Warning, "replication", "every change is refused"},
		{"quiet connections", []string{"--timeout", "5"}, redisstore.Doctor{}, backend.Note,
			"timeout", "5 s"},
		{"small buffers", []string{"--client-output-buffer-limit", "pubsub 1mb 256kb 10"},
			redisstore.Doctor{}, backend.Warning, "buffers", "1048576 262144 10"},
		{"node of a cluster", []string{"--cluster-enabled", "yes"}, redisstore.Doctor{},
			backend.Refusal, "address", "redis+cluster"},
		{"renamed command", []string{"--rename-command", "HSETNX", ""}, redisstore.Doctor{},
			backend.Refusal, "permissions", "has no HSETNX"},
		{"denied CONFIG", []string{"--rename-command", "CONFIG", ""}, redisstore.Doctor{},
			backend.Note, "unseen", "CONFIG GET is denied"},
		{"denied CONFIG, eviction seen",
			[]string{"--rename-command", "CONFIG", "", "--maxmemory-policy", "allkeys-lru"},
			redisstore.Doctor{}, backend.Refusal, "eviction", "allkeys-lru"},
		{"denied INFO, eviction seen",
			[]string{"--rename-command", "INFO", "", "--maxmemory-policy", "allkeys-lru"},
			redisstore.Doctor{}, backend.Refusal, "eviction", "allkeys-lru"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, c.args...)
			c.doctor.Client, c.doctor.Subscriber = s.Client(t), s.Client(t)
			has(t, examine(t, c.doctor), c.level, c.about, c.words)
		})
	}
}

// until examines until a finding is there: a server finds out about its disk
// and its replicas in its own time.
func until(t *testing.T, d redisstore.Doctor, level backend.Level, about, words string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(
		20 * time.Millisecond) {
		for _, f := range examine(t, d) {
			if f.About == about && f.Level == level && strings.Contains(f.String(), words) {
				return
			}
		}
	}
	has(t, examine(t, d), level, about, words)
}

func TestDoctorSeesAFailedSnapshot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := redistest.Start(t, "--dir", dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Do("BGSAVE"); err != nil {
		t.Fatal(out, err)
	}
	until(t, redisstore.Doctor{Client: s.Client(t), Subscriber: s.Client(t)}, backend.Warning,
		"persistence", "the last snapshot failed")
}

func TestDoctorSeesReplicas(t *testing.T) {
	t.Parallel()
	master := redistest.StartTCP(t, "--repl-diskless-sync-delay", "0")
	_, port, _ := strings.Cut(master.Addr(), ":")
	replica := redistest.StartTCP(t, "--replicaof", "127.0.0.1 "+port)
	d := redisstore.Doctor{Client: master.Client(t), Subscriber: master.Client(t)}
	until(t, d, backend.OK, "replication", "1 replicas")
	has(t, examine(t, d), backend.Warning, "replication", "cut off from its replicas")
	d.Replicas = 1
	findings := examine(t, d)
	has(t, findings, backend.OK, "replication", "before it is acknowledged")
	has(t, findings, backend.Note, "replication", "min-replicas-to-write is 0")
	d.Replicas = 2
	has(t, examine(t, d), backend.Warning, "replication", "only 1 replicas")
	if out, err := master.Do("CONFIG", "SET", "min-replicas-to-write", "1"); err != nil {
		t.Fatal(out, err)
	}
	d.Replicas = 0
	if findings := examine(t, d); slices.ContainsFunc(findings,
		func(f backend.Finding) bool { return f.About == "replication" && f.Level > backend.OK }) {
		t.Errorf("something is still wrong with replication: %v", findings)
	}

	has(t, examine(t, redisstore.Doctor{Client: replica.Client(t), Subscriber: replica.Client(t)}),
		backend.Refusal, "address", "replica")
	replica.Pause() // for as long as the test is there: no sleep, the master counts
	t.Cleanup(replica.Resume)
	until(t, d, backend.Warning, "replication", "behind")
}

// TestDoctorOfABrokenCluster takes a master away.
func TestDoctorOfABrokenCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	d := redisstore.Doctor{Client: c.Client(t), Subscriber: c.Client(t)}
	has(t, examine(t, d), backend.OK, "cluster", "all slots")
	c.Masters[2].Kill()
	// Now: the client forgets a master that the others hold for lost.
	has(t, examine(t, d), backend.Warning, "answer", "does not answer")
	until(t, d, backend.Refusal, "cluster", "state fail")
	// In this order: a cluster that is well does not look at its state again
	// for a setting.
	for _, m := range c.Masters[:2] {
		if out, err := m.Do("CONFIG", "SET", "cluster-require-full-coverage", "no"); err != nil {
			t.Fatal(out, err)
		}
	}
	until(t, d, backend.Warning, "cluster", "state ok")
}

// as returns clients of a user with these rules.
func as(t *testing.T, s *redistest.Server, name string, rules ...string) redisstore.Doctor {
	t.Helper()
	if out, err := s.Do(append([]string{"ACL", "SETUSER", name, "reset", "on", ">secret"},
		rules...)...); err != nil || out != "OK" {
		t.Fatal(out, err)
	}
	o := s.Option()
	o.Username, o.Password, o.DisableCache = name, "secret", true
	open := func() rueidis.Client {
		c, err := rueidis.NewClient(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	return redisstore.Doctor{Client: open(), Subscriber: open()}
}

func TestDoctorNamesWhatIsDenied(t *testing.T) {
	s := redistest.Start(t)
	all := []string{"~parley:*", "&parley:*", "+@all"}
	for _, name := range append(redisstore.Needs(), "SET", "SPUBLISH", "SSUBSCRIBE", "WAIT") {
		d := as(t, s, "u", append(all, "-"+strings.ToLower(name))...)
		if name == "WAIT" {
			d.Replicas = 1
		}
		about := "permissions"
		if name == "SPUBLISH" || name == "SSUBSCRIBE" {
			about = "publish and subscribe"
		}
		has(t, examine(t, d), backend.Refusal, about, name)
	}
	has(t, examine(t, as(t, s, "u", "~other:*", "&parley:*", "+@all")), backend.Refusal,
		"permissions", "~parley:*")
	has(t, examine(t, as(t, s, "u", "~parley:*", "&other:*", "+@all")), backend.Refusal,
		"permissions", "&parley:*")
	d := as(t, s, "u", "~other:*", "&other:*", "+@all")
	d.Prefix = "other"
	if findings := examine(t, d); worst(findings) == backend.Refusal {
		t.Errorf("refused: %v", findings)
	}
	has(t, examine(t, as(t, s, "u", "~parley:*", "&parley:*", "+@all", "-config", "-info")),
		backend.Note, "unseen", "INFO is denied")
}

var (
	scripted = regexp.MustCompile(`(?:call\(|pcall\(|write\(|\{)'([A-Z]+)'`)
	built    = regexp.MustCompile(`\b[bB]\(\)\.\s*([A-Z][A-Za-z]+)\(`)
)

// TestDoctorTriesEverything reads the sources for commands that the doctor does
// not try.
func TestDoctorTriesEverything(t *testing.T) {
	known := append(redisstore.Needs(), "SET", "SPUBLISH", "SSUBSCRIBE", "WAIT")
	known = append(known,
		"ARBITRARY", // WAIT
	)
	seen := 0
	for _, dir := range []string{".", "../../kit/lock", "../../kit/ratelimit"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			pattern := scripted
			switch {
			case strings.HasSuffix(f.Name(), "_test.go") || strings.HasPrefix(f.Name(), "doctor"):
				continue
			case dir == "." && (strings.HasPrefix(f.Name(), "fsck") ||
				strings.HasPrefix(f.Name(), "transfer")):
				continue // the operator's commands, which say so themselves
			case strings.HasSuffix(f.Name(), ".go") && dir == ".":
				pattern = built
			case !strings.HasSuffix(f.Name(), ".lua"):
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
				seen++
				name := strings.ToUpper(m[1])
				if name == "EVALRO" || name == "EVALSHARO" {
					name = strings.TrimSuffix(name, "RO") + "_RO"
				}
				if !slices.Contains(known, name) {
					t.Errorf("%s/%s uses %s, which the doctor does not try", dir, f.Name(), name)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d commands were found", seen)
	}
}

// TestDoctorGivesUp examines a server that accepts and says nothing.
func TestDoctorGivesUp(t *testing.T) {
	s := redistest.Start(t)
	d := redisstore.Doctor{Client: s.Client(t), Subscriber: s.Client(t)}
	s.Pause()
	defer s.Resume()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Examine(ctx); err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("a server that says nothing: %v", err)
	}
}
