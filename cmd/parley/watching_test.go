package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestWatching: every metric that the alerts and the dashboard name is one that
// a server on Redis has, and docs/watching.md explains every alert. What else
// is in these files, make platforms asks promtool.
func TestWatching(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), "--store", redistest.StartTCP(t).URL(), "--metrics-token", "secret")
	req, err := http.NewRequest("GET", p.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	metrics, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{
		"parley_certificate_not_after_seconds": true, // with --tls-domain: TestCertificates
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`).FindAllSubmatch(metrics, -1) {
		has[string(m[1])] = true
	}
	alerts, err := os.ReadFile("../../deploy/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dashboard, err := os.ReadFile("../../deploy/grafana/parley.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("the dashboard is not JSON")
	}
	for name, text := range map[string]string{"the alerts": string(alerts), "the dashboard": string(dashboard)} {
		named := regexp.MustCompile(`\b(?:parley|redis|process|go)_[a-z_]+`).FindAllString(text, -1)
		if len(named) < 10 {
			t.Errorf("%s name only %v", name, named)
		}
		for _, metric := range named {
			if !has[metric] {
				t.Errorf("%s name %s, which no server has", name, metric)
			}
		}
	}
	doc, err := os.ReadFile("../../docs/watching.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(alerts), -1) {
		if !strings.Contains(string(doc), "`"+m[1]+"`") {
			t.Errorf("docs/watching.md does not explain %s", m[1])
		}
	}
}
