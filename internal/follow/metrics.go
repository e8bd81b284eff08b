package follow

import "github.com/prometheus/client_golang/prometheus"

// collector exports the status of the followers that run on this node.
type collector struct{ r *Runner }

var (
	behind = prometheus.NewDesc("parley_follower_behind",
		"Streams with events that the follower has not handled yet.", []string{"follower"}, nil)
	failing = prometheus.NewDesc("parley_follower_failing",
		"Streams whose last event failed in the follower and is tried again.", []string{"follower"}, nil)
	lag = prometheus.NewDesc("parley_follower_lag_seconds",
		"For how long the stream that waits longest has had events.", []string{"follower"}, nil)
)

// Describe implements [prometheus.Collector].
func (c collector) Describe(d chan<- *prometheus.Desc) {
	d <- behind
	d <- failing
	d <- lag
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(m chan<- prometheus.Metric) {
	for _, s := range c.r.Status() {
		if !s.Running { // another node tells
			continue
		}
		m <- prometheus.MustNewConstMetric(behind, prometheus.GaugeValue, float64(s.Behind), s.Name)
		m <- prometheus.MustNewConstMetric(failing, prometheus.GaugeValue, float64(s.Failing), s.Name)
		m <- prometheus.MustNewConstMetric(lag, prometheus.GaugeValue, s.Lag.Seconds(), s.Name)
	}
}
