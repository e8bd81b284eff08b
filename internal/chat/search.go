package chat

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrNoSearch is returned for searches where there is no index.
var ErrNoSearch = &Error{Code: CodeUnavailable,
	Message: "Search is turned off on this server. Ask your administrator to start it with --search on."}

// SearchIndex finds messages by their words. It is derived from the log, so it
// may be a moment behind; what it finds is compared with the store.
type SearchIndex interface {
	// Find returns up to limit places of messages that may be wanted, newest
	// first. If next is not 0 there may be more, below it. It may return none
	// and a next: then it has looked at many that are in other rooms.
	Find(ctx context.Context, in Lookup, limit int) (hits []Hit, next int64, err error)
	// Matches reports whether a text, see [Message.Words], has the words of a
	// query, and none of those that it must not have.
	Matches(q *Query, text string) bool
	// Progress says for people how far the index is while it is being built,
	// and is empty afterwards.
	Progress() string
}

// Lookup is what a [SearchIndex] looks for: messages that all of Query applies
// to, in the rooms and in the threads there. Rooms that it does not know are
// skipped. Below, if not 0, is a place; only messages before it are found.
type Lookup struct {
	Query Query
	Rooms []RoomID
	Below int64
}

// Hit is where a message is. Place is its number in the order of all messages
// by time. Home is the room above a thread, or Room.
type Hit struct {
	Room, Home RoomID
	No         int64
	Place      int64
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

// PlaceBits are how many of the low bits of a [Hit]'s Place tell messages of
// one millisecond apart; the others are the time in Unix milliseconds.
const PlaceBits = 20

func placeTime(place int64) time.Time { return time.UnixMilli(place >> PlaceBits).UTC() }

// Found is what a scan has found, and how far back it has looked: every
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
	Text     string `json:"q,omitempty" doc:"Words that are all in the message or in the names and descriptions of its files, by their beginning; at most 16. Words in quotes must follow each other; what has a minus before it must not be there"`
	Room     RoomID `json:"room,omitempty" doc:"Only in this room, or this thread; without it in all your rooms"`
	From     UserID `json:"from,omitempty" doc:"Only from this person"`
	Mentions UserID `json:"mentions,omitempty" doc:"Only mentioning this person, who did not write it; @room mentions everyone"`
	After    string `json:"after,omitempty" doc:"Only sent at this time or later: RFC 3339, or a day in UTC"`
	Before   string `json:"before,omitempty" doc:"Only sent before this time: RFC 3339, or a day in UTC"`
	Has      string `json:"has,omitempty" enum:"link,file,reaction" doc:"Only with a link, with a file, or with a reaction of someone other than its author"`
	Is       string `json:"is,omitempty" enum:"pinned,thread" doc:"Only pinned messages, or only those in threads"`
	Cursor   string `json:"cursor,omitempty" doc:"next of the answer before"`
	Limit    int    `json:"limit,omitempty" doc:"Most items to return; default 20"`
}

// SearchResult is what was found.
type SearchResult struct {
	Messages []Message `json:"messages" doc:"Newest first"`
	Next     string    `json:"next,omitempty" doc:"Cursor for older ones; empty if there are none"`
	Until    time.Time `json:"until,omitzero" doc:"With next: so far back all is in this answer and those before"`
	Building bool      `json:"building,omitempty" doc:"The search index is being built: messages may be missing"`
}

// Search looks for messages in the caller's rooms and in the threads there.
func (s *Service) Search(ctx context.Context, who Caller, in SearchInput) (SearchResult, error) {
	q, below, err := in.query()
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
	if s.Index == nil {
		return SearchResult{}, ErrNoSearch
	}
	rooms := []RoomID{in.Room}
	if in.Room != "" {
		_, err = s.view(ctx, who, in.Room)
	} else {
		rooms, err = s.Store.ListedRooms(ctx, who.User.ID)
		rooms = slices.DeleteFunc(rooms, IsThread) // they are found with the rooms above them
	}
	if err != nil {
		return SearchResult{}, err
	}
	if q.Text != "" && len(q.Terms()) == 0 { // emoji, for example, which are not indexed
		return SearchResult{Messages: []Message{}}, nil
	}
	run := searchRun{s: s, user: who.User.ID, in: Lookup{Query: q, Rooms: rooms, Below: below}}
	if err := run.find(ctx, limit); err != nil {
		return SearchResult{}, err
	}
	return run.result(), nil
}

const (
	// searchReads is how many hits of a search are read from the store at once.
	searchReads = 16
	// searchMost is how many hits a search reads before it answers with what it
	// has.
	searchMost = 2000
)

// searchRun is a search under way.
type searchRun struct {
	s    *Service
	user UserID
	in   Lookup

	found  []Message
	places []int64 // of found
	next   int64   // 0 at the end

	mu      sync.Mutex
	members map[RoomID]bool // asked of the store already
}

// find asks the index for places, and reads what is there now, until there are
// enough messages.
func (r *searchRun) find(ctx context.Context, limit int) error {
	r.members = map[RoomID]bool{}
	for ask, read := limit, 0; ; ask = min(4*ask, 200) {
		hits, next, err := r.s.Index.Find(ctx, r.in, ask)
		if err != nil {
			return err
		}
		messages, err := r.read(ctx, hits)
		if err != nil {
			return err
		}
		for i, m := range messages {
			if m == nil {
				continue
			}
			r.found, r.places = append(r.found, *m), append(r.places, hits[i].Place)
			if r.next = hits[i].Place; len(r.found) == limit && (next != 0 || i < len(hits)-1) {
				return nil
			}
		}
		r.in.Below, r.next = next, next
		if read += len(hits); next == 0 || read >= searchMost || len(hits) == 0 {
			return nil
		}
	}
}

// read returns the messages of hits; nil for those that the caller may not
// read, or that are not wanted as they are now.
func (r *searchRun) read(ctx context.Context, hits []Hit) ([]*Message, error) {
	messages, errs := make([]*Message, len(hits)), make([]error, searchReads)
	var all sync.WaitGroup
	for n := range min(searchReads, len(hits)) {
		all.Go(func() {
			for i := n; i < len(hits) && errs[n] == nil; i += searchReads {
				messages[i], errs[n] = r.message(ctx, hits[i])
			}
		})
	}
	all.Wait()
	return messages, errors.Join(errs...)
}

func (r *searchRun) message(ctx context.Context, h Hit) (*Message, error) {
	if in, err := r.isMember(ctx, h.Home); err != nil || !in {
		return nil, err
	}
	page, err := r.s.Store.Messages(ctx, h.Room, Page{From: After, No: h.No - 1, Limit: 1})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil || len(page) == 0 || page[0].No != h.No {
		return nil, err
	}
	q := &r.in.Query
	if m := &page[0]; q.Wants(m) && r.s.Index.Matches(q, m.Words()) {
		return m, nil
	}
	return nil, nil
}

// isMember asks the store once for each room.
func (r *searchRun) isMember(ctx context.Context, room RoomID) (bool, error) {
	r.mu.Lock()
	in, known := r.members[room]
	r.mu.Unlock()
	if known {
		return in, nil
	}
	_, err := r.s.Store.Member(ctx, room, r.user)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[room] = err == nil
	return err == nil, nil
}

// result is as much as a page holds.
func (r *searchRun) result() SearchResult {
	some := bounded(r.found, 0, (*Message).size)
	if n := len(some); n < len(r.found) {
		r.next = r.places[n-1]
	}
	out := SearchResult{Messages: append([]Message{}, some...), Building: r.s.Index.Progress() != ""}
	if r.next != 0 {
		out.Next, out.Until = strconv.FormatInt(r.next, 10), placeTime(r.next)
	}
	return out
}

func (in *SearchInput) query() (q Query, below int64, err error) {
	if !utf8.ValidString(in.Text) || len(in.Text) > 1000 {
		return q, 0, invalid("q", "A search can have at most 1000 bytes of text.")
	}
	q = Query{Text: strings.TrimSpace(in.Text), From: in.From, Mentions: in.Mentions,
		Link: in.Has == "link", File: in.Has == "file", Reaction: in.Has == "reaction",
		Pinned: in.Is == "pinned", Thread: in.Is == "thread"}
	if q.Text == "" && q.From == "" && q.Mentions == "" && in.Has == "" && in.Is == "" {
		return q, 0, invalid("q", "Give words to search for, from, mentions, has, or is.")
	}
	n := 0
	for _, t := range q.Terms() {
		n += len(words(t.Text))
	}
	if n > searchWords {
		return q, 0, invalid("q", "Search for at most %d words at once.", searchWords)
	}
	if in.Has != "" && !q.Link && !q.File && !q.Reaction {
		return q, 0, invalid("has", "has must be link, file or reaction.")
	}
	if in.Is != "" && !q.Pinned && !q.Thread {
		return q, 0, invalid("is", "is must be pinned or thread.")
	}
	if q.After, err = searchTime("after", in.After); err != nil {
		return q, 0, err
	}
	if q.Before, err = searchTime("before", in.Before); err != nil {
		return q, 0, err
	}
	if in.Cursor != "" {
		if below, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || below < 1 {
			return q, 0, invalid("cursor", "cursor must be the next value of an earlier answer.")
		}
	}
	return q, below, nil
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
