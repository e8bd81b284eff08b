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
	// Inside returns the texts inside the files of a message, in their order,
	// as far as they are known.
	Inside(ctx context.Context, m *Message) ([]string, error)
	// Matches reports whether a text, of [Message.Words] and of Inside, has the
	// words of a query, and none of those that it must not have.
	Matches(q *Query, text string) bool
	// Excerpt returns the part of a text in which most of the words of a query
	// are, with the words marked, or nil if it has none of them.
	Excerpt(q *Query, text string) []ExcerptPart
	// Similar returns words that were said, or beginnings of words, which
	// differ from a word by one typing error, the likeliest first. Whoever asks
	// may have no right to know them: they are told only by what they find.
	Similar(ctx context.Context, word string) ([]string, error)
	// Built is how far the index is built, in percent; 100 once it is complete.
	Built() int
}

// Lookup is what a [SearchIndex] looks for: messages that all of Query applies
// to, in the rooms and in the threads there. Rooms that it does not know are
// skipped. Below, if not 0, is a place; only messages before it are found.
type Lookup struct {
	Query Query
	Match Match
	Rooms []RoomID
	Below int64
}

// Match says which of the messages that match are looked for. MatchPhrase,
// MatchWords and MatchRest together are all, each once.
type Match int

// The ways in which a message can match.
const (
	MatchAny    Match = iota
	MatchPhrase       // the words as they are, one after the other
	MatchWords        // the words as they are, elsewhere
	MatchRest         // beginnings and parts of words
)

// Hit is where a message is. Place is its number in the order of all messages
// by time. Home is the room above a thread, or Room.
type Hit struct {
	Room, Home RoomID
	No         int64
	Place      int64
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
	Text     string `json:"q,omitempty" doc:"Words that are all in the message, in the names and descriptions of its files or inside them, by their beginning; at most 16. Words in quotes must follow each other; what has a minus before it must not be there"`
	Room     RoomID `json:"room,omitempty" doc:"Only in this room, or this thread; without it in all your rooms"`
	From     UserID `json:"from,omitempty" doc:"Only from this person"`
	Mentions UserID `json:"mentions,omitempty" doc:"Only mentioning this person, who did not write it; @room mentions everyone"`
	After    string `json:"after,omitempty" doc:"Only sent at this time or later: RFC 3339, or a day in UTC"`
	Before   string `json:"before,omitempty" doc:"Only sent before this time: RFC 3339, or a day in UTC"`
	Has      string `json:"has,omitempty" enum:"link,file,reaction" doc:"Only with a link, with a file, or with a reaction of someone other than its author"`
	Is       string `json:"is,omitempty" enum:"pinned,thread" doc:"Only pinned messages, or only those in threads"`
	Cursor   string `json:"cursor,omitempty" doc:"next of the answer before"`
	Limit    int    `json:"limit,omitempty" doc:"Most items to return; default 20"`
	Order    string `json:"order,omitempty" enum:"newest,relevance" doc:"newest is the default. By relevance those come first that have the words as they are and one after the other, then those that have them as they are, then those with words that begin with them; the newest of each first"`
	Counts   bool   `json:"counts,omitempty" doc:"Also count how many are in which room and from whom"`
}

// SearchResult is what was found.
type SearchResult struct {
	Messages  []Message     `json:"messages" doc:"In the order that was asked for"`
	Excerpts  []Excerpt     `json:"excerpts" doc:"One for each of messages, in their order"`
	Next      string        `json:"next,omitempty" doc:"Cursor for more; empty if there are none"`
	Until     time.Time     `json:"until,omitzero" doc:"With next, if the newest come first: so far back all is in this answer and those before"`
	Corrected string        `json:"corrected,omitempty" doc:"Nothing has the words of q. These have what differs from it by one typing error: this text. Give it as q for more of them"`
	Counts    *SearchCounts `json:"counts,omitempty" doc:"If counts were asked for"`
	Building  bool          `json:"building,omitempty" doc:"The search index is being built: messages may be missing"`
	Built     int           `json:"built,omitempty" doc:"With building: how far it is, in percent"`
}

// Search looks for messages in the caller's rooms and in the threads there.
func (s *Service) Search(ctx context.Context, who Caller, in SearchInput) (SearchResult, error) {
	q, err := in.query()
	if err != nil {
		return SearchResult{}, err
	}
	from, err := in.cursor(&q)
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
		return SearchResult{Messages: []Message{}, Excerpts: []Excerpt{}}, nil
	}
	run := &searchRun{s: s, user: who.User.ID, members: map[RoomID]bool{},
		in: Lookup{Query: q, Rooms: rooms}, at: from}
	if err := run.find(ctx, limit); err != nil {
		return SearchResult{}, err
	}
	corrected := ""
	if len(run.found) == 0 && !run.more && in.Cursor == "" {
		if corrected, err = run.forgive(ctx, from, limit); err != nil {
			return SearchResult{}, err
		}
	}
	out, err := run.result(ctx)
	if err != nil {
		return SearchResult{}, err
	}
	out.Corrected = corrected
	if in.Counts {
		out.Counts, err = run.count(ctx)
	}
	return out, err
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

	at    matchCursor // where it goes on
	more  bool        // there may be more there
	found []foundMessage

	mu      sync.Mutex
	members map[RoomID]bool // asked of the store already
}

// foundMessage is a message, the room above it if it is in a thread, or else
// its room, and its place.
type foundMessage struct {
	Message
	home RoomID
	at   matchCursor
}

// find asks the index for places, and reads what is there now, until there are
// enough messages.
func (r *searchRun) find(ctx context.Context, limit int) error {
	r.found = nil
	for ask, read := limit, 0; ; ask = min(4*ask, 200) {
		r.in.Match, r.in.Below = r.at.match, r.at.below
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
			place := matchCursor{match: r.at.match, below: hits[i].Place}
			r.found = append(r.found, foundMessage{*m, hits[i].Home, place})
			if len(r.found) == limit && (next != 0 || i < len(hits)-1 || place.last() > place.match) {
				r.at, r.more = place, true
				return nil
			}
		}
		if r.at.below, r.more = next, next != 0; !r.more && r.at.last() > r.at.match {
			r.at, r.more = matchCursor{match: r.at.match + 1}, true
			continue
		}
		if read += len(hits); !r.more || read >= searchMost || len(hits) == 0 {
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
	q, m := &r.in.Query, &page[0]
	if !q.Wants(m) {
		return nil, nil
	}
	inside, err := r.s.Index.Inside(ctx, m)
	if err != nil || !r.s.Index.Matches(q, strings.Join(append([]string{m.Words()}, inside...), "\n")) {
		return nil, err
	}
	return m, nil
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
func (r *searchRun) result(ctx context.Context) (SearchResult, error) {
	some := bounded(r.found, 0, func(m *foundMessage) int { return m.size() + maxExcerpt })
	if n := len(some); n < len(r.found) {
		r.at, r.more = some[n-1].at, true
	}
	out := SearchResult{Messages: make([]Message, len(some)), Excerpts: make([]Excerpt, len(some))}
	for i := range some {
		out.Messages[i] = some[i].Message
		var err error
		if out.Excerpts[i], err = r.excerpt(ctx, &some[i].Message); err != nil {
			return SearchResult{}, err
		}
	}
	if built := r.s.Index.Built(); built < 100 {
		out.Building, out.Built = true, built
	}
	if r.more {
		out.Next = r.at.String()
		if r.at.match == MatchAny {
			out.Until = placeTime(r.at.below)
		}
	}
	return out, nil
}
