// Package prom exposes what the kit's blocks report as Prometheus metrics. It
// is a module of its own, so that no block brings Prometheus along.
package prom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/kit/connect"
)

// Connections collects what happens to the connections of package connect:
// redis_connections (gauge), redis_connections_opened_total,
// redis_connections_lost_total and redis_connections_failed_total, each
// labelled use="commands" or use="subscriptions".
//
//	connections := prom.NewConnections()
//	registry.MustRegister(connections)
//	cfg.OnEvent = connections.Event
type Connections struct {
	open   *prometheus.GaugeVec
	counts map[connect.Kind]*prometheus.CounterVec
}

// NewConnections returns a collector that is not registered yet.
func NewConnections() *Connections {
	labels := []string{"use"}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &Connections{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "redis_connections",
			Help: "Open connections to Redis."}, labels),
		counts: map[connect.Kind]*prometheus.CounterVec{
			connect.Connected: counter("redis_connections_opened_total", "Connections opened to Redis."),
			connect.Lost:      counter("redis_connections_lost_total", "Connections to Redis that ended."),
			connect.Failed: counter("redis_connections_failed_total",
				"Connections to Redis that could not be opened."),
		},
	}
}

// Event counts one event. It is meant for connect.Config.OnEvent.
func (c *Connections) Event(e connect.Event) {
	use := "commands"
	if e.Subscriber {
		use = "subscriptions"
	}
	c.counts[e.Kind].WithLabelValues(use).Inc()
	switch e.Kind {
	case connect.Connected:
		c.open.WithLabelValues(use).Inc()
	case connect.Lost:
		c.open.WithLabelValues(use).Dec()
	}
}

// Describe implements prometheus.Collector.
func (c *Connections) Describe(descs chan<- *prometheus.Desc) {
	c.open.Describe(descs)
	for _, count := range c.counts {
		count.Describe(descs)
	}
}

// Collect implements prometheus.Collector.
func (c *Connections) Collect(metrics chan<- prometheus.Metric) {
	c.open.Collect(metrics)
	for _, count := range c.counts {
		count.Collect(metrics)
	}
}
