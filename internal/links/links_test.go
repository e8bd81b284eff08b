package links

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/netguard"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// site is a web server that counts its visits by path.
type site struct {
	*httptest.Server
	mu   sync.Mutex
	hits map[string]int
}

func serve(t *testing.T, pages map[string]http.HandlerFunc) *site {
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

func send(kind string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Write(body)
	}
}

// page has a title and a picture.
func page(picture string) http.HandlerFunc {
	return send("text/html", fmt.Appendf(nil,
		`<title>T</title><meta property="og:image" content="%s">`, picture))
}

func newPreviewer(t *testing.T, cfg Config, allow ...string) *LinkPreviewer {
	t.Helper()
	cfg.Allow = mustAllow(t, allow...)
	l := New(cfg)
	t.Cleanup(l.Close)
	return l
}

func pngOf(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		img.Set(i%w, i/w, color.RGBA{uint8(i), uint8(i >> 8), 99, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifOf(t *testing.T) []byte {
	t.Helper()
	frame := image.NewPaletted(image.Rect(0, 0, 20, 10), color.Palette{color.Black, color.White})
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{frame, frame},
		Delay: []int{10, 10}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPictures(t *testing.T) {
	hidden := append(pngOf(t, 30, 20), "<script>hung on to the end</script>"...)
	bomb := pngOf(t, 10, 10)
	copy(bomb[16:24], []byte{0, 0, 0x70, 0, 0, 0, 0x70, 0}) // says 28,672 pixels on each side
	pages := map[string]http.HandlerFunc{}
	for name, h := range map[string]http.HandlerFunc{
		"large": send("image/png", pngOf(t, 1000, 500)),
		"small": send("image/png", hidden),
		"moves": send("image/gif", gifOf(t)),
		"svg": send("image/svg+xml",
			[]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>1</script></svg>`)),
		"svg-as": send("image/png",
			[]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`)),
		"html-as":   send("image/jpeg", []byte("<html><script>1</script>")),
		"bomb":      send("image/png", bomb),
		"cut":       send("image/png", pngOf(t, 100, 100)[:500]),
		"too-large": send("image/png", append(pngOf(t, 30, 20), make([]byte, maxBytes)...)),
		"gone":      http.NotFound,
		"away": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.9/x.png", http.StatusFound)
		},
	} {
		pages["/"+name] = page("/" + name + ".png")
		pages["/"+name+".png"] = h
	}
	s := serve(t, pages)
	l := newPreviewer(t, Config{}, s.addr())
	for name, want := range map[string]struct {
		kind string
		w, h int
	}{"large": {"jpeg", 400, 200}, "small": {"jpeg", 30, 20}, "moves": {"jpeg", 20, 10}, "svg": {},
		"svg-as": {}, "html-as": {}, "bomb": {}, "cut": {}, "too-large": {}, "gone": {}, "away": {}} {
		for range 3 {
			c, err := l.Picture(t.Context(), s.URL+"/"+name)
			if want.kind == "" {
				if !errors.Is(err, chat.ErrNotFound) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			data, err := io.ReadAll(c)
			if err != nil || int64(len(data)) != c.Size || !c.Inline ||
				c.Type != "image/"+want.kind || bytes.Contains(data, []byte("script")) {
				t.Errorf("%s: %d bytes, %+v, %v", name, len(data), c, err)
			}
			got, kind, err := image.DecodeConfig(bytes.NewReader(data))
			if err != nil || kind != want.kind || got.Width != want.w || got.Height != want.h {
				t.Errorf("%s: %s of %d by %d, %v", name, kind, got.Width, got.Height, err)
			}
		}
		if n := s.count("/" + name + ".png"); n != 1 {
			t.Errorf("%s: fetched %d times", name, n)
		}
	}
}

func TestWhatIsKnown(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"/a": page("")})
	l := newPreviewer(t, Config{}, s.addr())
	for path, want := range map[string]error{"/a": nil, "/none": chat.ErrNotFound} {
		if _, known, err := l.Known(t.Context(), s.URL+path); known || err != nil {
			t.Errorf("%s before: %t, %v", path, known, err)
		}
		if _, err := l.Look(t.Context(), s.URL+path); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		p, known, err := l.Known(t.Context(), s.URL+path)
		if !known || !errors.Is(err, want) || want == nil && p.Title != "T" {
			t.Errorf("%s after: %+v, %t, %v", path, p, known, err)
		}
		if _, err := l.Picture(t.Context(), s.URL+path); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("%s has a picture: %v", path, err)
		}
		if n := s.count(path); n != 1 {
			t.Errorf("%s: fetched %d times", path, n)
		}
	}
}

func TestOwnPagesAreNotLookedAt(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"/": page("")})
	l := newPreviewer(t, Config{Own: []string{"chat.test", s.addr()}},
		"127.0.0.0/8:"+s.addr()[strings.LastIndex(s.addr(), ":")+1:])
	for _, link := range []string{s.URL + "/", "https://CHAT.test/#/room/1"} {
		if _, known, err := l.Known(t.Context(), link); !known || !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("%s: %t, %v", link, known, err)
		}
		if _, err := l.Look(t.Context(), link); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("%s: %v", link, err)
		}
	}
	if n := s.count("/"); n != 0 {
		t.Errorf("asked itself %d times", n)
	}
}

// What is not allowed is not reached, neither at first nor by a redirect, nor
// for a picture.
func TestOnlyWhatIsAllowed(t *testing.T) {
	inside := serve(t, map[string]http.HandlerFunc{"/": page("/x.png"),
		"/x.png": send("image/png", pngOf(t, 9, 9))})
	allowed := serve(t, map[string]http.HandlerFunc{
		"/page": page(inside.URL + "/x.png"),
		"/to": func(w http.ResponseWriter,
			r *http.Request) {
			http.Redirect(w, r, inside.URL, http.StatusFound)
		},
	})
	l := newPreviewer(t, Config{}, allowed.addr())
	port := inside.addr()[strings.LastIndex(inside.addr(), ":")+1:]
	for _, link := range []string{inside.URL, "http://localhost:" + port,
		"http://[::ffff:127.0.0.1]:" + port, "http://2130706433:" + port, allowed.URL + "/to",
		"http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fd00::1]/"} {
		if _, err := l.Look(t.Context(), link); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("%s: %v", link, err)
		}
	}
	if p, err := l.Look(t.Context(), allowed.URL+"/page"); err != nil || p.Title != "T" || p.Image != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := l.Picture(t.Context(), allowed.URL+"/page"); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("a picture from inside: %v", err)
	}
	if len(inside.hits) != 0 {
		t.Errorf("got inside: %v", inside.hits)
	}
}

func TestOnePictureForAllWhoAsk(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	data := pngOf(t, 50, 50)
	s := serve(t, map[string]http.HandlerFunc{"/": page("/p"),
		"/p": func(w http.ResponseWriter, r *http.Request) {
			close(arrived) // twice would panic
			<-release
			send("image/png", data)(w, r)
		}})
	l := newPreviewer(t, Config{}, s.addr())
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			c, err := l.Picture(t.Context(), s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			c.Close()
			got.Add(1)
		})
	}
	<-arrived
	close(release)
	wg.Wait()
	if got.Load() != 10 || s.count("/p") != 1 {
		t.Errorf("%d got it, %d fetches", got.Load(), s.count("/p"))
	}
}

// Closing ends what is fetched, and waits for it.
func TestCloseEndsWhatIsFetched(t *testing.T) {
	arrived := make(chan struct{}, 2)
	hang := func(w http.ResponseWriter, r *http.Request) { arrived <- struct{}{}; <-r.Context().Done() }
	s := serve(t, map[string]http.HandlerFunc{"/": page("/p"), "/p": hang, "/hangs": hang})
	l := New(Config{Allow: mustAllow(t, s.addr())})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := l.Picture(t.Context(), s.URL); err == nil {
			t.Error("a picture came")
		}
	})
	wg.Go(func() {
		if _, err := l.Look(t.Context(), s.URL+"/hangs"); err == nil {
			t.Error("a page came")
		}
	})
	<-arrived
	<-arrived
	l.Close()
	wg.Wait()
}

func mustAllow(t *testing.T, texts ...string) netguard.AllowList {
	t.Helper()
	list, err := netguard.ParseAllow(texts)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Nodes share what pages say, and what is in Redis comes from another process.
func TestSharedCache(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"/": page("/p"), "/p": send("image/png", pngOf(t, 9, 9))})
	server := redistest.Start(t)
	var nodes [2]*LinkPreviewer
	for i := range nodes {
		cache, err := NewShared(server.Client(t), "parley:link")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cache.Close)
		nodes[i] = newPreviewer(t, Config{Cache: cache}, s.addr())
	}
	for _, path := range []string{"/", "/none"} {
		first, errFirst := nodes[0].Look(t.Context(), s.URL+path)
		p, known, err := nodes[1].Known(t.Context(), s.URL+path)
		if !known || p != first || !errors.Is(err, errFirst) || s.count(path) != 1 {
			t.Errorf("%s: %+v, %t, %v after %+v, %v", path, p, known, err, first, errFirst)
		}
	}
	if _, err := nodes[1].Picture(t.Context(), s.URL); err != nil {
		t.Error(err)
	}
	server.Stop()
	if p, err := nodes[1].Look(t.Context(), s.URL); err != nil || p.Title != "T" {
		t.Errorf("without Redis: %+v, %v", p, err)
	}
}
