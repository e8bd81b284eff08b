package search

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
)

const (
	excerptBytes = 240 // of an excerpt, about
	excerptLead  = 60  // of them before the first mark
	excerptMarks = 100 // are looked at
	markMost     = 400 // bytes of a mark
)

// mark is where a term of a query is found in a text.
type mark struct {
	span
	term int
}

// Excerpt implements [chat.SearchIndex].
func (*Index) Excerpt(q *chat.Query, text string) []chat.ExcerptPart {
	marks := marksOf(q, text)
	if len(marks) == 0 {
		return nil
	}
	from, most := 0, 0
	for i, m := range marks {
		terms := map[int]bool{}
		for _, other := range marks[i:] {
			if other.end <= m.start+excerptBytes-excerptLead {
				terms[other.term] = true
			}
		}
		if len(terms) > most {
			from, most = i, len(terms)
		}
	}
	return cut(text, marks, marks[from])
}

// marksOf returns where the words of q are in text, from the first on.
func marksOf(q *chat.Query, text string) (marks []mark) {
	var phrases []phrase
	for _, t := range q.Terms() {
		if p := phraseOf(t); !t.Without && len(p.parts) > 0 {
			phrases = append(phrases, p)
		}
	}
	if len(phrases) == 0 {
		return nil
	}
	terms := termsOf(text)
	for at := range terms {
		for i, p := range phrases {
			if !p.at(terms, at) {
				continue
			}
			m := mark{span{terms[at].start, terms[at+len(p.parts)-1].end}, i}
			if p.literal != "" { // its signs are no terms
				literal := strings.TrimLeftFunc(p.literal, isSign)
				m.end = withSigns(text, m.end, utf8.RuneCountInString(literal)-
					utf8.RuneCountInString(strings.TrimRightFunc(literal, isSign)))
				if !strings.Contains(folded(text[m.start:m.end]), literal) {
					continue
				}
			}
			marks = append(marks, m)
		}
		if len(marks) >= excerptMarks {
			break
		}
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.start, b.start) })
	return marks
}

// withSigns returns where up to n signs at a place in text end.
func withSigns(text string, at, n int) int {
	for ; n > 0; n-- {
		r, size := utf8.DecodeRuneInString(text[at:])
		if size == 0 || !isSign(r) {
			break
		}
		at += size
	}
	return at
}

// cut returns the part of a text around a mark.
func cut(text string, marks []mark, around mark) (parts []chat.ExcerptPart) {
	start := wordFrom(text, around.start-excerptLead, around.start)
	end := wordUpTo(text, max(start+excerptBytes, min(around.end, around.start+markMost)), around.end)
	add := func(to int, marked bool) {
		if to > start {
			parts = append(parts, chat.ExcerptPart{Text: text[start:to], Marked: marked})
			start = to
		}
	}
	if start > 0 {
		parts = append(parts, chat.ExcerptPart{Text: "…"})
	}
	for _, m := range marks {
		if m.end <= start || m.start >= end {
			continue
		}
		add(m.start, false)
		add(min(m.end, end), true)
	}
	add(end, false)
	if end < len(text) {
		parts = append(parts, chat.ExcerptPart{Text: "…"})
	}
	return parts
}

// wordFrom returns the beginning of the first word at or after a place, which
// is not after last.
func wordFrom(text string, at, last int) int {
	if at <= 0 {
		return 0
	}
	at = runeFrom(text, at)
	if space := strings.IndexFunc(text[at:last], unicode.IsSpace); space >= 0 {
		at += space
		at += len(text[at:last]) - len(strings.TrimLeftFunc(text[at:last], unicode.IsSpace))
	}
	return at
}

// wordUpTo returns the end of the last word that ends at or before a place, and
// not before first.
func wordUpTo(text string, at, first int) int {
	if at >= len(text) {
		return len(text)
	}
	at = runeFrom(text, at)
	if first < at {
		if space := strings.LastIndexFunc(text[first:at], unicode.IsSpace); space >= 0 {
			at = first + space
		}
	}
	return at
}

// runeFrom returns the beginning of the first character at or after a place.
func runeFrom(text string, at int) int {
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	return at
}
