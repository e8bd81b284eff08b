package sqlite

import (
	"slices"
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

// expression returns the FTS5 expression that finds all terms of a query, empty
// if there are none. Words are letters and digits only, so nothing in them is
// syntax.
func expression(terms []chat.Term) string {
	var all []string
	for _, t := range terms {
		var parts, last []string // of the phrase, and how it goes on if more follows
		prefix := false
		tokens(t.Text, func(word string) {
			parts, last = append(append(parts, last...), word), nil
			prefix = !t.Exact
		}, func(run []rune) {
			parts = append(parts, last...)
			last, prefix = []string{string(run[len(run)-1])}, false
			if len(run) == 1 {
				parts, last, prefix = append(parts, last...), nil, true
				return
			}
			for i := range run[1:] {
				parts = append(parts, string(run[i:i+2]))
			}
		})
		if len(parts) == 0 {
			continue
		}
		phrase := `"` + strings.Join(parts, " ") + `"`
		if prefix {
			phrase += "*"
		}
		if !slices.Contains(all, phrase) {
			all = append(all, phrase)
		}
	}
	return strings.Join(all, " AND ")
}
