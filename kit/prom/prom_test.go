package prom_test

import (
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/prom"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// TestConnections opens and closes clients that share one collector.
func TestConnections(t *testing.T) {
	s := redistest.Start(t)
	connections := prom.NewConnections()
	registry := prometheus.NewRegistry()
	registry.MustRegister(connections)
	cfg, err := connect.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.OnEvent = connections.Event
	open := func() float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, f := range families {
			if f.GetName() == "redis_connections" {
				for _, m := range f.GetMetric() {
					sum += m.GetGauge().GetValue()
				}
			}
		}
		return sum
	}
	for range 2 {
		conn, err := connect.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := testutil.GatherAndCount(registry, "redis_connections",
			"redis_connections_opened_total"); err != nil || n != 4 {
			t.Errorf("%d series, want two for each use: %v", n, err)
		}
		if n := open(); n < 2 {
			t.Errorf("%v connections are open", n)
		}
		conn.Close()
		if n := open(); n != 0 {
			t.Errorf("%v connections are open after Close", n)
		}
	}
	s.Stop()
	cfg.StartTimeout = 1
	if _, err := connect.Open(t.Context(), cfg); err == nil {
		t.Fatal("it opened")
	}
	if err := registry.Register(prom.NewConnections()); err == nil {
		t.Error("two collectors in one registry are no error")
	}
}
