package chat

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What the server has to know of markdown: where there is code, a quotation or
// a link, so that a mention or a link is found where readers see one. The
// client has the same rules; testdata/links.json and testdata/mentions.json
// hold both to the same answers.

// hidden stands in for text that is not looked at. It has the same length in
// bytes. A message has no such byte of its own.
const hidden = "\x00"

func hide(text string) string { return strings.Repeat(hidden, len(text)) }

// withoutCode hides inline code and code blocks.
func withoutCode(text string) string {
	var out strings.Builder
	for {
		start := nextTicks(text)
		if start < 0 {
			out.WriteString(text)
			return out.String()
		}
		mark := text[start]
		ticks := len(text[start:]) - len(strings.TrimLeft(text[start:], string(mark)))
		end := closing(text[start+ticks:], mark, ticks)
		switch {
		case end >= 0:
			end += start + ticks
		case ticks >= 3:
			end = len(text) // a block that is never closed
		default:
			end = start + ticks // no code at all
		}
		out.WriteString(text[:start] + hide(text[start:end]))
		text = text[end:]
	}
}

// nextTicks returns where the next run of backticks begins, or of three tildes
// at the beginning of a line; -1 for nowhere.
func nextTicks(text string) int {
	tick := -1
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '`')
		if i < 0 {
			break
		}
		if !escaped(text, from+i) {
			tick = from + i
			break
		}
		from += i + 1
	}
	if at := tildes.FindStringIndex(text); at != nil && (tick < 0 || at[1]-3 < tick) {
		return at[1] - 3
	}
	return tick
}

var tildes = regexp.MustCompile(`(?m)^ {0,3}~~~`)

// closing returns where the text goes on after a run of exactly n marks, or for
// a block of tildes at least n, -1 if there is none.
func closing(text string, mark byte, n int) int {
	for i := 0; i < len(text); {
		at := strings.IndexByte(text[i:], mark)
		if at < 0 {
			return -1
		}
		i += at
		run := len(text[i:]) - len(strings.TrimLeft(text[i:], string(mark)))
		i += run
		if run == n || mark == '~' && run > n {
			return i
		}
	}
	return -1
}

// escaped reports whether the byte at i has a backslash before it that is not
// itself escaped.
func escaped(text string, i int) bool {
	before := text[:i]
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

// quoted is a line that quotes, also as an item of a list.
var quoted = regexp.MustCompile(`(?m)^ {0,3}(?:(?:[-*+]|\d{1,9}[.)]) +)*>.*$`)

// withoutQuotes hides the lines that quote what another wrote.
func withoutQuotes(text string) string { return quoted.ReplaceAllStringFunc(text, hide) }

// inlineLink is a link with a text: [a text](target). Neither has a line break,
// and brackets in them come in pairs.
var inlineLink = regexp.MustCompile(
	`\[(?:[^][\n]|\[[^][\n]*\])*\]\((?:[^()\n]|\([^()\n]*\))*\)`)

// withoutLinks hides links, their texts too.
func withoutLinks(text string) string {
	text = inlineLink.ReplaceAllStringFunc(text, hide)
	var out strings.Builder
	at := 0
	for l := range allLinks(text) {
		out.WriteString(text[at:l.start] + hide(text[l.start:l.end]))
		at = l.end
	}
	return out.String() + text[at:]
}

// link is a web link in a text. A bracketed one stands between < and >.
type link struct {
	start, end int
	bracketed  bool
}

// allLinks goes through the web links in a text without code.
func allLinks(text string) func(yield func(link) bool) {
	return func(yield func(link) bool) {
		for from := 0; ; {
			at, scheme := nextLink(text[from:])
			if at < 0 {
				return
			}
			at += from
			l := linkAt(text, at, scheme)
			if from = l.end; l.end > at+scheme && !yield(l) {
				return
			}
		}
	}
}

// nextLink returns where the text next says http:// or https:// at the
// beginning of a word, and how long that is; -1 for nowhere.
func nextLink(text string) (at, scheme int) {
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return -1, 0
		}
		end := from + i
		for _, name := range []string{"https", "http"} {
			at := end - len(name)
			if at < 0 || !strings.EqualFold(text[at:end], name) {
				continue
			}
			if before, _ := utf8.DecodeLastRuneInString(text[:at]); !inWord(before) {
				return at, len(name) + len("://")
			}
		}
		from = end + len("://")
	}
}

// inWord reports whether what follows r is still the same word. In scripts
// without spaces a link or a mention may follow any letter.
func inWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) && !isUnspaced(r)
}

// unspaced are scripts that are written without spaces between words, and
// Hangul, whose words carry endings.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao,
	unicode.Khmer, unicode.Myanmar, unicode.Bopomofo,
}

func isUnspaced(r rune) bool { return r == 'ー' || unicode.In(r, unspaced...) }

// endsLink reports whether r is in no link: spaces, controls, what addresses
// have only in encoded form, and punctuation of scripts without spaces.
func endsLink(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>\"|\\^{}`“”„«»", r) ||
		r >= 0x3000 && r <= 0x303f && r != '々' && r != '〇' || // CJK symbols and punctuation
		r >= 0xff01 && r <= 0xff65 && !unicode.IsLetter(r) && !unicode.IsDigit(r) // full-width forms
}

// linkAt returns the link that begins there, as a reader would see it: without
// the full stop of the sentence around it.
func linkAt(text string, at, scheme int) link {
	end := len(text)
	if i := strings.IndexFunc(text[at:], endsLink); i >= 0 {
		end = at + i
	}
	if at > 0 && text[at-1] == '<' && strings.HasPrefix(text[end:], ">") {
		return link{at, end, true}
	}
	// A bracket that the link does not open belongs to what stands around it,
	// as in [a text](the link).
	open := map[rune]int{}
	for i, r := range text[at:end] {
		switch r {
		case '(', '[':
			open[r]++
		case ')', ']':
			opening := map[rune]rune{')': '(', ']': '['}[r]
			if open[opening]--; open[opening] < 0 {
				return link{at, at + trimLink(text[at:at+i], scheme), false}
			}
		}
	}
	return link{at, at + trimLink(text[at:end], scheme), false}
}

// trimLink returns the length of a link without the punctuation at its end. A
// quotation mark that closes one in the link stays.
func trimLink(link string, scheme int) int {
	end := len(link)
	for end > scheme {
		r, size := utf8.DecodeLastRuneInString(link[scheme:end])
		if !strings.ContainsRune(".,;:!?'*_~([’…", r) ||
			r == '\'' && strings.Count(link[:end], "'")%2 == 0 {
			break
		}
		end -= size
	}
	return end
}

// links returns the first few web links of a markdown text that are looked at,
// each once, as they stand there. Links in code are none, and neither are those
// between < and >, with which an author says that they want no preview.
func links(text string) []string {
	var all []string
	text = withoutCode(text)
	for l := range allLinks(text) {
		link := text[l.start:l.end]
		if len(link) > longestLink || l.bracketed || slices.Contains(all, link) {
			continue
		}
		if all = append(all, link); len(all) == maxLinks {
			break
		}
	}
	return all
}
