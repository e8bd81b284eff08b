package rest

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"
)

func TestPicturesOfPeople(t *testing.T) {
	h, _ := newFileFixture(t)
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 300, 500))); err != nil {
		t.Fatal(err)
	}
	set := h.do("POST", "/account/picture", b.String(), h.as("Pablo"))
	id, user := set.field("picture"), set.field("id")
	if set.StatusCode != 201 || len(id) < 20 || set.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %s", set.Status, set.body)
	}
	path := "/users/" + user + "/picture"
	for query, keep := range map[string]string{"": "private, no-cache",
		"?v=" + id: "private, max-age=31536000, immutable"} {
		a := h.do("GET", path+query, "", h.as("Joe"))
		m, err := png.DecodeConfig(bytes.NewReader(a.body))
		if err != nil || m.Width != 256 || m.Height != 256 {
			t.Errorf("%q: %s, %d by %d, %v", query, a.Status, m.Width, m.Height, err)
		}
		for name, want := range map[string]string{
			"Content-Type": "image/png", "Cache-Control": keep, "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "sandbox; default-src 'none'",
			"Content-Disposition":     "inline; filename=picture", "Vary": "Cookie, Authorization",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if a.Header.Get(name) != want {
				t.Errorf("%q: %s is %q, want %q", query, name, a.Header.Get(name), want)
			}
		}
		again := h.as("Joe")
		again["If-None-Match"] = a.Header.Get("ETag")
		if a := h.do("GET", path+query, "", again); a.StatusCode != http.StatusNotModified {
			t.Errorf("%q, again: %s", query, a.Status)
		}
	}
	for _, c := range []struct {
		method, path, body string
		header             map[string]string
		status             int
	}{
		{"GET", path, "", nil, 401},
		{"GET", path + "?v=other", "", h.as("Joe"), 404},
		{"GET", path + "?w=1", "", h.as("Joe"), 400},
		{"GET", path + "?v=1&v=2", "", h.as("Joe"), 400},
		{"GET", "/users/nobody/picture", "", h.as("Joe"), 404},
		{"POST", "/account/picture", "", h.as("Joe"), 400},
		{"POST", "/account/picture", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`,
			h.as("Joe"), 400},
		{"POST", "/account/picture", b.String()[:100], h.as("Joe"), 400},
		{"POST", "/account/picture", b.String() + strings.Repeat("x", 100_000), h.as("Joe"), 413},
		{"POST", "/account/picture?name=x", b.String(), h.as("Joe"), 400},
		{"POST", "/account/picture", b.String(), nil, 401},
		{"POST", "/account/picture", b.String(),
			map[string]string{"Cookie": h.cookie("Joe"), "Origin": "https://evil.example"}, 403},
		{"DELETE", "/account/picture", "", nil, 401},
	} {
		if a := h.do(c.method, c.path, c.body, c.header); a.StatusCode != c.status {
			t.Errorf("%s %s with %.30q: %s %s, want %d", c.method, c.path, c.body, a.Status, a.body, c.status)
		}
	}
	gone := h.do("DELETE", "/account/picture", "", h.as("Pablo"))
	if gone.StatusCode != 200 || gone.field("id") != user || gone.field("picture") != fmt.Sprint(nil) {
		t.Errorf("%s %s", gone.Status, gone.body)
	}
	if a := h.do("GET", path+"?v="+id, "", h.as("Joe")); a.StatusCode != 404 {
		t.Errorf("of one who has none: %s", a.Status)
	}
}
