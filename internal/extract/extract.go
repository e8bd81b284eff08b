// Package extract reads the text inside files, for search: plain text and
// markdown, HTML, PDF, and the zip files of XML of word processors, tables and
// slides. What it reads may be made to harm: [Child] reads it in a process of
// its own.
package extract

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ledongthuc/pdf"
	"golang.org/x/net/html"
)

const (
	// MaxInput is how large a file may be of which the text is read, in bytes.
	MaxInput = 32 << 20
	// MaxText is how much text is read of a file, in bytes.
	MaxText = 128 << 10
)

// errFull ends the reading once there is enough text.
var errFull = errors.New("enough")

// text takes text, up to MaxText, with one space or line break between words.
type text struct {
	out  *bufio.Writer
	left int
	gap  bool // a space comes before the next word
}

func (t *text) add(s string) error {
	if s == "" {
		return nil
	}
	t.gap = t.gap || s[0] <= ' '
	for word := range strings.FieldsSeq(s) {
		word = strings.ToValidUTF8(strings.ReplaceAll(word, "\x00", ""), "\ufffd")
		if t.gap {
			word = " " + word
		}
		if len(word) > t.left {
			word = strings.ToValidUTF8(word[:t.left], "")
			t.left = len(word)
		}
		t.left -= len(word)
		if _, err := t.out.WriteString(word); err != nil {
			return err
		}
		if t.left < utf8.UTFMax {
			return errFull
		}
		t.gap = true
	}
	t.gap = s[len(s)-1] <= ' '
	return nil
}

// Text writes the text inside a file, as it is found, up to MaxText. A file of
// a kind that has none, and one that is damaged, is an error, before which some
// text may have come. The name says what is HTML.
func Text(out io.Writer, name string, data []byte) error {
	t := &text{out: bufio.NewWriter(out), left: MaxText}
	err := error(nil)
	switch kind := http.DetectContentType(data); {
	case bytes.HasPrefix(data, []byte("%PDF-")):
		err = t.pdf(data)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		err = t.office(data)
	case isHTML(name) || strings.HasPrefix(kind, "text/html"):
		err = t.html(plain(data))
	case strings.HasPrefix(kind, "text/"):
		err = t.add(plain(data))
	default:
		err = errors.New("no text is read from " + kind)
	}
	if errors.Is(err, errFull) {
		err = nil
	}
	return errors.Join(err, t.out.Flush())
}

func isHTML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".html" || ext == ".htm" || ext == ".xhtml"
}

// plain is a text file as UTF-8. What is in no encoding of Unicode is taken for
// Latin-1.
func plain(data []byte) string {
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		high := int(data[0] & 1) // where the higher half of each unit is
		units := make([]uint16, 0, min(len(data)/2, MaxText))
		for i := 2; i+1 < len(data) && len(units) < MaxText; i += 2 {
			units = append(units, uint16(data[i+high])<<8|uint16(data[i+1-high]))
		}
		return string(utf16.Decode(units))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if utf8.Valid(data) {
		return string(data)
	}
	runes := make([]rune, 0, min(len(data), MaxText))
	for _, b := range data[:min(len(data), MaxText)] {
		runes = append(runes, rune(b))
	}
	return string(runes)
}

func (t *text) html(source string) error {
	z := html.NewTokenizer(strings.NewReader(source))
	hidden := ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); err != io.EOF {
				return err
			}
			return nil
		case html.TextToken:
			if hidden != "" {
				continue
			}
			if err := t.add(string(z.Text())); err != nil {
				return err
			}
		case html.StartTagToken:
			tag, _ := z.TagName()
			if name := string(tag); hidden == "" && (name == "script" || name == "style") {
				hidden = name
			} else if !inline[name] {
				t.gap = true
			}
		case html.EndTagToken:
			tag, _ := z.TagName()
			if name := string(tag); name == hidden {
				hidden = ""
			} else if !inline[name] {
				t.gap = true
			}
		case html.SelfClosingTagToken:
			t.gap = true
		}
	}
}

// inline are the tags that may stand inside of a word.
var inline = map[string]bool{"a": true, "abbr": true, "b": true, "bdi": true, "bdo": true, "cite": true,
	"code": true, "em": true, "font": true, "i": true, "mark": true, "s": true, "small": true, "span": true,
	"strong": true, "sub": true, "sup": true, "u": true, "wbr": true}

func (t *text) pdf(data []byte) error {
	r, err := pdf.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	var broken error
	for n := 1; n <= r.NumPage(); n++ {
		page := r.Page(n)
		if page.V.IsNull() {
			continue
		}
		s, err := page.GetPlainText(nil)
		if err != nil {
			broken = err // others may be sound
			continue
		}
		if err := errors.Join(t.add(s+"\n"), t.out.Flush()); err != nil { // the next may take too long
			return err
		}
	}
	return broken
}
