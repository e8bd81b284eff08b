package demoimport

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
)

// choose sets the name that the person asks for here, and why it is not the
// demo's.
func (r *run) choose(p *person) {
	most := r.Service.Limits.Name
	shown, _, err := r.Service.Names.Fold(p.name)
	if err == nil && utf8.RuneCountInString(shown) <= most {
		p.wish = shown
		return
	}
	if err != nil {
		p.why = plain(err)
	} else {
		p.why = fmt.Sprintf("A name has at most %d characters.", most)
	}
	p.wish = derive(p.name, most)
	if shown, _, err = r.Service.Names.Fold(p.wish); err == nil && utf8.RuneCountInString(shown) <= most {
		p.wish = shown
	} else {
		p.wish = "user " + num(p.n)
	}
}

const separators = " -_.'’"

// derive makes a name of up to most characters from one that Parley does not
// take: ann@example.com becomes ann.example.com, and an emoji a space.
func derive(name string, most int) string {
	var b strings.Builder
	gap := "" // the separator that comes next, if a letter follows
	for _, r := range strings.ToValidUTF8(name[:min(len(name), 1000)], "") {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.M, r) && gap == "" && b.Len() > 0:
			if b.Len() > 0 {
				b.WriteString(gap)
			}
			b.WriteRune(r)
			gap = ""
		case unicode.Is(unicode.M, r), unicode.Is(unicode.Cf, r): // of an emoji, or invisible
		case strings.ContainsRune(separators, r) && gap == "":
			gap = string(r)
		case strings.ContainsRune("@+/:", r) && gap == "":
			gap = "."
		case gap == "" || !strings.ContainsRune("@+/:.", r):
			gap = " "
		}
	}
	return cut(b.String(), most)
}

// numbered returns the name with the number that makes the given try different.
func (r *run) numbered(name string, try int) string {
	if try == 1 {
		return name
	}
	mark := fmt.Sprint(" ", try)
	return cut(name, r.Service.Limits.Name-len(mark)) + mark
}

// cut returns the first characters of a name, with no separator at the end.
func cut(name string, most int) string {
	runes := []rune(name)
	return strings.TrimRight(string(runes[:min(len(runes), most)]), separators)
}

// plain is an error in words for people.
func plain(err error) string {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return e.Message
	}
	return err.Error()
}
