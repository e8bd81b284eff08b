package preview

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPreview(t *testing.T) {
	const og = `<meta property="og:title" content="An &amp; other"><meta property="og:description" content="Words"><meta property="og:site_name" content="The Site"><meta property="og:image" content="/p.png">`
	for name, c := range map[string]struct {
		page string
		want Preview
	}{
		"open graph": {"<head>" + og + "<title>Plain</title></head>",
			Preview{Title: "An & other", Description: "Words", Site: "The Site", Image: "/p.png"}},
		"twitter":  {`<meta name="twitter:title" content="T"><meta name="twitter:description" content="D"><meta name="twitter:image" content="https://img.test/a.jpg">`, Preview{Title: "T", Description: "D", Image: "https://img.test/a.jpg"}},
		"plain":    {"<!doctype html><title>\n Some\t&lt;b&gt; title </title><meta name=description content='of  it'>", Preview{Title: "Some <b> title", Description: "of it"}},
		"first":    {"<title>One</title><title>Two</title><meta name=description content=1><meta name=description content=2>", Preview{Title: "One", Description: "1"}},
		"in body":  {"<title>One</title><body>" + og, Preview{Title: "One"}},
		"a script": {"<script>'<title>No</title>'</script><style><title>No</title></style><!-- <title>No</title> --><title>Yes</title>", Preview{Title: "Yes"}},
		"empty":    {`<meta property="og:title" content=" "><title>Plain</title>`, Preview{Title: "Plain"}},
		"any case": {`<META NAME="Description" CONTENT="D"><TITLE>T</TITLE>`,
			Preview{Title: "T", Description: "D"}},
		"bad image": {`<title>T</title><meta property="og:image" content="javascript:alert(1)"><meta property="og:image:secure_url" content="file:///x"><meta name="twitter:image" content="//img.test/x">`, Preview{Title: "T", Image: "http://img.test/x"}},
		"own image": {`<title>T</title><meta property="og:image" content="http://127.0.0.2:1/x"><meta property="og:image" content="http://u:p@img.test/">`, Preview{Title: "T", Image: "http://127.0.0.2:1/x"}},
	} {
		s := serve(t, page(c.page))
		got, err := fetcher(t, Options{}).Preview(t.Context(), s.URL+"/a/b#c")
		if c.want.URL = s.URL + "/a/b"; strings.HasPrefix(c.want.Image, "/") {
			c.want.Image = s.URL + c.want.Image
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestCharsets(t *testing.T) {
	for name, c := range map[string]struct{ kind, page, want string }{
		"header": {"text/html; charset=iso-8859-1", "<title>Gr\xfcezi</title>", "Grüezi"},
		"meta": {"text/html",
			"<meta charset=windows-1252><title>\x84Gr\xfcezi\x93</title>", "„Grüezi“"},
		"meta, equivalent": {"text/html",
			`<meta http-equiv=content-type content="text/html; charset=shift_jis"><title>` +
				"\x93\xfa\x96\x7b</title>", "日本"},
		"mark":             {"text/html", "\ufeff<title>日本</title>", "日本"},
		"sixteen bits":     {"text/html", "\xfe\xff\x00<\x00t\x00i\x00t\x00l\x00e\x00>\x65\xe5", "日"},
		"guessed":          {"text/html", "<title>日本</title>", "日本"},
		"unknown":          {"text/html; charset=nonsense", "<title>日本</title>", "日本"},
		"not what it says": {"text/html; charset=utf-8", "<title>Gr\xfcezi</title>", "Gr\ufffdezi"},
		"xhtml":            {"application/xhtml+xml; charset=gbk", "<title>\xd6\xd0</title>", "中"},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			io.WriteString(w, c.page)
		})
		if got, err := fetcher(t, Options{}).Preview(t.Context(), s.URL); err != nil || got.Title != c.want {
			t.Errorf("%s: %q, %v", name, got.Title, err)
		}
	}
}

func TestNothingToShow(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"not there":    http.NotFound,
		"no title":     page("<p>Words</p>"),
		"empty":        page(""),
		"an invisible": page("<title>\u202e\u200b\u2066</title>"),
		"no type": func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, "<title>T</title>")
		},
		"text": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "<title>T</title>")
		},
		"svg": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/svg+xml")
			io.WriteString(w, "<title>T</title>")
		},
		"a film": func(w http.ResponseWriter,
			r *http.Request) {
			w.Header().Set("Content-Type", "video/mp4")
		},
		"round": func(w http.ResponseWriter,
			r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		},
		"partial": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(206)
			io.WriteString(w, "<title>T</title>")
		},
		"broken off": func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"huge headers": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("a", 100<<10))
			page("<title>T</title>")(w, r)
		},
		"bad encoding": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			page("<title>T</title>")(w, r)
		},
	} {
		s := serve(t, answer)
		got, err := fetcher(t, Options{}).Preview(t.Context(), s.URL+"/")
		if !errors.Is(err, ErrNone) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if n := s.hits.Load(); name == "round" && n != 1+redirects {
			t.Errorf("%d requests for a round of redirects", n)
		}
	}
}

// A fetch says nothing of who asked.
func TestRequestsSayLittle(t *testing.T) {
	var mu sync.Mutex
	var seen []http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Header.Clone())
		mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "1", Path: "/"})
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/next", http.StatusFound)
			return
		}
		page("<title>T</title>")(w, r)
	})
	f := fetcher(t, Options{Agent: "Tester/1"})
	for range 2 {
		if _, err := f.Preview(t.Context(), s.URL); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range seen {
		for name := range h {
			if name != "Accept" && name != "Accept-Encoding" && name != "User-Agent" && name != "Connection" {
				t.Errorf("a request says %s: %s", name, h.Get(name))
			}
		}
		if h.Get("User-Agent") != "Tester/1" {
			t.Errorf("agent %q", h.Get("User-Agent"))
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d requests", len(seen))
	}
}

func TestPagesWithoutEndAreBounded(t *testing.T) {
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	z.Write([]byte("<title>T</title><!--"))
	zeros := make([]byte, 1<<20)
	for range 8 {
		z.Write(zeros)
	}
	z.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"compressed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			page("<title>T</title><!--")(w, r)
			for r.Context().Err() == nil {
				if _, err := w.Write(zeros[:32<<10]); err != nil {
					return
				}
			}
		},
	} {
		s := serve(t, answer)
		f := fetcher(t, Options{Page: 200_000})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := f.Preview(t.Context(), s.URL)
		runtime.ReadMemStats(&after)
		if err != nil || got.Title != "T" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: took %d bytes of memory", name, n)
		}
	}
}

func TestSlowServersAreLeft(t *testing.T) {
	for name, begin := range map[string]string{"before the headers": "", "in the page": "<p>"} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if begin != "" {
				page(begin)(w, r)
				http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		})
		f := fetcher(t, Options{Timeout: 50 * time.Millisecond})
		if _, err := f.Preview(t.Context(), s.URL); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.Image(t.Context(), s.URL); !errors.Is(err, ErrNone) {
			t.Errorf("%s, a picture: %v", name, err)
		}
	}
}

func TestImage(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.Write(make([]byte, 1000))
	})
	f := fetcher(t, Options{Picture: 1000})
	if data, err := f.Image(t.Context(), s.URL+"/?type=image/png"); err != nil || len(data) != 1000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	for _, kind := range []string{"image/svg%2bxml", "text/html", ""} {
		if _, err := f.Image(t.Context(), s.URL+"/?type="+kind); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", kind, err)
		}
	}
	if _, err := fetcher(t, Options{Picture: 999}).Image(t.Context(),
		s.URL+"/?type=image/png"); !errors.Is(err, ErrNone) {
		t.Errorf("a byte too many: %v", err)
	}
	if p, err := f.Preview(t.Context(), s.URL+"/?type=image/png"); err != nil ||
		p.Image != s.URL+"/?type=image/png" || p.Title != "" {
		t.Errorf("a link to a picture: %+v, %v", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Image(ctx, s.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}
