package sqlite

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Terms are what the search index holds. Scripts with spaces give words: folded
// in width, case and accents. Scripts without (and Hangul, whose words carry
// endings) give every two neighbouring letters, and the last letter of each run
// alone:
//
//	"Café 東京都"  →  cafe 東京 京都 都
//
// So a run of letters is found as a phrase of its pairs, and one letter as the
// beginning of a pair; there is no shortest length. Words are found by their
// beginning. What is not found: the inside of a word, other forms of it, and
// phrases of words in their order.

// unspaced are the scripts that are cut into pairs.
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

// expression returns the FTS5 expression that finds all of the query's terms,
// empty if it has none. Terms are letters and digits only, so nothing in them
// is syntax.
func expression(query string) string {
	var all []string
	tokens(query, func(word string) { all = append(all, `"`+word+`"*`) }, func(run []rune) {
		if len(run) == 1 {
			all = append(all, `"`+string(run)+`"*`)
			return
		}
		var pairs []string
		for i := range run[1:] {
			pairs = append(pairs, string(run[i:i+2]))
		}
		all = append(all, `"`+strings.Join(pairs, " ")+`"`)
	})
	return strings.Join(all, " AND ")
}
