package search

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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
// beginning of a pair. Words of two letters and more are found by their
// beginning; long ones also by a part, as the parts of a German compound are.
// The words of one term follow each other; see [chat.Query.Terms]. What is not
// found: the inside of a short word, and other forms of it.

// unspaced are the scripts that are split into pairs.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao,
	unicode.Khmer, unicode.Myanmar, unicode.Bopomofo,
}

func isUnspaced(r rune) bool {
	// ー belongs to no script of its own and stands inside of kana words.
	return r >= 0x0e00 && (unicode.In(r, unspaced...) || r == 'ー')
}

// span is a part of a text, in bytes.
type span struct{ start, end int }

// letter is one of an unspaced script.
type letter struct {
	rune
	span
}

// tokens calls word for every word of text and run for every run of letters of
// an unspaced script.
func tokens(text string, word func(string, span), run func([]letter)) {
	var w strings.Builder
	var at span // of w
	var letters []letter
	end := func() {
		if w.Len() > 0 {
			word(withoutArticle(w.String()), at)
			w.Reset()
		}
		if len(letters) > 0 {
			run(letters)
			letters = nil
		}
	}
	var parts norm.Iter
	parts.InitString(norm.NFKC, text)
	for !parts.Done() {
		here := span{start: parts.Pos()}
		part := parts.Next()
		here.end = parts.Pos()
		for len(part) > 0 {
			r, size := utf8.DecodeRune(part)
			part = part[size:]
			switch {
			case isUnspaced(r):
				if w.Len() > 0 {
					end()
				}
				letters = append(letters, letter{r, here})
			case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
				if len(letters) > 0 {
					end()
				}
				if w.Len() == 0 {
					at.start = here.start
				}
				at.end = here.end
				fold(&w, r)
			case isInvisible(r):
			default:
				end()
			}
		}
	}
	end()
}

// isInvisible reports whether r joins letters or says how to show them, such as
// a soft hyphen or the joiners of Hindi and Persian. It is no part of a word
// and does not end one.
func isInvisible(r rune) bool {
	const zeroWidthSpace = '\u200b'
	return r > unicode.MaxASCII && unicode.Is(unicode.Cf, r) && r != zeroWidthSpace
}

// letters that Unicode does not take apart, as they are written without a
// keyboard for them, and those that are written in two ways.
var plainLetters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'ı': "i", 'þ': "th",
	'ة': "ه", 'ى': "ي", 'ی': "ي", 'ک': "ك", 'ـ': "", // the last only makes a word longer
	'ँ': "ं", 'ς': "σ",
}

// fold writes r in lower case and without its accents. Vowel signs of Indian
// scripts are no accents. Digits of all scripts are the same.
func fold(w *strings.Builder, r rune) {
	if r < unicode.MaxASCII {
		w.WriteRune(unicode.ToLower(r))
		return
	}
	if unicode.IsDigit(r) {
		w.WriteRune('0' + digit(r))
		return
	}
	for _, part := range norm.NFD.String(string(unicode.ToLower(r))) {
		if plain, ok := plainLetters[part]; ok {
			w.WriteString(plain)
		} else if !isAccent(part) {
			w.WriteRune(part)
		}
	}
}

// digit is the value of a digit. Those of a script follow each other.
func digit(r rune) (value rune) {
	for value < 9 && unicode.IsDigit(r-value-1) {
		value++
	}
	return value
}

func isAccent(r rune) bool {
	const (
		firstIndian = '\u0900'
		nukta       = 0x3c // of an Indian script, each of which has 0x80 letters
	)
	return unicode.Is(unicode.Mn, r) && (r < firstIndian || r < 0x0d00 && r&0x7f == nukta ||
		r >= 0x1ab0 && r <= 0x20f0 || r >= 0xfe00)
}

// articles stand before Arabic words, longer ones first.
var articles = []string{"وال", "بال", "كال", "فال", "ال", "لل"}

// withoutArticle is an Arabic word without the article, and without the
// conjunction or preposition that is written in one with it.
func withoutArticle(word string) string {
	if word[0] < 0xd8 || word[0] > 0xdb { // it is not Arabic
		return word
	}
	const letters = 2 * 3 // that are left at least
	for _, article := range articles {
		if rest, ok := strings.CutPrefix(word, article); ok && len(rest) >= letters {
			return rest
		}
	}
	return word
}

// term is a term of a text, and where it stands.
type term struct {
	text string
	span
}

// termsOf returns the terms of a text, in order.
func termsOf(text string) (all []term) {
	tokens(text, func(word string, at span) { all = append(all, term{word, at}) }, func(run []letter) {
		for i, l := range run {
			t := term{string(l.rune), l.span}
			if i+1 < len(run) {
				t.text += string(run[i+1].rune)
				t.end = run[i+1].end
			}
			all = append(all, t)
		}
	})
	return slices.DeleteFunc(all, func(t term) bool { return t.text == "" }) // marks without a letter
}

// document returns the terms of a text, separated by spaces.
func document(terms []term) string {
	var b strings.Builder
	for _, t := range terms {
		b.WriteString(t.text)
		b.WriteByte(' ')
	}
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

// bare is p without what the text must have besides.
func (p phrase) bare() string { return phrase{parts: p.parts}.String() }

// phraseOf returns the phrase of a term. The signs of a quoted term count, and
// those that make a name: C++, C#.
func phraseOf(t chat.Term) (p phrase) {
	var last []string // how the phrase goes on if more follows
	tokens(t.Text, func(word string, _ span) {
		if word == "" {
			return
		}
		p.parts, last = append(append(p.parts, last...), word), nil
		p.prefix = !t.Exact && utf8.RuneCountInString(word) > 1
	}, func(run []letter) {
		p.parts = append(p.parts, last...)
		last, p.prefix = []string{string(run[len(run)-1].rune)}, false
		if len(run) == 1 {
			p.parts, last, p.prefix = append(p.parts, last...), nil, true
			return
		}
		for i := range run[1:] {
			p.parts = append(p.parts, string(run[i].rune)+string(run[i+1].rune))
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
	return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) &&
		!isInvisible(r)
}

// folded is a text in the form in which literals are compared: without case,
// accents and line breaks.
func folded(text string) string {
	var w strings.Builder
	for _, r := range norm.NFKC.String(strings.Join(strings.Fields(text), " ")) {
		if !isInvisible(r) {
			fold(&w, r)
		}
	}
	return w.String()
}

// Matches implements [chat.SearchIndex].
func (*Index) Matches(q *chat.Query, text string) bool {
	terms := termsOf(text)
	for _, t := range q.Terms() {
		p := phraseOf(t)
		if len(p.parts) == 0 {
			continue
		}
		found := p.in(terms)
		if found && strings.Contains(folded(text), p.literal) == t.Without || !found && !t.Without {
			return false
		}
	}
	return true
}

// in reports whether the parts of p follow each other in the terms of a text.
func (p phrase) in(terms []term) bool {
	for at := range terms {
		if p.at(terms, at) {
			return true
		}
	}
	return false
}

// at reports whether the terms of a text from one on are the parts of p.
func (p phrase) at(terms []term, from int) bool {
	last := len(p.parts) - 1
	if from+last >= len(terms) {
		return false
	}
	for i, part := range p.parts {
		text := terms[from+i].text
		if text != part && !(i == last && p.prefix &&
			(strings.HasPrefix(text, part) || i == 0 && isPart(text, part))) {
			return false
		}
	}
	return true
}

const (
	compoundFrom = 10 // letters of a word that is found by its parts
	compoundMost = 40
	partFrom     = 5 // letters of a part
)

// isCompound reports whether a word is found by its parts. Numbers, hashes and
// the like are not.
func isCompound(word string) bool {
	n := utf8.RuneCountInString(word)
	return n >= compoundFrom && n <= compoundMost && !strings.ContainsAny(word, "0123456789")
}

// isPart reports whether part stands in a word that is found by its parts.
func isPart(word, part string) bool {
	return utf8.RuneCountInString(part) >= partFrom && strings.Contains(word, part) && isCompound(word)
}
