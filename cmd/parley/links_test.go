package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// site is a web server of the test's that counts its visits by path.
type site struct {
	*httptest.Server
	mu   sync.Mutex
	hits map[string]int
}

func webSite(t *testing.T, pages map[string]http.HandlerFunc) *site {
	t.Helper()
	s := &site{hits: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.hits[r.URL.Path]++
		s.mu.Unlock()
		if h := pages[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits[path]
}

func (s *site) addr() string { return s.Listener.Addr().String() }

func serves(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, body)
	}
}

func aPicture(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 800, 600))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reader sends messages as one person and reads their previews as another, at
// different nodes.
type reader struct {
	t      *testing.T
	at     func(int) *process
	writes string
	reads  string
	room   chat.RoomID
	turn   int64
}

func (r *reader) send(text string) int64 {
	r.t.Helper()
	var m chat.Message
	if _, err := call(r.t.Context(), r.at(0).URL, "POST", "/rooms/"+string(r.room)+"/messages",
		r.writes, map[string]string{"text": text}, &m); err != nil {
		r.t.Fatal(err)
	}
	return m.No
}

func (r *reader) path(no int64) string { return fmt.Sprintf("/rooms/%s/messages/%d", r.room, no) }

func (r *reader) previews(no int64) []chat.Preview {
	r.t.Helper()
	var out chat.PreviewList
	r.turn++
	if _, err := call(r.t.Context(), r.at(int(r.turn)).URL, "GET", r.path(no)+"/previews", r.reads,
		nil, &out); err != nil {
		r.t.Fatal(err)
	}
	return out.Previews
}

func newReader(t *testing.T, at func(int) *process) *reader {
	t.Helper()
	r := &reader{t: t, at: at, writes: at(0).logIn("Pablo"), reads: at(1).logIn("Joe")}
	var joe chat.MeOutput
	if _, err := call(t.Context(), at(1).URL, "GET", "/account", r.reads, nil, &joe); err != nil {
		t.Fatal(err)
	}
	var room chat.RoomView
	if _, err := call(t.Context(), at(0).URL, "POST", "/rooms", r.writes,
		map[string]any{"name": "Links", "kind": "private", "users": []chat.UserID{joe.User.ID}},
		&room); err != nil {
		t.Fatal(err)
	}
	r.room = room.ID
	return r
}

// TestLinks shows a page with its picture to those in the room, and to nobody
// else, as long as the message says so.
func TestLinks(t *testing.T) {
	pages := webSite(t, map[string]http.HandlerFunc{
		"/a":     serves("text/html", `<title>Plain</title><meta property="og:title" content="A page"><meta property="og:description" content="of words"><meta property="og:site_name" content="Site"><meta property="og:image" content="/p.png">`),
		"/b":     serves("text/html", `<title>B</title>`),
		"/p.png": serves("image/png", aPicture(t)),
	})
	onStores(t, func(t *testing.T, at func(int) *process) {
		r := newReader(t, at)
		a := pages.URL + "/a?" + strings.ReplaceAll(t.Name(), "/", "-")
		no := r.send("look: [here](" + a + "), not at `" + pages.URL + "/code` or <" + pages.URL + "/quiet>")
		for range 4 {
			got := r.previews(no)
			if len(got) != 1 || got[0].Image == "" {
				t.Fatalf("%+v", got)
			}
			want := chat.Preview{URL: a, Title: "A page", Description: "of words", Site: "Site",
				Image: got[0].Image}
			if got[0] != want || !strings.HasPrefix(want.Image, "/api/v1"+r.path(no)+"/previews/") {
				t.Fatalf("%+v", got[0])
			}
		}
		picture := r.previews(no)[0].Image
		for i := range 2 {
			res := ask(t, at(i), "GET", picture, "", "Authorization", "Bearer "+r.reads)
			shown, kind, err := image.DecodeConfig(strings.NewReader(res.body))
			if res.status != 200 || err != nil || kind != "jpeg" || shown.Width != 400 ||
				shown.Height != 300 {
				t.Fatalf("%d, a %s of %d by %d, %v", res.status, kind, shown.Width, shown.Height, err)
			}
			for name, value := range map[string]string{
				"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff",
				"Content-Security-Policy": "sandbox; default-src 'none'",
				"Cache-Control":           "private, no-cache", "Content-Disposition": "inline",
				"Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := res.header.Get(name); got != value {
					t.Errorf("%s: %q", name, got)
				}
			}
			if again := ask(t, at(i), "GET", picture, "", "Authorization", "Bearer "+r.reads,
				"If-None-Match", res.header.Get("ETag")); again.status != 304 {
				t.Errorf("asked again: %d", again.status)
			}
		}
		if ask(t, at(0), "GET", picture, "").status != 401 {
			t.Error("nobody may see the picture")
		}

		var other chat.Message
		if _, err := call(t.Context(), at(1).URL, "PATCH", r.path(no), r.writes,
			map[string]string{"text": pages.URL + "/b"}, &other); err != nil {
			t.Fatal(err)
		}
		if got := r.previews(no); len(got) != 1 || got[0].Title != "B" {
			t.Errorf("after an edit: %+v", got)
		}
		if res := ask(t, at(0), "GET", picture, "", "Authorization", "Bearer "+r.reads); res.status != 404 {
			t.Errorf("the picture of what is not said any more: %d", res.status)
		}
		if _, err := call(t.Context(), at(0).URL, "DELETE", r.path(no), r.writes, nil, nil); err != nil {
			t.Fatal(err)
		}
		if res := ask(t, at(1), "GET", "/api/v1"+r.path(no)+"/previews", "", "Authorization",
			"Bearer "+r.reads); res.status != 404 {
			t.Errorf("of a deleted message: %d", res.status)
		}
		if pages.count("/code")+pages.count("/quiet") != 0 {
			t.Error("looked at what it was not to look at")
		}
	}, "--link-allow="+pages.addr())
}

// TestAttackLinks has the server look at what it must not: nothing of it gets
// inside, takes long or says more than text.
func TestAttackLinks(t *testing.T) {
	inside := webSite(t, map[string]http.HandlerFunc{"/": serves("text/html",
		"<title>inside</title>"), "/p.png": serves("image/png", aPicture(t))})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	fmt.Fprint(z, "<title>bomb</title><!--")
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	title := "<script>alert(1)</script>\u202etxt.exe\u0000\nx"
	pages := webSite(t, map[string]http.HandlerFunc{
		"/to": func(w http.ResponseWriter,
			r *http.Request) {
			http.Redirect(w, r, inside.URL, http.StatusFound)
		},
		"/to-file": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		},
		"/picture": serves("text/html",
			`<title>P</title><meta property="og:image" content="`+inside.URL+`/p.png">`),
		"/svg": serves("text/html", `<title>S</title><meta property="og:image" content="/s.svg">`),
		"/s.svg": serves("image/svg+xml",
			`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
		"/script": serves("text/html",
			`<title>J</title><meta property="og:image" content="javascript:alert(1)">`),
		"/hostile": serves("text/html; charset=utf-8",
			"<title>"+strings.ReplaceAll(title, "<", "&lt;")+"</title>"+
				`<meta property="og:description" content="`+strings.Repeat("long ", 1000)+`">`),
		"/charset": serves("text/html; charset=x-no-such", "<title>Gr\xfcezi</title>"),
		"/bomb": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		},
		"/endless": func(w http.ResponseWriter, r *http.Request) {
			serves("text/html", "<title>endless</title><!--")(w, r)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		},
		"/slow": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	})
	onStores(t, func(t *testing.T, at func(int) *process) {
		r := newReader(t, at)
		port := inside.addr()[strings.LastIndex(inside.addr(), ":")+1:]
		links := []string{pages.URL + "/to", pages.URL + "/to-file"}
		for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]",
			"[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "0.0.0.0", "2130706433", "0x7f000001", "127.1", "[::]"} {
			links = append(links, "http://"+host+":"+port+"/")
		}
		links = append(links, "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/",
			"http://192.168.0.1:443/", "http://[fd00::1]/", "http://[fe80::1%25lo]/",
			"http://u:p@"+pages.addr()+"/svg", pages.URL+"/slow")
		for len(links) > 0 {
			n := min(3, len(links))
			if got := r.previews(r.send(strings.Join(links[:n], " "))); len(got) != 0 {
				t.Errorf("%q: %+v", links[:n], got)
			}
			links = links[n:]
		}
		got := r.previews(r.send(strings.Join([]string{pages.URL + "/picture",
			pages.URL + "/script", pages.URL + "/svg"}, " ")))
		if len(got) != 3 || got[0].Image != "" || got[1].Image != "" || got[2].Image == "" {
			t.Fatalf("%+v", got)
		}
		if res := ask(t, at(0), "GET", got[2].Image, "", "Authorization",
			"Bearer "+r.reads); res.status != 404 {
			t.Errorf("an SVG: %d %s", res.status, res.body)
		}
		got = r.previews(r.send(strings.Join([]string{pages.URL + "/hostile", pages.URL + "/charset"}, " ")))
		if len(got) != 2 || got[0].Title != "<script>alert(1)</script>txt.exe\ufffd x" ||
			len(got[0].Description) > 500 || !strings.HasPrefix(got[1].Title, "Gr") {
			t.Errorf("%+q", got)
		}
		got = r.previews(r.send(strings.Join([]string{pages.URL + "/bomb", pages.URL + "/endless"}, " ")))
		if len(got) != 2 || got[0].Title != "bomb" || got[1].Title != "endless" {
			t.Errorf("%+v", got)
		}
		inside.mu.Lock()
		if len(inside.hits) != 0 {
			t.Errorf("got inside: %v", inside.hits)
		}
		inside.mu.Unlock()

		// Somebody who is not in the room has nothing looked at, and sees no
		// picture.
		mary, unseen := at(0).logIn("Mary"), strings.ReplaceAll("/unseen/"+t.Name(), " ", "")
		no := r.send(pages.URL + unseen)
		for i := range 2 {
			for _, path := range []string{"/previews", "/previews/0123456789abcdef/image"} {
				res := ask(t, at(i), "GET", "/api/v1"+r.path(no)+path, "", "Authorization", "Bearer "+mary)
				foreign := ask(t, at(i), "GET", "/api/v1/rooms/01xxxx/messages/1"+path, "",
					"Authorization", "Bearer "+mary)
				if res.status != 404 || res.body != foreign.body {
					t.Errorf("%s: %d %s, %s", path, res.status, res.body, foreign.body)
				}
			}
		}
		if pages.count(unseen) != 0 {
			t.Error("a stranger had a link looked at")
		}

		// One person has only so much looked at.
		limited := 0
		for i := range 30 {
			no := r.send(fmt.Sprintf("%[1]s/%[2]d %[1]s/%[2]d?a %[1]s/%[2]d?b", pages.URL, i))
			res := ask(t, at(i), "GET", "/api/v1"+r.path(no)+"/previews", "", "Authorization",
				"Bearer "+r.reads)
			if res.status == 429 && res.header.Get("Retry-After") != "" {
				limited++
			} else if res.status != 200 {
				t.Errorf("%d %s", res.status, res.body)
			}
		}
		if limited == 0 {
			t.Error("no limit")
		}
	}, "--link-allow="+pages.addr(), "--max-sends=-1")
}

// TestLinksOff: a server that is not to ask others asks nobody.
func TestLinksOff(t *testing.T) {
	t.Parallel()
	pages := webSite(t, map[string]http.HandlerFunc{"/": serves("text/html", "<title>T</title>")})
	p := launch(t, t.TempDir(), "--demo", "--link-previews=off", "--link-allow="+pages.addr())
	r := newReader(t, func(int) *process { return p })
	if got := r.previews(r.send(pages.URL)); len(got) != 0 || pages.count("/") != 0 {
		t.Errorf("%+v, %d visits", got, pages.count("/"))
	}
	var info chat.ServerInfo
	if _, err := call(t.Context(), p.URL, "GET", "/server", "", nil, &info); err != nil || info.Previews {
		t.Errorf("%+v, %v", info, err)
	}
}
