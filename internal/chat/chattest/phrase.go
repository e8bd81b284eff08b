package chattest

import (
	"regexp"
	"strings"

	"pgregory.net/rapid"
)

var (
	searchWords = rapid.SampledFrom([]string{"a", "ab", "abc", "b", "bc", "10", "100", "1", "Ab"})
	betweenWord = rapid.SampledFrom([]string{" ", " ", ".", ":", "-", ", ", "/", " \n"})
	notWord     = regexp.MustCompile(`[^a-z0-9]+`)
)

// Text draws a text of few different words, so that phrases come again.
func Text(r *rapid.T) string {
	var text strings.Builder
	for range rapid.IntRange(1, 8).Draw(r, "words") {
		text.WriteString(searchWords.Draw(r, "word") + betweenWord.Draw(r, "between"))
	}
	return text.String()
}

// Query draws a query of words, addresses and quoted phrases, and returns a
// function that reports by a plain scan whether a text is found.
func Query(r *rapid.T) (query string, wanted func(text string) bool) {
	var terms []string // each begins with a space; those of quoted words end with one
	for range rapid.IntRange(1, 3).Draw(r, "terms") {
		var term []string
		for range rapid.IntRange(1, 3).Draw(r, "words") {
			term = append(term, searchWords.Draw(r, "word"))
		}
		quoted, between := rapid.Bool().Draw(r, "quoted"), "."
		if quoted {
			between = " "
		}
		text := strings.Join(term, between)
		if quoted {
			query += ` "` + text + `"`
			terms = append(terms, plain(text))
		} else {
			query += " " + text
			terms = append(terms, strings.TrimSuffix(plain(text), " "))
		}
	}
	return query, func(text string) bool {
		text = plain(text)
		for _, term := range terms {
			if !strings.Contains(text, term) {
				return false
			}
		}
		return true
	}
}
