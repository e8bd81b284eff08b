// Command picture draws what bench has measured, for the README: it reads the
// figures as JSON lines and writes an SVG.
//
//	go run ./bench > figures && (cd bench/picture && go run . ../../docs/images/bench.svg < ../../figures)
//
// It is a module of its own, so that the plotting library is no dependency of
// Parley.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The picture has no background: it stands on a light page or a dark one, and
// its colours are legible on both.
var (
	ours = color.RGBA{0x4f, 0x6b, 0xed, 0xff}
	peer = color.RGBA{0x9a, 0xa0, 0xa6, 0xff}
	ink  = color.RGBA{0x77, 0x7d, 0x85, 0xff}
)

// chart is a few things measured in one run, of which less is better.
type chart struct {
	title, unit string
	bars        []bar
}

// bar is one of them, and which figure it is.
type bar struct {
	label, figure string
	color         color.Color
}

func charts() []chart {
	three := func(figure string) []bar {
		return []bar{
			{"Parley, embedded", figure, ours}, {"Parley, Redis", figure + ", Redis", ours},
			{"Node.js, Socket.IO, Redis", figure + ", Node.js", peer},
		}
	}
	return []chart{
		{"Server CPU per delivery, 200 people in a room, messages as fast as they come", "µs",
			three("server CPU per delivery, 200 members, as fast as they come")},
		{"Server CPU per delivery, 200 people in a room, 100 messages a second", "µs",
			three("server CPU per delivery, 200 members, 100 messages/s")},
		{"Memory per idle connection, 4,000 of them", "kB",
			three("memory per joined idle connection, 4,000 of them")},
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("say where to write the picture")
	}
	figures, err := read()
	if err != nil {
		return err
	}
	var rows [][]*plot.Plot
	for _, c := range charts() {
		p, err := c.plot(figures)
		if err != nil {
			return err
		}
		rows = append(rows, []*plot.Plot{p})
	}
	canvas := vgsvg.New(20*vg.Centimeter, vg.Length(len(rows))*2.9*vg.Centimeter)
	tiles := draw.Tiles{Rows: len(rows), Cols: 1, PadY: 0.5 * vg.Centimeter,
		PadX: 0.3 * vg.Centimeter, PadRight: 0.4 * vg.Centimeter}
	for i, row := range plot.Align(rows, tiles, draw.New(canvas)) {
		rows[i][0].Draw(row[0])
	}
	f, err := os.Create(os.Args[1])
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

// read takes the figures from the standard input; whatever else a run has
// printed is passed over.
func read() (map[string]float64, error) {
	figures := map[string]float64{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var f struct {
			Name  string  `json:"name"`
			Value float64 `json:"value"`
		}
		if json.Unmarshal(lines.Bytes(), &f) == nil && f.Name != "" {
			figures[f.Name] = f.Value
		}
	}
	return figures, lines.Err()
}

// plot draws the chart; a figure that was not measured is an error.
func (c chart) plot(figures map[string]float64) (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text = c.title
	p.Title.TextStyle = style(11, text.XCenter, text.YTop)
	p.Title.Padding = vg.Points(2)
	p.HideX() // the labels say how much
	p.Y.Padding = vg.Points(8)
	names := make([]string, len(c.bars))
	for i, b := range c.bars {
		value, ok := figures[b.figure]
		if !ok {
			return nil, fmt.Errorf("there is no figure %q: run bench with both stores, and Node.js", b.figure)
		}
		at := len(c.bars) - 1 - i // the first on top
		names[at] = b.label + ": " + digits(value) + " " + c.unit
		chart, err := plotter.NewBarChart(plotter.Values{value}, vg.Points(14))
		if err != nil {
			return nil, err
		}
		chart.Horizontal, chart.XMin, chart.Color, chart.LineStyle.Width = true, float64(at), b.color, 0
		p.Add(chart)
	}
	p.NominalY(names...)
	p.X.Min = 0
	p.Y.Color, p.Y.Tick.Label = ink, style(10, text.XRight, text.YCenter)
	return p, nil
}

func style(size float64, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color: ink, Font: font.From(font.Font{Typeface: "Liberation", Variant: "Sans"},
			vg.Length(size)), XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler,
	}
}

// digits shows two digits that count, or all before the point.
func digits(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}
