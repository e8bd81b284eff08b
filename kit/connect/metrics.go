package connect

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// newMetrics registers the metrics and returns what counts an event.
func newMetrics(r prometheus.Registerer) (func(Event), error) {
	labels := []string{"use"}
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "redis_connections", Help: "Open connections to Redis."}, labels)
	counts := map[Kind]*prometheus.CounterVec{
		Connected: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "redis_connections_opened_total", Help: "Connections opened to Redis."}, labels),
		Lost:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "redis_connections_lost_total", Help: "Connections to Redis that ended."}, labels),
		Failed:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "redis_connections_failed_total", Help: "Connections to Redis that could not be opened."}, labels),
	}
	err := r.Register(open)
	for _, c := range counts {
		err = errors.Join(err, r.Register(c))
	}
	return func(e Event) {
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
	}, err
}
