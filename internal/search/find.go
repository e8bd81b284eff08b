package search

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

const (
	// findTime ends a search that takes longer.
	findTime = 5 * time.Second
	// lookMost is how many matches one call looks at, whosever they are.
	lookMost = 20_000
	// lookFirst is how many it looks at before the rooms become a part of the
	// expression.
	lookFirst = 200
	// roomsInQuery is up to how many rooms are a part of the expression; more
	// are looked up for each match.
	roomsInQuery = 32
)

// Find implements [chat.SearchIndex].
func (x *Index) Find(ctx context.Context, in chat.Lookup, limit int) (hits []chat.Hit, next int64,
	err error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	mine, filter := x.allowed(in.Rooms)
	if len(mine) == 0 {
		return nil, 0, nil
	}
	n := positive(&in.Query)
	if n < 2 && in.Match == chat.MatchPhrase || n < 1 && in.Match == chat.MatchWords {
		return nil, 0, nil // one word is no phrase
	}
	first, last := int64(0), int64(math.MaxInt64)
	if !in.Query.After.IsZero() {
		first = in.Query.After.UnixMilli() << low
	}
	if !in.Query.Before.IsZero() {
		last = in.Query.Before.UnixMilli() << low
	}
	if in.Below > 0 {
		last = min(last, in.Below)
	}
	err = x.whole(func() error {
		if filter != "" {
			// Most words are rare: then it is quicker to look at all that have
			// them than to read the lists of rooms.
			expr, err := x.expression(ctx, in, "")
			if err != nil {
				return err
			}
			hits, next, err = x.look(ctx, expr, first, last, mine, limit, lookFirst)
			if err != nil || next == 0 || len(hits) == limit {
				return err
			}
			last = next
		}
		expr, err := x.expression(ctx, in, filter)
		if err != nil {
			return err
		}
		more, below, err := x.look(ctx, expr, first, last, mine, limit-len(hits), lookMost)
		hits, next = append(hits, more...), below
		return err
	})
	if err != nil && ctx.Err() != nil {
		err = unusable(fmt.Errorf("searching takes too long: %w", err))
	}
	return hits, next, err
}

// look returns up to limit of the matches of an expression with places from
// first on and before last, after it has looked at most of them at the most.
func (x *Index) look(ctx context.Context, expr string, first, last int64, mine map[int64]bool,
	limit, most int) (hits []chat.Hit, next int64, err error) {
	rows, err := x.read.QueryContext(ctx, "SELECT words.rowid, room, no FROM words CROSS JOIN docs ON docs.id = words.rowid WHERE words MATCH ? AND words.rowid >= ? AND words.rowid < ? ORDER BY words.rowid DESC",
		expr, first, last)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for looked := 0; rows.Next(); looked++ {
		var place, num, no int64
		if err := rows.Scan(&place, &num, &no); err != nil {
			return nil, 0, err
		}
		if looked == most {
			return hits, place + 1, nil
		}
		in, home := x.numbered(num)
		if in == nil || home == nil || !mine[in.num] && !mine[home.num] {
			continue
		}
		hits = append(hits, chat.Hit{Room: in.id, Home: home.id, No: no, Place: place})
		if len(hits) == limit {
			return hits, place, nil
		}
	}
	return hits, 0, rows.Err()
}

func (x *Index) expression(ctx context.Context, in chat.Lookup, filter string) (string, error) {
	expanded := func(p phrase) (string, error) { return x.expanded(ctx, p) }
	return expression(&in.Query, filter, in.Match, expanded)
}

// numbered returns a room and the one above it, nil for none.
func (x *Index) numbered(num int64) (in, home *room) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if in = x.numbers[num]; in != nil {
		home = x.numbers[in.home]
	}
	return in, home
}

// allowed returns the numbers of the rooms that the index knows, and an
// expression that finds what is in them and in their threads; empty if there
// are too many.
func (x *Index) allowed(rooms []chat.RoomID) (mine map[int64]bool, filter string) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	mine = make(map[int64]bool, len(rooms))
	var words []string
	for _, id := range rooms {
		r := x.rooms[id]
		if r == nil {
			continue
		}
		mine[r.num] = true
		word := ofHome(r.num)
		if r.home != r.num {
			word = ofRoom(r.num)
		}
		if len(words) <= roomsInQuery {
			words = append(words, word)
		}
	}
	if len(words) > roomsInQuery {
		return mine, ""
	}
	return mine, strings.Join(words, " OR ")
}

// positive returns how many terms a message must have.
func positive(q *chat.Query) (n int) {
	for _, t := range q.Terms() {
		if !t.Without && len(phraseOf(t).parts) > 0 {
			n++
		}
	}
	return n
}

// expanded returns a phrase in FTS5's syntax, with the words that its last word
// stands for if they are few.
func (x *Index) expanded(ctx context.Context, p phrase) (string, error) {
	if !p.prefix {
		return p.String(), nil
	}
	last, most := len(p.parts)-1, expandMost
	if last > 0 {
		most = expandPhrase
	}
	words, err := x.expand(ctx, p.parts[last], last == 0, most)
	if err != nil || words == nil {
		return p.String(), err
	}
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = phrase{parts: append(p.parts[:last:last], word)}.String()
	}
	return "(" + strings.Join(all, " OR ") + ")", nil
}

// expression returns the FTS5 expression for what matches a query in one way,
// in rooms. Expanded gives the expression of a phrase.
func expression(q *chat.Query, rooms string, match chat.Match,
	expanded func(phrase) (string, error)) (string, error) {
	var all, without, whole, text []string
	for _, t := range q.Terms() {
		p := phraseOf(t)
		if len(p.parts) == 0 || t.Without && p.literal != "" {
			continue // marks without a letter, or what has its letters may be wanted
		}
		if !t.Without {
			text = append(text, t.Text)
			whole = append(whole, "text : "+p.bare())
			if match == chat.MatchPhrase || match == chat.MatchWords {
				continue
			}
		}
		one, err := expanded(p)
		if err != nil {
			return "", err
		}
		if t.Without {
			without = append(without, one)
		} else {
			all = append(all, "text : "+one)
		}
	}
	asPhrase := "text : " + phraseOf(chat.Term{Text: strings.Join(text, " "), Exact: true}).bare()
	switch match {
	case chat.MatchPhrase:
		all = []string{asPhrase}
	case chat.MatchWords:
		all = whole
		if len(text) > 1 {
			all = []string{"(" + strings.Join(whole, " AND ") + ") NOT " + asPhrase}
		}
	case chat.MatchRest:
		if len(whole) == 0 {
			break
		}
		all = []string{"(" + strings.Join(all, " AND ") + ") NOT (" + strings.Join(whole, " AND ") + ")"}
	}
	filter := func(words ...string) { all = append(all, "f : ("+strings.Join(words, " OR ")+")") }
	if rooms != "" {
		filter(rooms)
	}
	if q.From != "" {
		filter(author(q.From))
	}
	if q.Mentions != "" {
		filter(mentioned(q.Mentions), mentioned(chat.MentionAll))
	}
	for _, has := range []struct {
		wanted bool
		word   string
	}{{q.Link, withLink}, {q.File, withFile}, {q.Pinned, pinned}, {q.Thread, inThread}} {
		if has.wanted {
			filter(has.word)
		}
	}
	if len(all) == 0 {
		filter(anyMessage)
	}
	expr := strings.Join(all, " AND ")
	if match == chat.MatchWords || match == chat.MatchRest {
		expr = "(" + strings.Join(all, ") AND (") + ")"
	}
	if len(without) > 0 {
		expr = "(" + expr + ") NOT text : (" + strings.Join(without, " OR ") + ")"
	}
	return expr, nil
}
