package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// point is what something costs at one size.
type point struct {
	Part    string             `json:"part"`
	What    string             `json:"what,omitempty"` // was predicted
	Store   string             `json:"store"`
	Of      string             `json:"of"` // what there is N of
	N       int                `json:"n"`
	Figures map[string]float64 `json:"figures"` // by name and unit

	columns []string // names in order
}

// set adds a figure.
func (p *point) set(name string, value float64) {
	if p.Figures == nil {
		p.Figures = map[string]float64{}
	}
	p.Figures[name] = value
	p.columns = append(p.columns, name)
}

// sizes is what grows, and how far.
type sizes struct {
	people, members, rates, rooms, conns, stored, nodes []int
	lasts, idle                                         time.Duration // of each load
	mixed                                               mix
}

var fullSizes = sizes{
	people:  []int{1_000, 10_000, 50_000},
	members: []int{10, 100, 1_000, 10_000}, rates: []int{400, 1_600},
	rooms: []int{1, 10, 100, 1_000}, conns: []int{1_000, 2_000, 8_000},
	stored: []int{1_000, 10_000, 100_000, 1_000_000}, nodes: []int{1, 2, 3}, lasts: 3 * time.Second,
	idle:  2 * time.Second,
	mixed: mix{people: 2_000, members: 20, nodes: 3, rates: []int{100, 1_000}},
}

var quickSizes = sizes{
	people:  []int{100, 1_000},
	members: []int{10, 50, 100}, rates: []int{300, 600}, rooms: []int{1, 10},
	conns: []int{50, 100, 200}, stored: []int{1_000, 5_000}, nodes: []int{1, 2, 3},
	lasts: time.Second, idle: time.Second,
	mixed: mix{people: 200, members: 10, nodes: 3, rates: []int{100, 300}},
}

// growth is a run that asks how cost grows.
type growth struct {
	*bench
	sizes
	points []*point
	model  model
}

// grow measures how cost grows, fits a model to the small points, and compares
// it with the big ones.
func (b *bench) grow(only string, stores []string, quick bool) error {
	g := &growth{bench: b, sizes: fullSizes}
	if quick {
		g.sizes = quickSizes
	}
	begin := time.Now()
	for _, b.store = range stores {
		g.model = model{}
		for _, part := range []struct {
			name string
			run  func() error
		}{{"arrivals", g.growArrivals}, {"members", g.growMembers}, {"rooms", g.growRooms}, {"conns", g.growConns},
			{"stored", g.growStored}, {"nodes", g.growNodes}, {"model", g.predict}} {
			if only != "" && !slices.Contains(strings.Split(only, ","), part.name) {
				continue
			}
			fmt.Fprintf(os.Stderr, "%3.0f s: growing %s, %s\n", time.Since(begin).Seconds(),
				part.name, b.store)
			if err := part.run(); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%3.0f s: done\n", time.Since(begin).Seconds())
	return g.table()
}

// keep prints a point and remembers it.
func (g *growth) keep(p *point) {
	g.points = append(g.points, p)
	line, _ := json.Marshal(p)
	fmt.Println(string(line))
}

// point starts one.
func (g *growth) point(part, of string, n int) *point {
	return &point{Part: part, Store: g.store, Of: of, N: n}
}

// parts is the order of the tables.
var parts = []string{"arrivals", "members", "rates", "rooms", "conns", "stored", "nodes", constants,
	otherConstants, "predicted", "a million connections"}

const (
	constants      = "the model's constants"
	otherConstants = "the model's other constants"
)

// table makes the points tables in Markdown, one for each part and store.
func (g *growth) table() error {
	slices.SortStableFunc(g.points,
		func(a, b *point) int { return slices.Index(parts, a.Part) - slices.Index(parts, b.Part) })
	var out strings.Builder
	var last *point
	for _, p := range g.points {
		if last == nil || last.Part != p.Part || last.Store != p.Store ||
			!slices.Equal(last.columns, p.columns) {
			fmt.Fprintf(&out, "\n%s, %s:\n\n| %s | %s |\n|---%s|\n",
				strings.ToUpper(p.Part[:1])+p.Part[1:], p.Store, p.Of,
				strings.Join(p.columns, " | "), strings.Repeat("|---:", len(p.columns)))
		}
		last = p
		label := p.What
		if p.N > 0 {
			label = strings.TrimPrefix(label+", "+thousands(p.N), ", ")
		}
		fmt.Fprintf(&out, "| %s", label)
		for _, c := range p.columns {
			fmt.Fprintf(&out, " | %s", digits(p.Figures[c]))
		}
		fmt.Fprintln(&out, " |")
	}
	return g.publish("growth", out.String())
}

// figure returns one at a size, of this store.
func (g *growth) figure(part string, n int, name string) (float64, error) {
	for _, p := range g.points {
		if p.Part == part && p.Store == g.store && p.N == n {
			if v, ok := p.Figures[name]; ok {
				return v, nil
			}
			return 0, fmt.Errorf("%s: there is no figure %q among %v", part, name,
				slices.Sorted(maps.Keys(p.Figures)))
		}
	}
	return 0, fmt.Errorf("the model needs %s at %d: measure it in the same run", part, n)
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// digits shows three digits that count.
func digits(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		return thousands(int(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
