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
		end := start + ticks
		line := text[strings.LastIndexByte(text[:start], '\n')+1 : start]
		info, _, _ := strings.Cut(text[end:], "\n")
		if ticks >= 3 && beginsBlock.MatchString(line) && (mark == '~' || !strings.Contains(info, "`")) {
			end += blockEnd(text[end:], mark, ticks)
		} else if code := inlineEnd(text[end:], ticks); code >= 0 {
			end += code
		}
		out.WriteString(text[:start] + hide(text[start:end]))
		text = text[end:]
	}
}

// beginsBlock is what may stand before a block of code in its line.
var beginsBlock = regexp.MustCompile(`^(?:[ \x00>]|[-*] +|\d{1,3}[.)] +)*$`)

// nextTicks returns where the next run of backticks begins, or of three tildes
// that begin a block; -1 for nowhere.
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
	if at := tildes.FindStringSubmatchIndex(text); at != nil && (tick < 0 || at[2] < tick) {
		return at[2]
	}
	return tick
}

// tildes are three or more with nothing but the name of a language after them.
var tildes = regexp.MustCompile(`(?m)^ {0,3}(~{3,})[ \t]*[\w+#.-]*[ \t]*$`)

// inlineEnd returns where the text goes on after a run of exactly n backticks,
// -1 if there is none.
func inlineEnd(text string, n int) int {
	for i := 0; i < len(text); {
		at := strings.IndexByte(text[i:], '`')
		if at < 0 {
			return -1
		}
		i += at
		run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		i += run
		if run == n {
			return i
		}
	}
	return -1
}

// blockEnd returns where the text goes on after a block of code, which begins
// in the line before: behind at least n marks that begin or, if they are
// backticks, end a line, else at the end of the text.
func blockEnd(text string, mark byte, n int) int {
	marks := strings.Repeat(string(mark), n)
	at := 0
	for line := range strings.Lines(text) {
		if at > 0 {
			rest := strings.TrimLeft(line, " >")
			after := strings.TrimLeft(rest, string(mark))
			whole := strings.TrimRight(line, " \t\n")
			switch {
			case strings.HasPrefix(rest, marks) && (mark == '`' || strings.TrimSpace(after) == ""):
				return at + len(line) - len(after)
			case mark == '`' && strings.HasSuffix(whole, marks):
				return at + len(whole)
			}
		}
		at += len(line)
	}
	return len(text)
}

// escaped reports whether the byte at i has a backslash before it that is not
// itself escaped.
func escaped(text string, i int) bool {
	before := text[:i]
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

// quoted is a line that quotes, also as an item of a list. A face is none, such
// as >:( or >_<, and neither is >=.
var quoted = regexp.MustCompile(`(?m)^ {0,3}(?:(?:[-*+]|\d{1,9}[.)]) +)*>.*$`)

var face = regexp.MustCompile(
	`^[^>]*>(?:=|(?:[:;]['-]?[()DPpOo3|/\\<>]|[._-]?<|[._]>)(?:[^\pL\pN]|$))`)

// withoutQuotes hides the lines that quote what another wrote.
func withoutQuotes(text string) string {
	return quoted.ReplaceAllStringFunc(text, func(line string) string {
		if face.MatchString(line) {
			return line
		}
		return hide(line)
	})
}

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

// endsLink reports whether r is in no link: spaces, controls, what is not seen,
// what addresses have only in encoded form, and punctuation of scripts without
// spaces.
func endsLink(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>\"|\\^{}`“”„«»", r) ||
		unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' || // joiners are part of words and emoji
		r >= 0x3000 && r <= 0x303f && r != '々' && r != '〇' || // CJK symbols and punctuation
		r >= 0xff01 && r <= 0xff65 && !unicode.IsLetter(r) && !unicode.IsDigit(r) // full-width forms
}

// another is where a list of links without spaces goes on.
var another = regexp.MustCompile(`(?i)[,;]https?://`)

// linkAt returns the link that begins there, as a reader would see it: without
// the full stop of the sentence around it.
func linkAt(text string, at, scheme int) link {
	end := len(text)
	if i := strings.IndexFunc(text[at:], endsLink); i >= 0 {
		end = at + i
	}
	if at > 0 && text[at-1] == '<' && strings.HasPrefix(text[end:], ">") &&
		hasHost.MatchString(text[at+scheme:end]) {
		return link{at, end, true}
	}
	if next := another.FindStringIndex(text[at:end]); next != nil {
		end = at + next[0]
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
// quotation mark that closes one in the link stays. Signs such as emoji end a
// link that is a host alone. The length is that of the scheme if there is no
// host.
func trimLink(link string, scheme int) int {
	end := len(link)
	bare := !strings.ContainsAny(link[scheme:], "/?#")
	for end > scheme {
		r, size := utf8.DecodeLastRuneInString(link[scheme:end])
		switch {
		case r == '\'' && strings.Count(link[:end], "'")%2 == 0:
			return end
		case strings.ContainsRune(".,;:!?'*_~([’…،؛؟۔।॥։።፣។၊။།", r):
		case bare && (unicode.IsSymbol(r) || r == '\ufe0f' || r == '\u200d'):
		case !hasHost.MatchString(link[scheme:end]):
			return scheme
		default:
			return end
		}
		end -= size
	}
	return end
}

// hasHost is the beginning of a link behind its scheme: a letter or a number
// comes before the port, the path or what follows it.
var hasHost = regexp.MustCompile(
	`^(?:[^/?#@]*@)?[^/?#@:\pL\pN]*[\pL\pN]|^(?:[^/?#@]*@)?\[[0-9A-Fa-f:.]+\]`)

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
