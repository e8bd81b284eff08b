// Command picture draws what bench has measured, for the README: it reads the figures as JSON lines and writes an SVG.
//
//	go run ./bench > figures && (cd bench/picture && go run . ../../docs/images/bench.svg < ../../figures)
//
// It is a module of its own, so that the plotting library is no dependency of Parley.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// bar is one thing measured, and which figure it is.
type bar struct {
	label, figure string
	color         color.Color
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("say where to write the picture")
	}
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
	ours, peer := color.RGBA{0x4f, 0x6b, 0xed, 0xff}, color.RGBA{0x9a, 0xa0, 0xa6, 0xff}
	const name = "server CPU per delivery, 200 members, as fast as they come"
	bars := []bar{
		{"Parley, embedded", name, ours}, {"Parley, Redis", name + ", Redis", ours}, {"Node.js, Socket.IO, Redis", name + ", Node.js", peer},
	}
	p := plot.New()
	p.Title.Text = "Server CPU per message delivered, 200 people in a room (µs)"
	p.X.Min, p.Y.Padding = 0, vg.Points(12)
	names := make([]string, len(bars))
	for i, b := range bars {
		value, ok := figures[b.figure]
		if !ok {
			return fmt.Errorf("there is no figure %q: run bench with both stores", b.figure)
		}
		at := len(bars) - 1 - i // the first on top
		names[at] = fmt.Sprintf("%s: %.2g µs", b.label, value)
		chart, err := plotter.NewBarChart(plotter.Values{value}, vg.Points(26))
		if err != nil {
			return err
		}
		chart.Horizontal, chart.XMin, chart.Color, chart.LineStyle.Width = true, float64(at), b.color, 0
		p.Add(chart)
	}
	p.NominalY(names...)
	return p.Save(18*vg.Centimeter, 6*vg.Centimeter, os.Args[1])
}
