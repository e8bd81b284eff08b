package rest

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/clientinfo"
)

// TestPageHoldsTogether reads the page as the markup that it is: what opens
// closes, and every link within it leads somewhere.
func TestPageHoldsTogether(t *testing.T) {
	page := openAPI("1.2.3 <beta>", &clientinfo.Policy{}).page
	if !strings.Contains(page, "<h1>Parley <small>1.2.3 &lt;beta&gt;</small></h1>") ||
		strings.Contains(page, "<script") {
		t.Error("the head is not as expected")
	}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open, ids, links []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			for _, a := range e.Attr {
				switch name, in := strings.CutPrefix(a.Value, "#"); {
				case a.Name.Local == "id" && slices.Contains(ids, a.Value):
					t.Errorf("%s is there twice", a.Value)
				case a.Name.Local == "id":
					ids = append(ids, a.Value)
				case a.Name.Local == "href" && in:
					links = append(links, name)
				}
			}
		case xml.EndElement:
			if last := len(open) - 1; last < 0 || open[last] != e.Name.Local {
				t.Fatalf("</%s> closes none of %v", e.Name.Local, open)
			} else {
				open = open[:last]
			}
		}
	}
	if len(open) > 0 || len(ids) < 30 {
		t.Errorf("%v are open, %d articles", open, len(ids))
	}
	for _, link := range links {
		if !slices.Contains(ids, link) {
			t.Errorf("#%s leads nowhere", link)
		}
	}
}

// TestTextsAreNoMarkup puts in what would break out of an element and of an
// attribute.
func TestTextsAreNoMarkup(t *testing.T) {
	const hostile = `"><script>alert('x')</script>%s&amp;`
	m := &markup{}
	m.put(`<a href="#%s">%s</a>`, hostile, hostile)
	if want := regexp.MustCompile(`^<a href="#[^"<>']*">[^"<>']*</a>$`); !want.MatchString(
		m.String()) || !strings.Contains(m.String(), "%s&amp;amp;") {
		t.Error(m.String())
	}
}

// TestGroupsAreDescribed: each group of actions says what it is about, and none
// is described that is not there.
func TestGroupsAreDescribed(t *testing.T) {
	groups := map[string]bool{}
	for _, a := range routes() {
		noun, _, _ := strings.Cut(a.Name, ".")
		groups[noun] = true
		if nouns[noun] == "" {
			t.Errorf("%s has no description in openapi.go", noun)
		}
	}
	for noun := range nouns {
		if !groups[noun] {
			t.Errorf("%s has no actions", noun)
		}
	}
	if doc := openAPI("1", &clientinfo.Policy{}); !strings.Contains(string(doc.json), nouns["thread"]) {
		t.Error("the document has no descriptions of groups")
	}
}
