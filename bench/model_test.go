package main

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*math.Abs(want) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}

func TestLine(t *testing.T) {
	at0, slope := line([]float64{10, 30}, []float64{7, 11})
	near(t, "through two points, at 0", at0, 5)
	near(t, "slope", slope, 0.2)
	at0, slope = line([]float64{10, 100, 1000}, []float64{150, 600, 5100})
	near(t, "through three on a line, at 0", at0, 100)
	near(t, "slope", slope, 5)
	at0, slope = line([]float64{10, 100, 1000}, []float64{150, 600, 6000})
	for x, y := range map[float64]float64{10: 150, 100: 600, 1000: 6000} {
		if got := at0 + slope*x; math.Abs(got-y) > 0.15*y {
			t.Errorf("near three: %g at %g, want about %g", got, x, y)
		}
	}
}

func TestCostBetweenAloneAndTogether(t *testing.T) {
	c := cost{alone: 100, together: 20}
	near(t, "what is rare comes alone", c.at(1e-9, 400), 100)
	near(t, "half way", c.at(400, 400), 60)
	near(t, "what never comes together", c.at(1e6, math.Inf(1)), 100)
	near(t, "half way, found from what 100 a second take", halfWay(c, 100, c.at(100, 400)), 400)
	if !math.IsInf(halfWay(c, 100, 101), 1) {
		t.Error("what takes more than alone never comes together")
	}
	if h := halfWay(c, 100, 15); h <= 0 || h > 100 {
		t.Errorf("half way of what takes less than together: %g", h)
	}
}

func TestHearing(t *testing.T) {
	near(t, "one node", hearing(1, 50), 1)
	near(t, "one member", hearing(7, 1), 1)
	near(t, "two on two", hearing(2, 2), 1.5)
	if n := hearing(1000, 50); n > 50 || n < 48 {
		t.Errorf("50 people on 1000 nodes are on %g", n)
	}
}

func TestPlanLeavesHalf(t *testing.T) {
	m := model{base: 30e6, conn: 10e3, send: cost{500, 30}, deliver: cost{10, 1},
		hear: cost{200, 20}, thread: cost{200, 20}, tell: cost{20, 2}, idle: 2000, lease: 200,
		rest: 1500, ask: 3, beats: 1, half: 400, halfRedis: 400}
	l := load{people: 1e6, members: 50, messages: 8000}
	n := m.plan(l, 4, 50_000)
	if n.nodes < 20 {
		t.Errorf("%g nodes hold more connections than they may", n.nodes)
	}
	if n.cpu > 0.5e6*4*n.nodes || n.redis > 0.5e6*n.masters {
		t.Errorf("busier than half: %+v", n)
	}
	if smaller := m.need(l, n.nodes-1, n.masters); n.nodes > 20 && smaller.cpu <= 0.5e6*4*(n.nodes-1) {
		t.Errorf("%g nodes would do, %g were planned", n.nodes-1, n.nodes)
	}
}
