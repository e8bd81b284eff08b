// Command bench starts the real server and measures what the design promises:
// server CPU time per delivery, memory per idle connection, durable sends per
// second, the cost of history, and the start.
//
//	go run ./bench [-only fanout,memory] [-store embedded,redis] [-seconds 5] [-into page]
//	go run ./bench -grow [-only members,rooms,conns,stored,nodes,model] [-store embedded,redis] [-quick] [-into page]
//	go run ./bench -profile [-store embedded,redis] [-seconds 5] [-into page]
//
// With -grow it asks how cost grows, and whether a model of it predicts what it
// has not seen; with -profile, where the server's time goes.
//
// It prints one JSON line per figure and a table at the end. Clients run in
// this process, on the same machine, so that wall-clock figures include them;
// CPU and memory are the server's alone, read from /proc. Linux only.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// figure is one thing measured.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  string  `json:"goal"`
	Met   bool    `json:"met"`
}

// bench is one run.
type bench struct {
	ctx     context.Context
	binary  string
	dir     string
	seconds time.Duration
	figures []figure
	store   string // embedded or redis
	page    string // where results are put, if anywhere
}

// report keeps and prints a figure; the goal is an upper bound, or a lower one
// if atLeast.
func (b *bench) report(name string, value float64, unit string, goal float64, atLeast bool) {
	if b.store == "redis" {
		name += ", Redis"
	}
	f := figure{Name: name, Value: value, Unit: unit, Goal: fmt.Sprintf("≤ %.4g", goal), Met: value <= goal}
	if atLeast {
		f.Goal, f.Met = fmt.Sprintf("≥ %.0f", goal), value >= goal
	}
	b.keep(f)
}

// note keeps and prints a figure without a goal.
func (b *bench) note(name string, value float64, unit string) {
	b.keep(figure{Name: name, Value: value, Unit: unit, Met: true})
}

func (b *bench) keep(f figure) {
	b.figures = append(b.figures, f)
	line, _ := json.Marshal(f)
	fmt.Println(string(line))
}

func main() {
	only := flag.String("only", "",
		"measure only these parts, comma-separated: start, fanout, memory, sends, history, peer; or those of -grow")
	stores := flag.String("store", "embedded,redis", "stores to measure, comma-separated")
	seconds := flag.Int("seconds", 5, "seconds that each load lasts")
	growing := flag.Bool("grow", false, "measure how cost grows instead")
	quick := flag.Bool("quick", false, "with -grow: small sizes, to see whether it works")
	profiling := flag.Bool("profile", false, "measure where the server's time goes instead")
	page := flag.String("into", "",
		"put the results into this page too, in place of those of an earlier run (docs/performance.md)")
	floor := flag.String("floor", "",
		"connections,rate,duration: be the server that only writes (used by the benchmark itself)")
	flag.Parse()
	if *floor != "" {
		var conns, rate int
		var lasts string
		_, err := fmt.Sscanf(*floor, "%d,%d,%s", &conns, &rate, &lasts)
		if err == nil {
			var d time.Duration
			if d, err = time.ParseDuration(lasts); err == nil {
				err = serveFloor(conns, rate, d)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	err := run(time.Duration(*seconds)*time.Second, *stores, func(b *bench, stores []string) error {
		b.page = *page
		switch {
		case *growing:
			return b.grow(*only, stores, *quick)
		case *profiling:
			return b.profiles(stores)
		}
		return b.goals(*only, stores)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run builds the server, and has it measured with those of the stores that can
// be had here.
func run(seconds time.Duration, stores string, measure func(b *bench, stores []string) error) error {
	dir, err := os.MkdirTemp("", "parley-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{ctx: context.Background(), dir: dir, binary: filepath.Join(dir, "parley"), seconds: seconds}
	fmt.Fprintln(os.Stderr, "building the server")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, "./cmd/parley")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr // as make builds it
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w (run it from the root of the repository)", err)
	}
	var there []string
	for store := range strings.SplitSeq(stores, ",") {
		if store != "embedded" && store != "redis" {
			return fmt.Errorf("-store: %q is neither embedded nor redis", store)
		}
		if _, err := exec.LookPath("redis-server"); store == "redis" && err != nil {
			fmt.Fprintln(os.Stderr, "there is no redis-server: its columns are left out (make needs installs it)")
			continue
		}
		there = append(there, store)
	}
	return measure(b, there)
}

// goals measures what the design promises.
func (b *bench) goals(only string, stores []string) error {
	for _, b.store = range stores {
		for _, part := range []struct {
			name string
			run  func() error
		}{{"start", b.start}, {"fanout", b.fanout}, {"memory", b.memory}, {"sends", b.sends},
			{"history", b.history}, {"peer", b.peer}} {
			if only != "" && !slices.Contains(strings.Split(only, ","), part.name) {
				continue
			}
			fmt.Fprintln(os.Stderr, "measuring", part.name, "with the store:", b.store)
			if err := part.run(); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	var table strings.Builder
	fmt.Fprint(&table, "| what | measured | goal | |\n|---|---:|---|---|\n")
	for _, f := range b.figures {
		verdict := "met"
		if f.Goal == "" {
			verdict = ""
		}
		if f.Goal != "" && !f.Met {
			verdict = "not met"
		}
		fmt.Fprintf(&table, "| %s | %s %s | %s | %s |\n", f.Name, digits(f.Value), f.Unit, f.Goal, verdict)
	}
	return b.publish("goals", table.String())
}

// publish prints a result, and puts it into the page, if one was named, between
// the lines that are marked for it.
func (b *bench) publish(what, text string) error {
	fmt.Print("\n" + text)
	if b.page == "" {
		return nil
	}
	page, err := os.ReadFile(b.page)
	if err != nil {
		return err
	}
	begin, end := "<!-- bench: "+what+" -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no lines %q and %q", b.page, strings.TrimSpace(begin),
			strings.TrimSpace(end))
	}
	return os.WriteFile(b.page, []byte(before+begin+"\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644)
}
