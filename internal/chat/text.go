package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Whatever text comes in, through whichever door, is cleaned here: the text of
// messages by [CleanText], whatever is one line by [cleanLine].

// maxMarks is how many combining marks may follow one another. Real scripts
// need fewer; more are drawn over the neighbours.
const maxMarks = 8

// kept are the format characters that scripts and emoji need: soft hyphens,
// joiners, break opportunities, the direction marks of single letters, the
// isolates (which CleanText balances), and the signs before numbers in Arabic,
// Syriac and Kaithi. All others are dropped: they are deprecated or invisible,
// and some turn the text around them.
var kept = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00ad, 0x00ad, 1}, {0x0600, 0x0605, 1}, {0x061c, 0x061c, 1}, {0x06dd, 0x06dd, 1},
		{0x070f, 0x070f, 1}, {0x0890, 0x0891, 1}, {0x08e2, 0x08e2, 1}, {0x180e, 0x180e, 1},
		{0x200b, 0x200f, 1}, {0x2060, 0x2060, 1}, {0x2066, 0x2069, 1},
	},
	R32: []unicode.Range32{
		{0x110bd, 0x110cd, 0x10}, {0x13430, 0x1343f, 1}, {0x1bca0, 0x1bca3, 1}, {0xe0020, 0xe007f, 1},
	},
	LatinOffset: 1,
}

const (
	flag       = '\U0001f3f4' // tags follow it, in the flags of England, Scotland and others
	isolate    = '\u2066'     // the first of three characters that begin an isolate
	endIsolate = '\u2069'
)

// CleanText returns a text as it is kept. Line breaks of all kinds become \n.
// Control characters other than tabs, noncharacters, and format characters that
// no script needs are dropped. What is not UTF-8 becomes U+FFFD. Isolates of
// direction end with their line at the latest, and runs of combining marks are
// cut.
func CleanText(text string) string {
	if isPlain(text) {
		return text
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	var out strings.Builder
	out.Grow(len(text))
	marks, isolates, before := 0, 0, rune(0)
	endLine := func() {
		for ; isolates > 0; isolates-- {
			out.WriteRune(endIsolate)
		}
	}
	for i, r := range text {
		switch {
		case r == '\r' && strings.HasPrefix(text[i:], "\r\n"):
			continue
		case strings.ContainsRune("\n\r\v\f\u0085\u2028\u2029", r):
			endLine()
			r, marks = '\n', 0
		case r == '\t':
			marks = 0
		case unicode.IsControl(r), isNoncharacter(r):
			continue
		case unicode.IsMark(r):
			if marks++; marks > maxMarks {
				continue
			}
		case unicode.Is(unicode.Cf, r):
			if !unicode.Is(kept, r) || isTag(r) && before != flag && !isTag(before) {
				continue
			}
			if r == endIsolate {
				if isolates == 0 {
					continue
				}
				isolates--
			} else if r >= isolate && r < endIsolate {
				isolates++
			}
		default:
			marks = 0
		}
		out.WriteRune(r)
		before = r
	}
	endLine()
	return out.String()
}

// isPlain reports whether a text has nothing but what ASCII can show.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func isNoncharacter(r rune) bool { return r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe }

func isTag(r rune) bool { return r >= 0xe0020 && r <= 0xe007f }

// isInvisible reports whether r shows nothing by itself.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || r == '\u2800' ||
		unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isBlank reports whether a text shows nothing.
func isBlank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !isInvisible(r) })
}

// cleanLine returns a text as it is kept in one line: as CleanText does,
// without invisible characters that only emoji and joined letters need, where
// there are none, and with single spaces. It is empty if it shows nothing.
func cleanLine(text string) string {
	text = CleanText(text)
	if isPlain(text) {
		return strings.Join(strings.Fields(text), " ")
	}
	before := ' '
	text = strings.Map(func(r rune) rune {
		if isInvisible(r) && !unicode.IsSpace(r) && !isTag(r) {
			joins := r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r)
			if !joins || isInvisible(before) {
				return -1
			}
		}
		before = r
		return r
	}, text)
	if isBlank(text) {
		return ""
	}
	return strings.Join(strings.Fields(text), " ")
}

// line checks one line of text of min to max characters and returns it cleaned.
func line(field, text string, min, max int) (string, error) {
	text = cleanLine(text)
	switch n := utf8.RuneCountInString(text); {
	case n < min && min == 1:
		return "", invalid(field, "Enter a %s.", field)
	case n < min:
		return "", invalid(field, "A %s has at least %d characters.", field, min)
	case n > max:
		return "", invalid(field, "A %s has at most %d characters.", field, max)
	}
	return text, nil
}

// shorten returns at most n bytes of a text without control characters.
func shorten(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return -1
		}
		return r
	}, CleanText(text))
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return text
}

// fileName returns a name that is safe to show and to save under.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
			strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.Trim(cleanLine(name), ". ")
	for len(name) > 200 {
		_, n := utf8.DecodeRuneInString(name)
		name = name[n:] // the end tells what it is
	}
	if name == "" {
		return "file"
	}
	return name
}

// messageText returns the text of a message as it is kept.
func (s *Service) messageText(text string) (string, error) {
	if len(text) > s.Limits.Message {
		return "", &Error{Code: CodeTooLarge, Field: "text",
			Message: fmt.Sprintf("A message has at most %d bytes. Send it in parts.", s.Limits.Message)}
	}
	if text = CleanText(text); isBlank(text) {
		return "", invalid("text", "A message cannot be empty.")
	}
	return text, nil
}
