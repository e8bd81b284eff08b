package rest

import (
	"strconv"
	"strings"
	"testing"
)

// TestWebClientIsSentSmallAndKept asks by hand for each encoding: the transport
// would ask for gzip by itself, and unpack it.
func TestWebClientIsSentSmallAndKept(t *testing.T) {
	h := newFixture(t)
	tags := map[string]bool{}
	for _, c := range []struct{ path, accept, encoding, cache string }{
		{"//assets/app.css", "gzip, deflate, br, zstd", "br", "immutable"},
		{"//assets/app.css", "gzip;q=1, br;q=0", "gzip", "immutable"},
		{"//assets/app.css", "br; q=0.0, identity", "", "immutable"},
		{"//large.svg", "gzip, br", "gzip", "no-cache"},
		{"//app.js", "gzip, br", "", "no-cache"},
	} {
		a := h.do("GET", c.path, "", map[string]string{"Accept-Encoding": c.accept})
		tag := a.Header.Get("ETag")
		if a.Header.Get("Content-Encoding") != c.encoding || a.Header.Get("Vary") != "Accept-Encoding" ||
			!strings.Contains(a.Header.Get("Cache-Control"), c.cache) || tags[tag] {
			t.Errorf("%+v: %v", c, a.Header)
		}
		tags[tag] = true
		if (c.encoding == "br") != (string(a.body) == "as brotli") ||
			c.encoding != "" && len(a.body) > 200 ||
			a.Header.Get("Content-Length") != strconv.Itoa(len(a.body)) {
			t.Errorf("%+v: %d bytes, %v", c, len(a.body), a.Header)
		}
		again := h.do("GET", c.path, "",
			map[string]string{"Accept-Encoding": c.accept, "If-None-Match": tag})
		if again.StatusCode != 304 || len(again.body) > 0 || again.Header.Get("Cache-Control") == "" {
			t.Errorf("%+v, unchanged: %s %v", c, again.Status, again.Header)
		}
	}
	part := h.do("GET", "//assets/app.css", "",
		map[string]string{"Accept-Encoding": "identity", "Range": "bytes=3-5"})
	if part.StatusCode != 206 || string(part.body) != "a{}" {
		t.Errorf("a range: %s %q", part.Status, part.body)
	}
	if a := h.do("GET", "//assets/app.css.br", "", nil); a.StatusCode != 404 {
		t.Errorf("the compressed file by its own name: %s", a.Status)
	}
}
