package ratelimit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestHandler(t *testing.T) {
	l := newLimiter(t, redistest.Single(t).Client(t), Options{},
		Limit{Name: "burst", Quota: 2, Window: time.Hour},
		Limit{Name: "day", Quota: 5, Window: 24 * time.Hour, Approximate: true})
	served := 0
	handler := l.Handler(HTTP{
		Key: func(r *http.Request) string { return r.Header.Get("User") },
		Count: func(r *http.Request) int64 {
			n, err := strconv.ParseInt(r.Header.Get("Count"), 10, 64)
			if err != nil {
				return 1
			}
			return n
		},
	}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served++
		w.WriteHeader(http.StatusNoContent)
	}))
	call := func(user, count string) (*httptest.ResponseRecorder, map[string]any) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User", user)
		r.Header.Set("Count", count)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var body map[string]any
		if w.Code >= 400 {
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil ||
				w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s %v: %v", w.Code, w.Body, w.Header(), err)
			}
		}
		return w, body
	}

	w, _ := call("ada", "")
	want := map[string]string{
		"RateLimit-Policy":      `"burst";q=2;w=3600, "day";q=5;w=86400`,
		"RateLimit":             `"burst";r=1;t=3600, "day";r=4;t=172800`,
		"X-RateLimit-Limit":     "2",
		"X-RateLimit-Remaining": "1",
		"X-RateLimit-Reset":     "3600",
		"Retry-After":           "",
	}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	call("ada", "")
	w, body := call("ada", "")
	if w.Code != http.StatusTooManyRequests || served != 2 {
		t.Fatalf("third request: %d, %d served", w.Code, served)
	}
	if retry, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || retry < 3590 || retry > 3600 {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	if !strings.HasPrefix(w.Header().Get("RateLimit"),
		`"burst";r=0;t=`+w.Header().Get("Retry-After")+`, "day";r=3;t=`) {
		t.Errorf("RateLimit %q", w.Header().Get("RateLimit"))
	}
	delete(body, "detail")
	if diff := cmp.Diff(map[string]any{
		"type": quotaExceeded, "title": "Too many requests", "status": 429.0,
		"violated-policies": []any{"burst"},
	}, body); diff != "" {
		t.Error(diff)
	}

	w, body = call("bob", "3")
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "" ||
		!cmp.Equal(body["violated-policies"], []any{"burst"}) {
		t.Errorf("larger than the quota: %d %v %v", w.Code, w.Header(), body)
	}
	if w, _ := call("bob", "2"); w.Code != http.StatusNoContent {
		t.Errorf("the quota itself: %d", w.Code)
	}
	for _, free := range []struct{ user, count string }{{"", "1"}, {"ada", "0"}, {"ada", "-1"}} {
		if w, _ := call(free.user, free.count); w.Code != http.StatusNoContent ||
			w.Header().Get("RateLimit") != "" {
			t.Errorf("%v: %d %v", free, w.Code, w.Header())
		}
	}
}

func TestSecondsRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]int64{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2} {
		if got := seconds(d); got != want {
			t.Errorf("%s: %d", d, got)
		}
	}
}

func TestClients(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, test := range map[string]struct {
		clients Clients
		peer    string
		fields  []string
		want    string
	}{
		"direct":           {Clients{}, "192.0.2.1:99", nil, "192.0.2.1"},
		"forged, no proxy": {Clients{}, "192.0.2.1:99", []string{"6.6.6.6"}, "192.0.2.1"},
		"forged, peer no proxy": {Clients{Trusted: proxies}, "192.0.2.1:99",
			[]string{"6.6.6.6"}, "192.0.2.1"},
		"one proxy": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"192.0.2.1"}, "192.0.2.1"},
		"forged through a proxy": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"6.6.6.6, 192.0.2.1"}, "192.0.2.1"},
		"forged proxy address": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"10.9.9.9, 192.0.2.1"}, "192.0.2.1"},
		"forged in another field": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"6.6.6.6", "192.0.2.1"}, "192.0.2.1"},
		"two proxies": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"6.6.6.6, 192.0.2.1 , 10.0.0.2"}, "192.0.2.1"},
		"proxy's own request": {Clients{Trusted: proxies}, "10.0.0.1:99", nil, "10.0.0.1"},
		"all trusted": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"rubbish": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"192.0.2.1, unknown"}, "10.0.0.1"},
		"rubbish before a proxy": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"192.0.2.1, x, 10.0.0.2"}, "10.0.0.2"},
		"port": {Clients{Trusted: proxies}, "10.0.0.1:99",
			[]string{"192.0.2.1:1234"}, "192.0.2.1"},
		"IPv6":                      {Clients{}, "[2001:db8:1:2:3:4:5:6]:99", nil, "2001:db8:1:2::/64"},
		"IPv6 elsewhere in the /64": {Clients{}, "[2001:db8:1:2:ffff::9]:99", nil, "2001:db8:1:2::/64"},
		"IPv6 next /64":             {Clients{}, "[2001:db8:1:3::1]:99", nil, "2001:db8:1:3::/64"},
		"IPv6 zone":                 {Clients{}, "[fe80::1%eth0]:99", nil, "fe80::/64"},
		"IPv6 in brackets": {Clients{Trusted: proxies}, "[fd00::1]:99",
			[]string{"[2001:db8::1]"}, "2001:db8::/64"},
		"IPv6 in brackets with port": {Clients{Trusted: proxies}, "[fd00::1]:99",
			[]string{"[2001:db8::1]:80"}, "2001:db8::/64"},
		"mapped": {Clients{}, "[::ffff:192.0.2.1]:99", nil, "192.0.2.1"},
		"mapped proxy": {Clients{Trusted: proxies}, "[::ffff:10.0.0.1]:99",
			[]string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		"unix socket": {Clients{Trusted: proxies}, "@", []string{"6.6.6.6"}, "unknown"},
		"trusted unix socket": {Clients{Trusted: proxies, TrustUnix: true}, "@",
			[]string{"6.6.6.6, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		"trusted unix socket, silent": {Clients{TrustUnix: true}, "", nil, "unknown"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		for _, f := range test.fields {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := test.clients.Key(r); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
