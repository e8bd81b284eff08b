package preview

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		" a \r\n\t b\u00a0\u2028c ":  "a b c",
		"a\x00b\x1b[31mc\x7f\u0085d": "ab[31mc d",
		"bad\u202etxt.exe":           "badtxt.exe",
		"\u2066a\u2069\u200e\u200f\u061cb\u200b\ufeff\u00ad": "ab",
		"\U000e0041\U000e007fx":                              "x",
		"👩\u200d💻 ok":                                        "👩\u200d💻 ok",
		"می\u200cخواهم":                                      "می\u200cخواهم",
		"a\xffb":                                             "a\ufffdb",
		"\u3164\u2800":                                       "",
		strings.Repeat("ä", 10):                              strings.Repeat("ä", 10),
		strings.Repeat("ä", 11):                              strings.Repeat("ä", 9) + "…",
		"12345678e\u0301\u0301x":                             "12345678…",
		"123456 👩\u200d💻":                                    "123456 👩\u200d💻",
		"12345678👩\u200d💻":                                   "12345678…",
		"12345 78 abcd":                                      "12345 78…",
		strings.Repeat(" ", 50) + "x":                        "x",
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzPage(f *testing.F) {
	for _, page := range []string{
		`<title>T</title><meta property="og:image" content="//x/y">`,
		"<meta charset=gbk><title>\xd6\xd0", "\xfe\xff\x00<", "<title>a\u202eb</title>",
		`<meta name=description content="` + strings.Repeat("e\u0301\u200d", 300) + `">`,
		`<meta property="og:image" content="http://[::1%25x]/">`, "<title><title>", "<!--", "<svg><title>",
	} {
		f.Add([]byte(page), "text/html", "http://a.test/x")
	}
	fetcher := New(Options{Guard: allow("0.0.0.0/0", "::/0")})
	f.Fuzz(func(t *testing.T, page []byte, contentType, from string) {
		u, err := fetcher.judge(from)
		if err != nil {
			return
		}
		p := Preview{URL: u.String()}
		if err := p.read(strings.NewReader(string(page)), contentType, fetcher); err != nil {
			return
		}
		for text, length := range map[string]int{p.Title: titleLength,
			p.Description: descriptionLength, p.Site: siteLength} {
			if !utf8.ValidString(text) || utf8.RuneCountInString(text) > max(length,
				descriptionLength) || strings.TrimSpace(text) != text || strings.Contains(text, "  ") {
				t.Fatalf("%q", text)
			}
			for _, r := range text {
				if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) {
					t.Fatalf("%q has %U", text, r)
				}
			}
		}
		if p.Image != "" {
			if i, err := url.Parse(p.Image); err != nil || i.Scheme != "http" &&
				i.Scheme != "https" || i.Host == "" || i.User != nil {
				t.Fatalf("image %q", p.Image)
			}
		}
	})
}
