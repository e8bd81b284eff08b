package chat

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Query says which messages are looked for: those to which all of it applies.
// Zero fields apply to all.
type Query struct {
	Text          string // see Terms
	From          UserID
	Mentions      UserID    // mentioning this person, also with everyone in a room
	After, Before time.Time // sent at After or later, and before Before
	Link, File    bool      // with a link in its text, with a file
	FileKind      FileKind  // with a file of this kind
	Reaction      bool      // with a reaction of someone other than its author
	Pinned        bool
	Thread        bool // in a thread
}

// Term is one part of a query's text: words that must follow each other. The
// beginning of the last one is enough, unless the term is exact. A message must
// not have a term that is Without.
type Term struct {
	Text    string
	Exact   bool
	Without bool
}

// quotes makes all double quotes the same.
var quotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`)

// Terms are the parts of the text, each once: what is quoted, which is exact,
// and what stands between spaces. So addresses and numbers such as
// 10.100.200.101 are found as they are written. A message must have all of
// them, but none with a minus before it. Parts without letters and digits are
// left out.
func (q *Query) Terms() (terms []Term) {
	add := func(t Term) {
		if len(words(t.Text)) > 0 && !slices.Contains(terms, t) {
			terms = append(terms, t)
		}
	}
	parts := strings.Split(quotes.Replace(q.Text), `"`)
	without := false // the quoted part that follows
	for i, part := range parts {
		if i%2 == 1 && i < len(parts)-1 {
			add(Term{Text: strings.TrimSpace(part), Exact: true, Without: without})
			continue
		}
		part, without = strings.CutSuffix(part, "-")
		if without && part != "" && !strings.HasSuffix(part, " ") || i == len(parts)-1 {
			without = false
		}
		for _, text := range strings.Fields(part) {
			text, minus := strings.CutPrefix(text, "-")
			add(Term{Text: text, Without: minus})
		}
	}
	return terms
}

// String is t as it is written in a query.
func (t Term) String() string {
	text := t.Text
	if t.Exact {
		text = `"` + text + `"`
	}
	if t.Without {
		text = "-" + text
	}
	return text
}

// words returns the words of a text in lower case: runs of letters, digits and
// marks.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// searchWords is how many words a query may have: each costs work.
const searchWords = 16

// Wants reports whether all of q but its text applies to m, which is not
// deleted.
func (q *Query) Wants(m *Message) bool {
	return !m.Deleted() &&
		(q.From == "" || m.From == q.From) &&
		(q.Mentions == "" || m.Mentioning(q.Mentions)) &&
		!m.At.Before(q.After) &&
		(q.Before.IsZero() || m.At.Before(q.Before)) &&
		(!q.Link || m.HasLink()) &&
		(!q.File || len(m.Files) > 0) &&
		(q.FileKind == "" ||
			slices.ContainsFunc(m.Files, func(f File) bool { return f.Kind() == q.FileKind })) &&
		(!q.Reaction || m.reactedByOthers()) &&
		(!q.Pinned || !m.PinnedAt.IsZero()) &&
		(!q.Thread || IsThread(m.Room))
}

// HasLink reports whether m has a link in its text.
func (m *Message) HasLink() bool {
	return strings.Contains(m.Text, "http://") || strings.Contains(m.Text, "https://")
}

// Words are what a search sees of m: its text, and the names and descriptions
// of its files.
func (m *Message) Words() string {
	text := m.Text
	for _, f := range m.Files {
		text += " " + f.Name
		if f.Alt != "" {
			text += " " + f.Alt
		}
	}
	return text
}

func (in *SearchInput) query() (q Query, err error) {
	if !utf8.ValidString(in.Text) || len(in.Text) > 1000 {
		return q, invalid("q", "A search can have at most 1000 bytes of text.")
	}
	q = Query{Text: strings.TrimSpace(in.Text), From: in.From, Mentions: in.Mentions,
		Link: in.Has == "link", File: in.Has == "file", Reaction: in.Has == "reaction",
		Pinned: in.Is == "pinned", Thread: in.Is == "thread"}
	if q.Text == "" && q.From == "" && q.Mentions == "" && in.Has == "" && in.Is == "" {
		return q, invalid("q", "Give words to search for, from, mentions, has, or is.")
	}
	n := 0
	for _, t := range q.Terms() {
		n += len(words(t.Text))
	}
	if n > searchWords {
		return q, invalid("q", "Search for at most %d words at once.", searchWords)
	}
	if in.Has != "" && !q.Link && !q.File && !q.Reaction {
		return q, invalid("has", "has must be link, file or reaction.")
	}
	if in.Is != "" && !q.Pinned && !q.Thread {
		return q, invalid("is", "is must be pinned or thread.")
	}
	if q.After, err = searchTime("after", in.After); err != nil {
		return q, err
	}
	if q.Before, err = searchTime("before", in.Before); err != nil {
		return q, err
	}
	return q, nil
}

// matchCursor is a place in an answer: messages that match in one way, below a
// place; 0 for all of them.
type matchCursor struct {
	match Match
	below int64
}

// last is the way of matching that comes last in the same order.
func (c matchCursor) last() Match {
	if c.match == MatchAny {
		return MatchAny
	}
	return MatchRest
}

// String is c as clients see it: 1234, or 2.1234 in the order of relevance.
func (c matchCursor) String() string {
	below := strconv.FormatInt(c.below, 10)
	if c.match == MatchAny {
		return below
	}
	return strconv.Itoa(int(c.match)) + "." + below
}

// cursor is where the answer begins.
func (in *SearchInput) cursor(q *Query) (c matchCursor, err error) {
	if in.Order != "" && in.Order != "newest" && in.Order != "relevance" {
		return c, invalid("order", "order must be newest or relevance.")
	}
	if in.Order == "relevance" && q.Text != "" {
		c.match = MatchPhrase
	}
	if in.Cursor == "" {
		return c, nil
	}
	match, below, relevance := strings.Cut(in.Cursor, ".")
	if !relevance {
		match, below = "0", in.Cursor
	}
	way, wrong := strconv.Atoi(match)
	place, err := strconv.ParseInt(below, 10, 64)
	if wrong != nil || err != nil || place < 0 || !relevance && place == 0 ||
		relevance != (c.match == MatchPhrase) ||
		relevance && (way < int(MatchPhrase) || way > int(MatchRest)) {
		return c, invalid("cursor", "cursor must be the next value of an earlier answer.")
	}
	return matchCursor{match: Match(way), below: place}, nil
}

func searchTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, invalid(field, "Write a time as 2026-03-01T12:00:00Z, or a day as 2026-03-01.")
}
