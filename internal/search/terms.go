package search

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/internal/chat"
)

// Terms are what the search index holds. Scripts with spaces give words: folded
// in width, case and accents. Scripts without (and Hangul, whose words carry
// endings) give every two neighbouring letters, and the last letter of each run
// alone:
//
//	"Café 東京都"  →  cafe 東京 京都 都
//
// So a run of letters is found as a phrase of its pairs, and one letter as the
// beginning of a pair. Words are found by their beginning. The words of one
// term follow each other; see [chat.Query.Terms].
// What is not found: the inside of a word, and other forms of it.

// unspaced are the scripts that are split into pairs.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao,
	unicode.Khmer, unicode.Myanmar, unicode.Bopomofo,
}

func isUnspaced(r rune) bool {
	// ー belongs to no script of its own and stands inside of kana words.
	return r >= 0x0e00 && (unicode.In(r, unspaced...) || r == 'ー')
}

// tokens calls word for every word of text and run for every run of letters of
// an unspaced script.
func tokens(text string, word func(string), run func([]rune)) {
	var w strings.Builder
	var letters []rune
	end := func() {
		if w.Len() > 0 {
			word(w.String())
			w.Reset()
		}
		if len(letters) > 0 {
			run(letters)
			letters = nil
		}
	}
	for _, r := range norm.NFKC.String(text) {
		switch {
		case isUnspaced(r):
			if w.Len() > 0 {
				end()
			}
			letters = append(letters, r)
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
			if len(letters) > 0 {
				end()
			}
			fold(&w, r)
		default:
			end()
		}
	}
	end()
}

// fold writes r in lower case and without its accents.
func fold(w *strings.Builder, r rune) {
	if r < unicode.MaxASCII {
		w.WriteRune(unicode.ToLower(r))
		return
	}
	for _, part := range norm.NFD.String(string(unicode.ToLower(r))) {
		if !unicode.Is(unicode.Mn, part) {
			w.WriteRune(part)
		}
	}
}

// document returns the terms of a text, separated by spaces.
func document(text string) string {
	var b strings.Builder
	tokens(text, func(word string) {
		b.WriteString(word)
		b.WriteByte(' ')
	}, func(run []rune) {
		for i := range run {
			b.WriteString(string(run[i:min(i+2, len(run))]))
			b.WriteByte(' ')
		}
	})
	return b.String()
}

// phrase is a term of a query as terms of the index that follow each other.
type phrase struct {
	parts   []string
	prefix  bool   // the beginning of the last part is enough
	literal string // what the text must have besides, folded; usually empty
}

// String is the phrase in FTS5's syntax. Parts are letters and digits only, so
// nothing in them is.
func (p phrase) String() string {
	text := `"` + strings.Join(p.parts, " ") + `"`
	if p.prefix {
		text += "*"
	}
	return text
}

// phraseOf returns the phrase of a term. The signs of a quoted term count, and
// those that make a name: C++, C#.
func phraseOf(t chat.Term) (p phrase) {
	var last []string // how the phrase goes on if more follows
	tokens(t.Text, func(word string) {
		p.parts, last = append(append(p.parts, last...), word), nil
		p.prefix = !t.Exact
	}, func(run []rune) {
		p.parts = append(p.parts, last...)
		last, p.prefix = []string{string(run[len(run)-1])}, false
		if len(run) == 1 {
			p.parts, last, p.prefix = append(p.parts, last...), nil, true
			return
		}
		for i := range run[1:] {
			p.parts = append(p.parts, string(run[i:i+2]))
		}
	})
	if t.Exact && strings.ContainsFunc(t.Text, isSign) || named.MatchString(t.Text) {
		p.literal, p.prefix = folded(t.Text), false
	}
	return p
}

// named matches names that end with a sign.
var named = regexp.MustCompile(`[\pL\pN][+#]+$`)

func isSign(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r)
}

// folded is a text in the form in which literals are compared: without case,
// accents and line breaks.
func folded(text string) string {
	var w strings.Builder
	for _, r := range norm.NFKC.String(strings.Join(strings.Fields(text), " ")) {
		fold(&w, r)
	}
	return w.String()
}

// Matches implements [chat.SearchIndex].
func (*Index) Matches(q *chat.Query, text string) bool {
	terms := strings.Fields(document(text))
	for _, t := range q.Terms() {
		p := phraseOf(t)
		if len(p.parts) == 0 {
			continue
		}
		if p.in(terms) && strings.Contains(folded(text), p.literal) == t.Without {
			return false
		}
		if !t.Without && !p.in(terms) {
			return false
		}
	}
	return true
}

// in reports whether the parts of p follow each other in the terms of a text.
func (p phrase) in(terms []string) bool {
	last := len(p.parts) - 1
	for at := range max(0, len(terms)-last) {
		i := 0
		for i <= last && (terms[at+i] == p.parts[i] ||
			i == last && p.prefix && strings.HasPrefix(terms[at+i], p.parts[i])) {
			i++
		}
		if i > last {
			return true
		}
	}
	return false
}
