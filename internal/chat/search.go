package chat

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Finder finds messages by their words. A [Store] that keeps an index of words
// is one, too; without it, a search goes back through the rooms' messages, and
// not far.
type Finder interface {
	// Search returns up to limit messages of the rooms, and of the threads in
	// them, that the query wants and that stand before the place, newest first.
	// Rooms that are not there are skipped. A message may be found, or found
	// changed, only some moments after it was sent or changed; what is deleted
	// is not found.
	Search(ctx context.Context, rooms []RoomID, q Query, before SearchCursor, limit int) (Found, error)
}

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
}

// Term is one part of a query's text: words that must follow each other. The
// beginning of the last one is enough, unless the term is exact.
type Term struct {
	Text  string
	Exact bool
}

// quotes makes all double quotes the same.
var quotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`)

// Terms are the parts of the text, each once, all of which a message must have:
// what is quoted, which is exact, and what stands between spaces. So addresses
// and numbers such as 10.100.200.101 are found as they are written. Parts
// without letters and digits are left out.
func (q *Query) Terms() (terms []Term) {
	add := func(t Term) {
		if len(words(t.Text)) > 0 && !slices.Contains(terms, t) {
			terms = append(terms, t)
		}
	}
	parts := strings.Split(quotes.Replace(q.Text), `"`)
	for i, part := range parts {
		if i%2 == 1 && i < len(parts)-1 {
			add(Term{Text: strings.TrimSpace(part), Exact: true})
			continue
		}
		for _, text := range strings.Fields(part) {
			add(Term{Text: text})
		}
	}
	return terms
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
		(!q.Link || strings.Contains(m.Text, "http://") || strings.Contains(m.Text, "https://")) &&
		(!q.File || len(m.Files) > 0) &&
		(q.FileKind == "" ||
			slices.ContainsFunc(m.Files, func(f File) bool { return f.Kind() == q.FileKind })) &&
		(!q.Reaction || m.reactedByOthers())
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

// SearchCursor is a place in a search's order, by time and then by id: that of
// the message with that id. The zero Place is the one before which all are.
type SearchCursor struct {
	At time.Time
	ID string
}

// Cursor is m's place.
func (m *Message) Cursor() SearchCursor { return SearchCursor{At: m.At, ID: m.ID} }

// Start is the place before which the query's answer begins, if it is to begin
// before a place.
func (q *Query) Start(before SearchCursor) SearchCursor {
	end := SearchCursor{At: q.Before}
	if !q.Before.IsZero() && (before == (SearchCursor{}) || end.Compare(before) < 0) {
		return end
	}
	return before
}

// String is p as clients see it, empty for the zero Place.
func (p SearchCursor) String() string {
	if p == (SearchCursor{}) {
		return ""
	}
	return strconv.FormatInt(p.At.UnixMilli(), 10) + "." + p.ID
}

// parseCursor reads what [SearchCursor.String] has written.
func parseCursor(text string) (SearchCursor, error) {
	if text == "" {
		return SearchCursor{}, nil
	}
	at, id, _ := strings.Cut(text, ".")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil || len(id) > 200 {
		return SearchCursor{}, invalid("cursor", "cursor must be the next value of an earlier answer.")
	}
	return SearchCursor{At: time.UnixMilli(ms).UTC(), ID: id}, nil
}

// Compare is negative if p is older than o, and 0 if they are the same. It
// takes the zero Place as it stands: older than all.
func (p SearchCursor) Compare(o SearchCursor) int {
	return cmp.Or(p.At.Compare(o.At), strings.Compare(p.ID, o.ID))
}

// Holds reports whether a message stands before p.
func (p SearchCursor) Holds(m *Message) bool {
	return p == (SearchCursor{}) || m.Cursor().Compare(p) < 0
}

// Found is what a search has found, and how far back it has looked: every
// message before which it was to begin, down to the place Until, is in Messages
// if it is wanted. The zero Until is the end: there are no more.
type Found struct {
	Messages []Message // newest first
	Until    SearchCursor
}

// bounded is as much of f as a page holds.
func (f Found) bounded() Found {
	if some := bounded(f.Messages, 0, (*Message).size); len(some) < len(f.Messages) {
		return Found{Messages: some, Until: some[len(some)-1].Cursor()}
	}
	return f
}

// SearchInput says what to look for.
type SearchInput struct {
	Text     string `json:"q,omitempty" doc:"Words that are all in the message or in the names and descriptions of its files, by their beginning; at most 16. Words in quotes must follow each other"`
	Room     RoomID `json:"room,omitempty" doc:"Only in this room, or this thread; without it in all your rooms"`
	From     UserID `json:"from,omitempty" doc:"Only from this person"`
	Mentions UserID `json:"mentions,omitempty" doc:"Only mentioning this person, who did not write it; @room mentions everyone"`
	After    string `json:"after,omitempty" doc:"Only sent at this time or later: RFC 3339, or a day in UTC"`
	Before   string `json:"before,omitempty" doc:"Only sent before this time: RFC 3339, or a day in UTC"`
	Has      string `json:"has,omitempty" enum:"link,file,reaction" doc:"Only with a link, with a file, or with a reaction of someone other than its author"`
	Cursor   string `json:"cursor,omitempty" doc:"next of the answer before"`
	Limit    int    `json:"limit,omitempty" doc:"Most items to return; default 20"`
}

// SearchResult is what was found.
type SearchResult struct {
	Messages []Message `json:"messages" doc:"Newest first"`
	Next     string    `json:"next,omitempty" doc:"Cursor for older ones; empty if there are none"`
	Until    time.Time `json:"until,omitzero" doc:"With next: so far back all is in this answer and those before"`
}

// Search looks for messages in the caller's rooms and in the threads there.
func (s *Service) Search(ctx context.Context, who Caller, in SearchInput) (SearchResult, error) {
	q, before, err := in.query()
	if err != nil {
		return SearchResult{}, err
	}
	limit, err := s.pageLimit(in.Limit, 20)
	if err != nil {
		return SearchResult{}, err
	}
	if err := s.limit(ctx, "search:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return SearchResult{}, err
	}
	views, err := s.searchable(ctx, who, in.Room)
	if err != nil {
		return SearchResult{}, err
	}
	if q.Text != "" && len(q.Terms()) == 0 { // emoji, for example, which are not indexed
		return SearchResult{Messages: []Message{}}, nil
	}
	var found Found
	if finder, ok := s.Store.(Finder); ok && q.Text != "" {
		rooms := make([]RoomID, len(views))
		for i := range views {
			rooms[i] = views[i].ID
		}
		found, err = finder.Search(ctx, rooms, q, before, limit)
	} else {
		found, err = scanMessages(ctx, s.Store, views, q, before, limit)
	}
	if err != nil {
		return SearchResult{}, err
	}
	found = found.bounded()
	return SearchResult{Messages: append([]Message{}, found.Messages...), Next: found.Until.String(),
		Until: found.Until.At}, nil
}

// searchable returns the rooms that a search of the caller's goes through: one,
// if given, or all that they are in. A thread is nobody's who is not in the
// room above it.
func (s *Service) searchable(ctx context.Context, who Caller, room RoomID) ([]RoomView, error) {
	if room != "" {
		view, err := s.view(ctx, who, room)
		return []RoomView{view}, err
	}
	views, err := s.Store.Views(ctx, who.User.ID)
	if err != nil {
		return nil, err
	}
	in := map[RoomID]bool{}
	for i := range views {
		in[views[i].ID] = true
	}
	return slices.DeleteFunc(views, func(v RoomView) bool { return !in[v.home()] }), nil
}

func (in *SearchInput) query() (q Query, before SearchCursor, err error) {
	if !utf8.ValidString(in.Text) || len(in.Text) > 1000 {
		return q, before, invalid("q", "A search can have at most 1000 bytes of text.")
	}
	q = Query{Text: strings.TrimSpace(in.Text), From: in.From, Mentions: in.Mentions,
		Link: in.Has == "link", File: in.Has == "file", Reaction: in.Has == "reaction"}
	if q.Text == "" && q.From == "" && q.Mentions == "" && in.Has == "" {
		return q, before, invalid("q", "Give words to search for, from, mentions, or has.")
	}
	n := 0
	for _, t := range q.Terms() {
		n += len(words(t.Text))
	}
	if n > searchWords {
		return q, before, invalid("q", "Search for at most %d words at once.", searchWords)
	}
	if in.Has != "" && !q.Link && !q.File && !q.Reaction {
		return q, before, invalid("has", "has must be link, file or reaction.")
	}
	if q.After, err = searchTime("after", in.After); err != nil {
		return q, before, err
	}
	if q.Before, err = searchTime("before", in.Before); err != nil {
		return q, before, err
	}
	before, err = parseCursor(in.Cursor)
	return q, before, err
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
