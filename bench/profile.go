package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// inside is compiled into the server that is profiled, and into no other: it
// writes a profile between two signals.
//
//go:embed testdata/inside.go
var inside []byte

// profiles says where the server's time goes, in shares, under the loads of
// fanout and sends.
func (b *bench) profiles(stores []string) error {
	if err := b.buildProfiled(); err != nil {
		return err
	}
	var columns []string
	shares := map[string][]float64{}
	for _, b.store = range stores {
		for _, load := range []struct {
			name   string
			people int
			run    func(clients []*client, stop time.Time) error
		}{
			{"200 members, 100 messages/s", 200,
				func(clients []*client, stop time.Time) error { return steady(clients[0], 100, stop) }},
			{"200 members, as fast as they come", 200,
				func(clients []*client, stop time.Time) error { return flood(clients[:8], 32, stop) }},
			{"64 senders, nobody listens", 64,
				func(clients []*client, stop time.Time) error { return flood(clients, 1, stop) }},
		} {
			fmt.Fprintln(os.Stderr, "profiling", load.name, "with the store:", b.store)
			total, parts, err := b.profile(load.people, !strings.Contains(load.name, "nobody"), load.run)
			if err != nil {
				return err
			}
			columns = append(columns, load.name+", "+b.store)
			for part, v := range parts {
				if shares[part] == nil {
					shares[part] = make([]float64, 3*len(stores))
				}
				shares[part][len(columns)-1] = 100 * float64(v) / float64(total)
			}
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| %% of the server's CPU | %s |\n|---|%s\n", strings.Join(columns, " | "),
		strings.Repeat("---:|", len(columns)))
	for _, part := range slices.SortedFunc(maps.Keys(shares),
		func(a, b string) int { return int(1e3 * (slices.Max(shares[b]) - slices.Max(shares[a]))) }) {
		if slices.Max(shares[part]) < 1 {
			continue
		}
		fmt.Fprintf(&table, "| %s |", part)
		for _, v := range shares[part] {
			fmt.Fprintf(&table, " %.0f |", v)
		}
		fmt.Fprintln(&table)
	}
	return b.publish("profile", table.String())
}

// buildProfiled builds the server with one file more.
func (b *bench) buildProfiled() error {
	file := filepath.Join(b.dir, "inside.go")
	overlay := filepath.Join(b.dir, "overlay.json")
	target, err := filepath.Abs("cmd/parley/zz_profiled.go")
	if err != nil {
		return err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{target: file}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, inside, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", b.binary, "./cmd/parley")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	return build.Run()
}

// profile returns how much of the server's time under a load went to what, in
// nanoseconds.
func (b *bench) profile(people int, listen bool,
	run func(clients []*client, stop time.Time) error) (total int64, parts map[string]int64, err error) {
	d, err := b.data(fmt.Sprint("profile", time.Now().UnixNano()))
	if err != nil {
		return 0, nil, err
	}
	defer d.close()
	file := filepath.Join(b.dir, "profile")
	if err := os.Setenv("BENCH_PROFILE", file); err != nil {
		return 0, nil, err
	}
	s, err := b.startServer(d)
	if err != nil {
		return 0, nil, err
	}
	tokens, err := s.people(b.ctx, people)
	if err != nil {
		return 0, nil, err
	}
	var clients []*client
	if listen {
		clients, err = b.join([]*server{s}, tokens, 1)
	} else {
		for i, token := range tokens {
			var c *client
			if c, err = dial(b.ctx, s, token, i); err != nil {
				break
			}
			go c.read()
			clients = append(clients, c)
		}
	}
	if err != nil {
		return 0, nil, err
	}
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return 0, nil, err
	}
	if err := run(clients, time.Now().Add(b.seconds)); err != nil {
		return 0, nil, err
	}
	if err := s.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		return 0, nil, err
	}
	if err := s.stop(); err != nil { // which waits for the profile
		return 0, nil, err
	}
	out, err := exec.Command("go", "tool", "pprof", "-traces", b.binary, file).Output()
	if err != nil {
		return 0, nil, fmt.Errorf("pprof: %w", err)
	}
	return attribute(out)
}

// attribute sums up what pprof -traces lists, by what the time was for.
func attribute(traces []byte) (total int64, parts map[string]int64, err error) {
	parts = map[string]int64{}
	var value int64
	var stack []string
	flush := func() {
		if len(stack) > 0 {
			total += value
			parts[purpose(stack)] += value
		}
		stack = nil
	}
	begun := false
	for lines := bufio.NewScanner(bytes.NewReader(traces)); lines.Scan(); {
		text := lines.Text()
		if strings.HasPrefix(text, "-----------+") {
			flush()
			begun = true
			continue
		}
		fields := strings.Fields(text)
		if !begun || len(fields) == 0 {
			continue
		}
		if len(stack) == 0 {
			d, err := time.ParseDuration(fields[0])
			if err != nil {
				seconds, err2 := strconv.ParseFloat(strings.TrimSuffix(fields[0], "mins"), 64)
				if err2 != nil {
					return 0, nil, err
				}
				d = time.Duration(seconds * float64(time.Minute))
			}
			value, fields = d.Nanoseconds(), fields[1:]
		}
		stack = append(stack, strings.Join(fields, " "))
	}
	flush()
	if total == 0 {
		return 0, nil, fmt.Errorf("the profile is empty")
	}
	return total, parts, nil
}

// purpose says what the innermost function that has one was called for.
func purpose(stack []string) string {
	call := strings.Contains(stack[0], "yscall") || strings.Contains(stack[0], "Syscall6")
	for _, f := range stack {
		for _, of := range purposes {
			if strings.Contains(f, of.within) {
				if call && of.call != "" {
					return of.call
				}
				return of.what
			}
		}
	}
	return "the rest of the runtime"
}

var purposes = []struct{ within, what, call string }{
	{"internal/ws.(*conn).try", "sockets: write(2)", ""},
	{"internal/ws.(*inbox)", "sockets: read(2)", ""},
	{"internal/ws.", "handler (internal/ws)", ""},
	{"internal/wire.", "frames and JSON (internal/wire)", ""},
	{"encoding/json", "frames and JSON (internal/wire)", ""},
	{"internal/hub.", "fan-out (internal/hub)", ""},
	{"internal/chat.", "rules (internal/chat)", ""},
	{"internal/limit.", "rules (internal/chat)", ""},
	{"modernc.org/", "SQLite", "SQLite: write(2), fsync(2)"},
	{"internal/sqlite", "store's own part", ""},
	{"internal/redisstore", "store's own part", ""},
	{"redis/rueidis", "Redis client", "Redis client: read(2), write(2)"},
	{"runtime.gcBgMarkWorker", "garbage collector", ""},
	{"runtime.bgsweep", "garbage collector", ""},
	{"runtime.netpoll", "runtime: waiting for sockets", ""},
	{"runtime.schedule", "runtime: scheduling", ""},
	{"runtime.mcall", "runtime: scheduling", ""},
	{"runtime.mstart", "runtime: scheduling", ""},
}
