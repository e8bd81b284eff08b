package rest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
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

// TestCustomEmojiPictures go in as they are, without what they do not need, and
// come out for everyone who is logged in.
func TestCustomEmojiPictures(t *testing.T) {
	h, _ := newFileFixture(t)
	owner := h.as("Pablo")
	var animation bytes.Buffer
	frame := func(c color.Color) *image.Paletted {
		return image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{c, color.Black})
	}
	if err := gif.EncodeAll(&animation, &gif.GIF{
		Image: []*image.Paletted{frame(color.White), frame(color.Transparent)}, Delay: []int{9, 9},
	}); err != nil {
		t.Fatal(err)
	}
	body := animation.String() + "what is hung on to the end"
	made := h.do("POST", "/emoji?name=blob&alias=blobby", body, owner)
	if made.StatusCode != 201 || made.field("name") != "blob" || made.field("alias") != "blobby" {
		t.Fatalf("%s %s", made.Status, made.body)
	}
	got := h.do("GET", "/emoji/blob?v="+made.field("picture"), "", h.as("Joe"))
	all, err := gif.DecodeAll(bytes.NewReader(got.body))
	if err != nil || len(all.Image) != 2 || bytes.Contains(got.body, []byte("hung on")) {
		t.Errorf("%s, %v, %d bytes", got.Status, err, len(got.body))
	}
	for name, want := range map[string]string{"Content-Type": "image/gif",
		"Cache-Control":           "private, max-age=31536000, immutable",
		"Content-Security-Policy": "sandbox; default-src 'none'",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Header.Get(name), want)
		}
	}
	var large bytes.Buffer
	if err := png.Encode(&large, image.NewRGBA(image.Rect(0, 0, 257, 1))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, body string
		header             map[string]string
		status             int
	}{
		{"POST", "/emoji?name=other", body, h.as("Joe"), 403},
		{"POST", "/emoji?name=other", body, nil, 401},
		{"POST", "/emoji?name=blob", body, owner, 409},
		{"POST", "/emoji?name=tada", body, owner, 409},
		{"POST", "/emoji", body, owner, 400},
		{"POST", "/emoji?name=other&x=1", body, owner, 400},
		{"POST", "/emoji?name=other", large.String(), owner, 413},
		{"POST", "/emoji?name=other", `<svg xmlns="http://www.w3.org/2000/svg"/>`, owner, 400},
		{"POST", "/emoji?name=other", body[:40], owner, 400},
		{"POST", "/emoji?name=other", body + strings.Repeat("x", 256<<10), owner, 413},
		{"GET", "/emoji/blob", "", nil, 401},
		{"GET", "/emoji/blob?v=other", "", owner, 404},
		{"GET", "/emoji/other", "", owner, 404},
		{"DELETE", "/emoji/blob", "", h.as("Joe"), 403},
		{"DELETE", "/emoji/blob", "", owner, 200},
		{"GET", "/emoji/blob", "", owner, 404},
	} {
		if a := h.do(c.method, c.path, c.body, c.header); a.StatusCode != c.status {
			t.Errorf("%s %s with %.30q: %s %s, want %d", c.method, c.path, c.body, a.Status, a.body, c.status)
		}
	}
}
