package preview

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// Lengths in characters.
const (
	titleLength, descriptionLength, siteLength = 200, 400, 80
)

// Where each thing is looked for: the first that is not empty counts.
var (
	titles       = []string{"og:title", "twitter:title", "title"}
	descriptions = []string{"og:description", "twitter:description", "description"}
	sites        = []string{"og:site_name", "application-name"}
	images       = []string{"og:image:secure_url", "og:image", "og:image:url", "twitter:image",
		"twitter:image:src"}
)

// read takes a page's head. It stops where the body begins, or where r ends.
func (p *Preview) read(r io.Reader, contentType string, f *Fetcher) error {
	text, err := charset.NewReader(r, contentType)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err != nil {
		return nil // an empty page
	}
	found, err := head(text)
	if err != nil {
		return err
	}
	first := func(names []string, length int) string {
		for _, name := range names {
			if s := clean(found[name], length); s != "" {
				return s
			}
		}
		return ""
	}
	p.Title, p.Description, p.Site = first(titles, titleLength),
		first(descriptions, descriptionLength), first(sites, siteLength)
	from, err := url.Parse(p.URL)
	if err != nil {
		return err
	}
	for _, name := range images {
		if found[name] == "" {
			continue
		}
		if u, err := f.resolve(from, found[name]); err == nil {
			p.Image = u.String()
			break
		}
	}
	return nil
}

// head collects the meta elements by their names, and the title. What a page
// says twice, it says the first time.
func head(r io.Reader) (map[string]string, error) {
	found := map[string]string{}
	add := func(name, value string) {
		if found[name] == "" && (name == "title" || wanted[name]) {
			found[name] = value
		}
	}
	z := html.NewTokenizer(r)
	inTitle := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); err != io.EOF && len(found) == 0 {
				return nil, err
			}
			return found, nil // of a page that broke off, what came
		case html.TextToken:
			if inTitle {
				add("title", string(z.Text()))
			}
		case html.EndTagToken:
			inTitle = false
			if name, _ := z.TagName(); atom.Lookup(name) == atom.Head {
				return found, nil
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			inTitle = false
			switch atom.Lookup(name) {
			case atom.Body:
				return found, nil
			case atom.Title:
				inTitle = true
			case atom.Meta:
				var key, value string
				for more {
					var k, v []byte
					switch k, v, more = z.TagAttr(); string(k) {
					case "property", "name":
						if key == "" || !wanted[key] {
							key = strings.ToLower(strings.TrimSpace(string(v)))
						}
					case "content":
						value = string(v)
					}
				}
				if key != "title" {
					add(key, strings.TrimSpace(value))
				}
			}
		}
	}
}

// wanted are the names of meta elements that are looked at.
var wanted = func() map[string]bool {
	all := map[string]bool{}
	for _, names := range [][]string{titles, descriptions, sites, images} {
		for _, name := range names {
			all[name] = true
		}
	}
	delete(all, "title")
	return all
}()

// clean puts a stranger's text on one line of at most length characters: valid
// UTF-8, single spaces, and nothing that cannot be seen or that changes how the
// text around it is read. Joiners stay, as scripts and emoji need them.
func clean(s string, length int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || r == 0x85 || r == 0x2028 || r == 0x2029:
			space = n > 0
			continue
		case r == utf8.RuneError, r == 0x200c, r == 0x200d:
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs), r == 0x3164,
			r == 0x115f, r == 0x1160, r == 0xffa0, r == 0x2800, r == 0x034f:
			continue
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		b.WriteRune(r)
		if n++; n > length {
			break
		}
	}
	out := b.String()
	if n <= length {
		return strings.Trim(out, "\u200c\u200d ")
	}
	return cut(out, length-1) + "…"
}

// cut keeps the first length characters, and does not leave a mark or a joiner
// without what follows.
func cut(s string, length int) string {
	runes := []rune(s)
	for length > 0 && length < len(runes) &&
		(unicode.Is(unicode.M, runes[length]) || runes[length] == 0x200d || runes[length-1] == 0x200d) {
		length--
	}
	return strings.TrimRight(string(runes[:min(length, len(runes))]), "\u200c\u200d ")
}
