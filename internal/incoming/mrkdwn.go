package incoming

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mrkdwn turns Slack's markup into markdown. What follows >>> is a quotation to
// its end.
func mrkdwn(text string) string {
	if at := quoteRest.FindStringSubmatchIndex(text); at != nil && strings.Count(text[:at[0]], "```")%2 == 0 {
		return join("\n", spans(text[:at[0]]), quote(spans(text[at[2]:])))
	}
	return spans(text)
}

var quoteRest = regexp.MustCompile(`(?ms)^(?:>>>|&gt;&gt;&gt;) ?(.+)\z`)

// spans turns Slack's markup within and around lines into markdown.
func spans(text string) string {
	var out strings.Builder
	for text != "" {
		tick := strings.IndexByte(text, '`')
		if tick < 0 {
			out.WriteString(prose(text))
			break
		}
		marks := "`"
		if strings.HasPrefix(text[tick:], "```") {
			marks = "```"
		}
		inside := text[tick+len(marks):]
		end := strings.Index(inside, marks)
		if end <= 0 || marks == "`" && strings.Contains(inside[:end], "\n") { // no code
			out.WriteString(prose(text[:tick]))
			out.WriteString(strings.Repeat("\\`", len(marks)))
			text = inside
			continue
		}
		out.WriteString(prose(text[:tick]))
		text = inside[end+len(marks):]
		code := raw(inside[:end])
		if marks == "`" {
			out.WriteString("`" + code + "`")
			continue
		}
		if s := out.String(); s != "" && !strings.HasSuffix(s, "\n") {
			out.WriteByte('\n')
		}
		language, rest, more := strings.Cut(code, "\n")
		if more && isLanguage.MatchString(language) { // as markdown has it
			code = rest
		} else {
			language = ""
		}
		out.WriteString(fence(language, code))
		if text != "" && !strings.HasPrefix(text, "\n") {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

var isLanguage = regexp.MustCompile(`^[a-z0-9+#-]{1,20}$`)

// fence is a block of code, with more backticks than stand in it.
func fence(language, code string) string {
	marks := strings.Repeat("`", max(3, longestRun(code)+1))
	return marks + language + "\n" + strings.Trim(code, "\n") + "\n" + marks
}

// inlineCode is code within a line.
func inlineCode(code string) string {
	if code = strings.ReplaceAll(code, "\n", " "); code == "" {
		return ""
	}
	if n := longestRun(code); n > 0 {
		marks := strings.Repeat("`", n+1)
		return marks + " " + code + " " + marks
	}
	return "`" + code + "`"
}

// longestRun counts the backticks of the longest run of them.
func longestRun(code string) int {
	longest, run := 0, 0
	for i := range len(code) {
		if code[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// raw is what a text says, without its links' marks: for code, in which
// markdown has none.
func raw(text string) string {
	return unescape(angled.ReplaceAllStringFunc(text, func(m string) string {
		target, label, _ := strings.Cut(m[1:len(m)-1], "|")
		switch {
		case !isLink(target):
			return m
		case label != "":
			return label
		}
		return target
	}))
}

var angled = regexp.MustCompile(`<[^<>\n]+>`)

// prose turns markup outside of code into markdown.
func prose(text string) string {
	return references(text, func(line string) string {
		return asWritten(emphasis(emojis(unescape(line))))
	})
}

// plain is a text in which only references are markup, as Slack shows it where
// the sender has not asked for more.
func plain(text string) string {
	return references(text, func(line string) string { return literal(unescape(line)) })
}

// references turns what stands between < and > into markdown, keeps bare
// addresses from being taken for markup, and renders each line of the rest.
func references(text string, render func(line string) string) string {
	var out strings.Builder
	for {
		at := angled.FindStringIndex(text)
		if at == nil {
			break
		}
		md, ok := reference(text[at[0]+1 : at[1]-1])
		if !ok {
			md = literal(text[at[0]:at[1]])
		}
		// Links are set aside as letters of private use, so that marks inside
		// them are nobody's.
		out.WriteString(beforeMark(addresses(strings.Map(notPrivate, text[:at[0]]))))
		out.WriteString(hide(md))
		text = text[at[1]:]
	}
	out.WriteString(addresses(strings.Map(notPrivate, text)))
	lines := strings.Split(out.String(), "\n")
	for i, line := range lines {
		lines[i] = render(line)
	}
	return show(strings.Join(lines, "\n"))
}

var address = regexp.MustCompile(`(?i)\bhttps?://[^\s<>|"` + "`" + `]+`)

// addresses sets bare addresses aside in which a reader of markdown would see
// marks. Others are links by themselves.
func addresses(text string) string {
	return address.ReplaceAllStringFunc(text, func(found string) string {
		url := withoutEnd(found)
		bare := unescape(url)
		if !strings.ContainsAny(bare, "*_~[]\\") {
			return found
		}
		return hide("<"+bare+">") + found[len(url):]
	})
}

// withoutEnd takes off an address what belongs to the sentence around it: the
// punctuation at its end, and a mark or bracket that has no partner inside.
func withoutEnd(url string) string {
	for url != "" {
		end, count := url[len(url)-1], func(b byte) int { return strings.Count(url, string(b)) }
		switch end {
		case '.', ',', ';', ':', '!', '?':
		case ')', ']', '}':
			if count(end) <= count(map[byte]byte{')': '(', ']': '[', '}': '{'}[end]) {
				return url
			}
		case '*', '_', '~', '\'':
			if count(end)%2 == 0 {
				return url
			}
		default:
			return url
		}
		url = url[:len(url)-1]
	}
	return url
}

// asWritten keeps a line of dashes or equal signs from making a heading of the
// line above it, or a rule.
func asWritten(line string) string {
	rest := strings.TrimSpace(line)
	if len(rest) > 1 && (strings.Trim(rest, "-") == "" || strings.Trim(rest, "=") == "") {
		return strings.Replace(line, rest[:1], `\`+rest[:1], 1)
	}
	return line
}

// Hidden bytes are letters of private use, one for each byte, between two
// marks.
const (
	hideFrom  = '\U000F0000'
	hideStart = '\U000F0100'
	hideEnd   = '\U000F0101'
)

func notPrivate(r rune) rune {
	if r >= hideFrom && r <= hideEnd {
		return -1
	}
	return r
}

func hide(s string) string {
	var b strings.Builder
	b.WriteRune(hideStart)
	for i := range len(s) {
		b.WriteRune(hideFrom + rune(s[i]))
	}
	b.WriteRune(hideEnd)
	return b.String()
}

func show(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == hideStart || r == hideEnd:
		case r >= hideFrom && r < hideStart:
			b.WriteByte(byte(r - hideFrom))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// reference is what stands between < and >: a link, a call, a person, a
// channel.
func reference(inside string) (string, bool) {
	target, label, _ := strings.Cut(inside, "|")
	plain := emojis(unescape(label))
	switch {
	case strings.HasPrefix(target, "!"):
		command, _, _ := strings.Cut(target[1:], "^")
		if command == "here" || command == "channel" || command == "everyone" {
			return "@room", true
		}
		if _, id, ok := strings.Cut(target, "!subteam^"); ok && plain == "" {
			return literal("@" + id), true
		}
		return literal(plain), true
	case strings.HasPrefix(target, "@") || strings.HasPrefix(target, "#"):
		if plain == "" {
			return literal(target), true
		}
		return target[:1] + literal(strings.TrimLeft(plain, "@#")), true
	case isLink(target):
		return labelled(unescape(label), unescape(target), marked), true
	}
	return "", false
}

func isLink(target string) bool {
	scheme, rest, ok := strings.Cut(target, ":")
	scheme = strings.ToLower(scheme)
	return ok && strings.Trim(rest, "/ ") != "" &&
		(scheme == "http" || scheme == "https" || scheme == "mailto")
}

// link is a link in markdown with a plain label. Where url is none that a
// reader may follow, only its label is left.
func link(label, url string) string {
	return labelled(label, url, func(label string) string { return escape(label, false) })
}

// marked is the label of a link with its emphasis.
func marked(label string) string {
	return emphasis(outsideMarks.Replace(backslashes.ReplaceAllStringFunc(emojis(label), double)))
}

// outsideMarks escapes what is no emphasis.
var outsideMarks = strings.NewReplacer("`", "\\`", "[", `\[`, "]", `\]`, "<", `\<`)

func labelled(label, url string, render func(label string) string) string {
	label = strings.Join(strings.Fields(label), " ")
	url = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(url))
	if !isLink(url) {
		return literal(label)
	}
	bare := !strings.ContainsAny(url, " <>\\")
	if address := strings.TrimPrefix(url, "mailto:"); label == "" || label == address {
		label, render = address, func(label string) string { return escape(label, false) }
	}
	if bare && label == url {
		return "<" + url + ">"
	}
	return "[" + beforeMark(render(label)) + "](" + inBrackets.Replace(url) + ")"
}

var inBrackets = strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "\\", "%5C")

// unescape undoes what Slack wants escaped.
func unescape(s string) string { return entities.Replace(s) }

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// literal is markdown that shows the text as it is. The text may have several
// lines.
func literal(text string) string { return escape(text, true) }

// escape does it for a text that begins a line, or not. Short codes of emoji
// become these.
func escape(text string, begins bool) string {
	text = backslashes.ReplaceAllStringFunc(emojis(text), double)
	var b strings.Builder
	for i, r := range text {
		switch {
		case strings.ContainsRune("`*_~[]<", r):
			b.WriteByte('\\')
		case strings.ContainsRune("#>+-=", r) && (i == 0 && begins || i > 0 && text[i-1] == '\n'):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// backslashes are those that would take the meaning of a mark. Others are what
// they are.
var backslashes = regexp.MustCompile(`\\+[!-/:-@[\]-\x60{-~]`)

// double escapes the backslashes that a text begins with.
func double(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, `\`))] + text
}

// beforeMark is markdown that a mark may follow: backslashes at its end do not
// take the mark's meaning.
func beforeMark(md string) string {
	return md + md[len(strings.TrimRight(md, `\`)):]
}

// emphasis turns the *bold* and ~struck~ of one line into markdown's. _italic_
// is the same in both.
func emphasis(line string) string {
	var b strings.Builder
	before := ' '
	alone := map[rune]bool{} // marks that have no end any more: looked for once
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == '*' || r == '~':
			run := len(line[i:]) - len(strings.TrimLeft(line[i:], string(r)))
			end := -1
			if rest := line[i+1:]; run == 1 && !isWord(before) && !alone[r] && rest != "" && rest[0] != ' ' {
				end = closing(rest, byte(r))
				alone[r] = end < 0
			}
			switch {
			case end > 0:
				marks := strings.Repeat(string(r), 2)
				b.WriteString(marks + emphasisInside(line[i+1:i+1+end], r) + marks)
				i, before = i+end+2, r
				continue
			case run == 1 && r == '*' && isWord(before):
				b.WriteByte('\\')
			}
			b.WriteString(line[i : i+run])
			i, before = i+run, r
			continue
		}
		b.WriteString(line[i : i+size])
		i, before = i+size, r
	}
	return b.String()
}

// emphasisInside lets the other mark stand inside one, and nothing deeper.
func emphasisInside(s string, outer rune) string {
	inner := byte('~')
	if outer == '~' {
		inner = '*'
	}
	if len(s) > 2 && s[0] == inner && s[len(s)-1] == inner &&
		!strings.ContainsRune(s[1:len(s)-1], rune(inner)) {
		marks := strings.Repeat(string(inner), 2)
		return marks + s[1:len(s)-1] + marks
	}
	return s
}

// closing returns where the next mark stands that can end an emphasis, -1 if
// there is none.
func closing(rest string, mark byte) int {
	for i := 1; i < len(rest); i++ {
		if rest[i] != mark {
			continue
		}
		after, _ := utf8.DecodeRuneInString(rest[i+1:])
		if rest[i-1] != ' ' && rest[i-1] != mark &&
			(i+1 == len(rest) || !isWord(after) && after != rune(mark)) {
			return i
		}
	}
	return -1
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
