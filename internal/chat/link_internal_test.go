package chat

import (
	"slices"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                           nil,
		"no link: http, https:// and http://":        nil,
		"see https://example.org.":                   {"https://example.org"},
		"(https://example.org/a_(b)) and":            {"https://example.org/a_(b)"},
		"[a text](https://example.org/x?y=1#z)":      {"https://example.org/x?y=1#z"},
		"[https://a.test/](https://a.test/)":         {"https://a.test/"},
		`[x](http://a.test/ "a title")`:              {"http://a.test/"},
		"**https://a.test/b**, _http://b.test/_":     {"https://a.test/b", "http://b.test/"},
		"HTTPS://A.TEST/Path":                        {"HTTPS://A.TEST/Path"},
		"https://a.test https://a.test":              {"https://a.test"},
		"1 http://a 2 http://b 3 http://c http://d":  {"http://a", "http://b", "http://c"},
		"<https://quiet.test> https://a.test":        {"https://a.test"},
		"<https://not quiet.test":                    {"https://not"},
		"`https://code.test` https://a.test":         {"https://a.test"},
		"```\nhttps://code.test\n```\nhttp://a.test": {"http://a.test"},
		"```\nhttps://code.test":                     nil,
		"xhttps://a.test ftp://a.test file:///etc":   nil,
		"javascript://a.test data:text/html,http:":   nil,
		"http://日本.test/ü?ö=ß、":                      {"http://日本.test/ü?ö=ß、"},
		"„https://a.test”":                           {"https://a.test"},
		"http://a.test/|b http://c.test/\tx":         {"http://a.test/", "http://c.test/"},
		"https://a.test/\nhttps://b.test/":           {"https://a.test/", "https://b.test/"},
		"http://" + strings.Repeat("a", 3000):        nil,
		strings.Repeat("://", 5000):                  nil,
		strings.Repeat("<http://a>", 1600):           nil,
	} {
		if got := links(text); !slices.Equal(got, want) {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
}

func FuzzLinks(f *testing.F) {
	f.Add("see [x](https://a.test/(b)) <http://c> `http://d`")
	f.Fuzz(func(t *testing.T, text string) {
		all := links(text)
		for _, l := range all {
			if !strings.Contains(text, l) || !strings.Contains(l, "://") || len(l) > longestLink {
				t.Errorf("%q is no link of %q", l, text)
			}
		}
		if len(all) > maxLinks {
			t.Errorf("%d links", len(all))
		}
	})
}
