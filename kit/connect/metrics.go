package connect

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// newMetrics registers the metrics, all or none, and returns what counts an
// event and what unregisters them.
func newMetrics(r prometheus.Registerer) (count func(Event), remove func(), err error) {
	labels := []string{"use"}
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "redis_connections",
		Help: "Open connections to Redis."}, labels)
	counts := map[Kind]*prometheus.CounterVec{
		Connected: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "redis_connections_opened_total",
				Help: "Connections opened to Redis."}, labels),
		Lost: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "redis_connections_lost_total",
				Help: "Connections to Redis that ended."}, labels),
		Failed: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "redis_connections_failed_total",
				Help: "Connections to Redis that could not be opened."}, labels),
	}
	var registered []prometheus.Collector
	remove = func() {
		for _, c := range registered {
			r.Unregister(c)
		}
	}
	for _, c := range []prometheus.Collector{open, counts[Connected], counts[Lost], counts[Failed]} {
		if err := r.Register(c); err != nil {
			remove()
			return nil, nil, fmt.Errorf("redis metrics: %w", err)
		}
		registered = append(registered, c)
	}
	count = func(e Event) {
		use := "commands"
		if e.Subscriber {
			use = "subscriptions"
		}
		counts[e.Kind].WithLabelValues(use).Inc()
		switch e.Kind {
		case Connected:
			open.WithLabelValues(use).Inc()
		case Lost:
			open.WithLabelValues(use).Dec()
		}
	}
	return count, remove, nil
}
