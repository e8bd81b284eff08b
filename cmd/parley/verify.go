package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parley-chat/parley/internal/verify"
)

// verification has clients do all they can while things go wrong, and judges
// what they saw.
type verification struct {
	URL       []string `help:"Verify a running chat at these node addresses instead. Sign-up must be open, and limits off. The people and rooms of the run stay on it." placeholder:"URL" env:"-"`
	Nodes     int      `help:"Number of servers of the chat; always one with the embedded store." default:"2" env:"-"`
	Store     string   `help:"Where to keep the data: embedded, redis, sentinel, cluster. Default: each store that the scenario is for." placeholder:"KIND" env:"-"`
	Scenario  []string `help:"Scenarios to run, by name; \"short\" takes about half a minute, \"all\" runs all, \"list\" lists them." default:"calm" placeholder:"NAME" env:"-"`
	Seconds   int      `help:"Seconds that clients act in each scenario." default:"10" env:"-"`
	Clients   int      `help:"Number of people." default:"16" env:"-"`
	Listeners int      `help:"Number of connections, in scenarios with thousands." default:"10000" env:"-"`
	Every     int      `help:"Milliseconds between two actions of one client, on average." default:"40" env:"-"`
	Kills     int      `help:"Minimum number of kills, in scenarios that kill nodes." default:"0" env:"-"`
	History   string   `help:"File for the whole history, as JSON lines; several scenarios get one file each, with their name. By default only a failed run is kept, in a temporary file." placeholder:"FILE" env:"-"`
	Older     string   `help:"The parley of another version with the same layout of the data, for the scenario upgrade." placeholder:"BINARY" env:"-"`
	Keep      bool     `help:"Keep the directories of the nodes and of Redis, with their logs." env:"-"`
}

// Run plays scenarios and prints a line for each. It fails if a promise was
// broken.
func (v verification) Run(ctx context.Context, c console) error {
	if slices.Contains(v.Scenario, "list") {
		return listScenarios(c.out)
	}
	plays, err := v.plays()
	if err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	o := verify.Options{
		Binary: binary, Older: v.Older,
		URLs: v.URL, Nodes: v.Nodes, Clients: v.Clients, Listeners: v.Listeners,
		Kills: v.Kills, Keep: v.Keep,
		For: time.Duration(v.Seconds) * time.Second, Every: time.Duration(v.Every) * time.Millisecond,
	}
	fmt.Fprintln(c.out, verifyHead)
	var bad []string
	for _, p := range plays {
		r, err := verify.Run(ctx, p.scenario, p.store, o)
		switch {
		case errors.Is(err, verify.ErrSkipped):
			fmt.Fprintf(c.out, "%-20s %-9s %v\n", p.scenario.Name, p.store, err)
			continue
		case err != nil:
			return fmt.Errorf("%s on %s: %w", p.scenario.Name, p.store, err)
		}
		fmt.Fprintln(c.out, verifyLine(r))
		file, err := v.keep(r, len(plays) > 1)
		if err != nil {
			return err
		}
		if !r.OK() {
			bad = append(bad, fmt.Sprintf("%s on %s", r.Scenario, r.Store))
			explain(c.out, r, file)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("promises were broken: %s", strings.Join(bad, ", "))
	}
	return nil
}

// play is a scenario on a store.
type play struct {
	scenario verify.Scenario
	store    verify.Store
}

// plays are what is to be run.
func (v verification) plays() ([]play, error) {
	if v.Nodes < 1 || v.Clients < 1 || v.Seconds < 1 || v.Every < 1 || v.Listeners < 1 || v.Kills < 0 {
		return nil, errors.New("--nodes, --clients, --listeners, --seconds and --every must be at least 1, and --kills 0")
	}
	if v.Store != "" && !slices.Contains(verify.Stores, verify.Store(v.Store)) {
		return nil, fmt.Errorf("--store: %q is none of %v", v.Store, verify.Stores)
	}
	if len(v.URL) > 0 && v.Store != "" {
		return nil, errors.New("--store: is for nodes of the verification's own, not with --url")
	}
	for i, u := range v.URL {
		v.URL[i] = strings.TrimRight(u, "/")
	}
	all := slices.Contains(v.Scenario, "all")
	short := slices.Equal(v.Scenario, []string{"short"})
	var scenarios []verify.Scenario
	switch {
	case all:
		scenarios = verify.Scenarios
	case short:
		all = true
		scenarios = verify.Short()
	default:
		for _, name := range v.Scenario {
			s, ok := verify.Find(name)
			if !ok {
				return nil, fmt.Errorf("--scenario: there is no %q (--scenario list lists them)", name)
			}
			scenarios = append(scenarios, s)
		}
	}
	var plays []play
	for _, s := range scenarios {
		if len(v.URL) > 0 {
			if s.Remote() {
				plays = append(plays, play{s, "running"})
			} else if !all {
				return nil, fmt.Errorf("--scenario: %s needs nodes of the verification's own, not --url", s.Name)
			}
			continue
		}
		found := false
		for _, store := range s.Stores {
			if v.Store == "" || store == verify.Store(v.Store) {
				plays, found = append(plays, play{s, store}), true
			}
		}
		if !found && !all {
			return nil, fmt.Errorf("--scenario: %s is for %v, not for %s", s.Name, s.Stores, v.Store)
		}
	}
	return plays, nil
}

const verifyHead = "scenario             store     faults  sent acknowledged unknown changes delivered resumed resynced drops   p50    p99    max  lost doubled leaked other     s"

// verifyLine is a result in one line of the table.
func verifyLine(r *verify.Result) string {
	n := r.Counts()
	other := len(r.Violations) - n[verify.Lost] - n[verify.Twice] - n[verify.Leaked]
	wait := func(part float64) string {
		if len(r.Waits) == 0 {
			return "-"
		}
		d := r.Waits[min(len(r.Waits)-1, int(part*float64(len(r.Waits))))]
		if d < 10*time.Second {
			return fmt.Sprintf("%dms", d.Milliseconds())
		}
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	line := fmt.Sprintf("%-20s %-9s %6d %5d %12d %7d %7d %9d %7d %8d %5d %6s %6s %6s %5d %7d %6d %5d %5.1f", r.Scenario, r.Store, r.Faults,
		r.Sent, r.Acknowledged, r.Unknown, r.Changes, r.Delivered, r.Resumed, r.Resyncs, r.Drops,
		wait(0.5), wait(0.99), wait(1),
		n[verify.Lost], n[verify.Twice], n[verify.Leaked], other, r.Took.Seconds())
	if r.Forgotten > 0 {
		line += fmt.Sprintf("  %d acknowledged ones are gone, as these settings allow, and clients were told", r.Forgotten)
	}
	if r.Note != "" {
		line += "  " + r.Note
	}
	return line
}

// explain says what was broken.
func explain(out io.Writer, r *verify.Result, file string) {
	const some = 8
	for _, x := range r.First(some) {
		fmt.Fprintf(out, "    %s: %s\n", x.Fault, x.Text)
	}
	if more := len(r.Violations) - some; more > 0 {
		fmt.Fprintf(out, "    and %d more\n", more)
	}
	if r.Broken != nil {
		fmt.Fprintf(out, "    %v\n", r.Broken)
	}
	fmt.Fprintf(out, "    all that happened is in %s\n", file)
}

// keep writes a history if it is asked for, or if it is bad, and returns where.
func (v verification) keep(r *verify.Result, many bool) (string, error) {
	var f *os.File
	var err error
	switch {
	case v.History != "":
		name := v.History
		if many {
			ext := filepath.Ext(name)
			name = fmt.Sprintf("%s-%s-%s%s", strings.TrimSuffix(name, ext), r.Scenario, r.Store, ext)
		}
		f, err = os.Create(name)
	case !r.OK():
		f, err = os.CreateTemp("", fmt.Sprintf("parley-verify-%s-%s-*.jsonl", r.Scenario, r.Store))
	default:
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return f.Name(), errors.Join(verify.History(r.History).Write(f), f.Close())
}

func listScenarios(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range verify.Scenarios {
		fmt.Fprintf(w, "%s\t%v\t%s\n", s.Name, s.Stores, s.What)
	}
	return w.Flush()
}
