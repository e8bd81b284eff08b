package chat

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestLinks runs the table that the client's tests run as well: links are all
// that readers see as links, previews those that are looked at, where the two
// differ.
func TestLinks(t *testing.T) {
	var cases []struct {
		Text            string
		Links, Previews []string
	}
	table, err := os.ReadFile("testdata/links.json")
	if err == nil {
		err = json.Unmarshal(table, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		all, text := []string{}, withoutCode(c.Text)
		for l := range allLinks(text) {
			if link := text[l.start:l.end]; !slices.Contains(all, link) {
				all = append(all, link)
			}
		}
		if !slices.Equal(all, c.Links) {
			t.Errorf("%q has %q, want %q", c.Text, all, c.Links)
		}
		if c.Previews == nil {
			c.Previews = c.Links
		}
		if got := links(c.Text); !slices.Equal(got, c.Previews) {
			t.Errorf("%q: looked at %q, want %q", c.Text, got, c.Previews)
		}
	}
}

func TestLinksAreFewAndShort(t *testing.T) {
	for text, want := range map[string][]string{
		"https://a.test https://a.test":             {"https://a.test"},
		"1 http://a 2 http://b 3 http://c http://d": {"http://a", "http://b", "http://c"},
		"http://" + strings.Repeat("a", 3000):       nil,
		strings.Repeat("://", 5000):                 nil,
		strings.Repeat("<http://a>", 1600):          nil,
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
