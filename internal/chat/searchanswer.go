package chat

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Excerpt is a part of a message, or of the name or description of one of its
// files or of the text inside it, as plain text.
type Excerpt struct {
	Parts []ExcerptPart `json:"parts" doc:"They follow each other"`
	File  string        `json:"file,omitempty" doc:"The file that it is about; empty for the text of the message"`
}

// ExcerptPart is some text of an [Excerpt].
type ExcerptPart struct {
	Text   string `json:"text" doc:"Plain text"`
	Marked bool   `json:"marked,omitempty" doc:"It is what was looked for"`
}

// maxExcerpt is about the most that an excerpt takes in an answer, in bytes.
const maxExcerpt = 1000

// excerpt shows why a message was found, and its beginning if it was found
// without words.
func (r *searchRun) excerpt(ctx context.Context, m *Message) (Excerpt, error) {
	q, text := &r.in.Query, plain(m.Text, len(m.Text)+1)
	if parts := r.s.Index.Excerpt(q, text); parts != nil {
		return Excerpt{Parts: parts}, nil
	}
	for _, f := range m.Files {
		for _, of := range []string{f.Name, f.Alt} {
			if parts := r.s.Index.Excerpt(q, of); parts != nil {
				return Excerpt{Parts: parts, File: f.ID}, nil
			}
		}
	}
	if parts := r.s.Index.Excerpt(q, m.Text); parts != nil { // in the target of a link, for example
		return Excerpt{Parts: parts}, nil
	}
	inside, err := r.s.Index.Inside(ctx, m)
	if err != nil {
		return Excerpt{}, err
	}
	for i, text := range inside {
		if parts := r.s.Index.Excerpt(q, text); parts != nil {
			return Excerpt{Parts: parts, File: m.Files[i].ID}, nil
		}
	}
	out := Excerpt{Parts: []ExcerptPart{{Text: plain(m.Text, 200)}}}
	if text == "" && len(m.Files) > 0 {
		out.Parts[0].Text, out.File = plain(m.Files[0].Name, 200), m.Files[0].ID
	}
	return out, nil
}

// SearchCounts says where the matches of a search are.
type SearchCounts struct {
	Total  int           `json:"total" doc:"How many were counted"`
	More   bool          `json:"more,omitempty" doc:"Older ones were not counted"`
	Rooms  []RoomCount   `json:"rooms" doc:"Of the rooms with most of them, most first. What is in a thread counts for the room above it"`
	People []PersonCount `json:"people" doc:"Of those who wrote most of them, most first"`
}

// RoomCount is how many matches a room has.
type RoomCount struct {
	Room  RoomID `json:"room" doc:"The room"`
	Count int    `json:"count" doc:"How many matches it has"`
}

// PersonCount is how many matches a person wrote.
type PersonCount struct {
	User  UserID `json:"user" doc:"The person"`
	Count int    `json:"count" doc:"How many matches they wrote"`
}

const (
	// countMost is how many matches are counted, as each is read from the store
	// before it counts.
	countMost = 500
	// countLines is how many rooms and how many people are told.
	countLines = 10
)

// count counts the newest matches, whatever page was asked for.
func (r *searchRun) count(ctx context.Context) (*SearchCounts, error) {
	all := &searchRun{s: r.s, user: r.user, in: r.in, members: r.members}
	if err := all.find(ctx, countMost); err != nil {
		return nil, err
	}
	rooms, people := map[RoomID]int{}, map[UserID]int{}
	for i := range all.found {
		m := &all.found[i]
		people[m.From]++
		rooms[m.home]++
	}
	out := &SearchCounts{Total: len(all.found), More: all.more, Rooms: []RoomCount{}, People: []PersonCount{}}
	for id, n := range rooms {
		out.Rooms = append(out.Rooms, RoomCount{id, n})
	}
	for id, n := range people {
		out.People = append(out.People, PersonCount{id, n})
	}
	slices.SortFunc(out.Rooms, func(a, b RoomCount) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(string(a.Room), string(b.Room)))
	})
	slices.SortFunc(out.People, func(a, b PersonCount) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(string(a.User), string(b.User)))
	})
	out.Rooms = out.Rooms[:min(countLines, len(out.Rooms))]
	out.People = out.People[:min(countLines, len(out.People))]
	return out, nil
}

const (
	// forgiveFrom is the shortest word with a typing error that is forgiven.
	forgiveFrom = 4
	// forgiveTries is how many other texts are looked for.
	forgiveTries = 8
)

func notInWords(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }

// forgive looks for what differs by one typing error, if nothing was found as
// it is written, and returns the text that it has found something for. Words in
// quotes and with digits are meant as they are.
func (r *searchRun) forgive(ctx context.Context, from matchCursor, limit int) (string, error) {
	asked := r.in.Query
	terms := asked.Terms()
	var wrong []int // terms that may be wrong, those that are nowhere first
	nowhere := 0
	for i, t := range terms {
		if t.Exact || t.Without || utf8.RuneCountInString(t.Text) < forgiveFrom ||
			strings.ContainsFunc(t.Text, notInWords) {
			continue
		}
		alone := r.in
		alone.Query, alone.Match, alone.Below = Query{Text: t.Text}, MatchAny, 0
		hits, _, err := r.s.Index.Find(ctx, alone, 1)
		if err != nil {
			return "", err
		}
		if len(hits) > 0 {
			wrong = append(wrong, i)
		} else {
			wrong = slices.Insert(wrong, nowhere, i)
			nowhere++
		}
	}
	tries := 0
	for _, i := range wrong {
		if tries == forgiveTries {
			break
		}
		similar, err := r.s.Index.Similar(ctx, terms[i].Text)
		if err != nil {
			return "", err
		}
		for _, word := range similar[:min(forgiveTries-tries, len(similar))] {
			tries++
			other := slices.Clone(terms)
			other[i].Text = word
			texts := make([]string, len(other))
			for n, t := range other {
				texts[n] = t.String()
			}
			r.in.Query.Text, r.at = strings.Join(texts, " "), from
			if err := r.find(ctx, limit); err != nil {
				return "", err
			}
			if len(r.found) > 0 {
				return r.in.Query.Text, nil
			}
		}
	}
	r.in.Query, r.at, r.more = asked, from, false
	return "", nil
}
