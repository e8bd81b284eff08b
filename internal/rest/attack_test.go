package rest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/parley-chat/parley/internal/clientinfo"
)

// TestMetricsWithoutToken: where no token is set, the empty one is not it.
func TestMetricsWithoutToken(t *testing.T) {
	h := newFixture(t)
	handler := protected(Config{
		Service: h.service, Policy: &clientinfo.Policy{}, Socket: http.NotFoundHandler(), Web: fstest.MapFS{},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter,
			_ *http.Request) {
			io.WriteString(w, "parley_up 1\n")
		}),
	})
	for header, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer  ": 401,
		"Bearer metrics-secret": 401, "Bearer " + h.token["Joe"]: 403, "Bearer " + h.token["Pablo"]: 200} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%.10q: %d, want %d", header, w.Code, want)
		}
	}
}
