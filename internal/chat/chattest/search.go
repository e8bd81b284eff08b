package chattest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

// PlainIndex is a [chat.SearchIndex] that reads all messages each time. Of a
// word in other letters than ASCII it compares the bytes.
type PlainIndex struct{ Store chat.Store }

// Find implements [chat.SearchIndex].
func (x PlainIndex) Find(ctx context.Context, in chat.Lookup, limit int) (hits []chat.Hit, next int64,
	err error) {
	if in.Match == chat.MatchPhrase || in.Match == chat.MatchWords {
		return nil, 0, nil // all are found as the rest
	}
	rooms, err := x.Store.Rooms(ctx, "", 1_000_000)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range rooms {
		home := r.ID
		if r.Kind == chat.ThreadRoom {
			home = r.Parent
		}
		if !slices.Contains(in.Rooms, r.ID) && !slices.Contains(in.Rooms, home) {
			continue
		}
		messages, err := x.Store.Messages(ctx, r.ID, chat.Page{From: chat.After, Limit: 1_000_000})
		if err != nil {
			return nil, 0, err
		}
		for i := range messages {
			m := &messages[i]
			place := m.At.UnixMilli()<<chat.PlaceBits | m.No
			if (in.Below == 0 || place < in.Below) && in.Query.Wants(m) && x.Matches(&in.Query, m.Words()) {
				hits = append(hits, chat.Hit{Room: r.ID, Home: home, No: m.No, Place: place})
			}
		}
	}
	slices.SortFunc(hits, func(a, b chat.Hit) int { return cmp.Compare(b.Place, a.Place) })
	if len(hits) > limit {
		hits = hits[:limit]
		next = hits[limit-1].Place
	}
	return hits, next, nil
}

// Matches implements [chat.SearchIndex].
func (PlainIndex) Matches(q *chat.Query, written string) bool {
	for _, t := range q.Terms() {
		text, term := plain(written), plain(t.Text)
		if term == " " {
			text, term = written, t.Text
		}
		if !t.Exact {
			term = strings.TrimSuffix(term, " ")
		}
		if strings.Contains(text, term) == t.Without {
			return false
		}
	}
	return true
}

// Excerpt implements [chat.SearchIndex].
func (PlainIndex) Excerpt(*chat.Query, string) []chat.ExcerptPart { return nil }

// Inside implements [chat.SearchIndex]: nothing.
func (PlainIndex) Inside(context.Context, *chat.Message) ([]string, error) { return nil, nil }

// Similar implements [chat.SearchIndex]. No word is similar to another.
func (PlainIndex) Similar(context.Context, string) ([]string, error) { return nil, nil }

// Built implements [chat.SearchIndex].
func (PlainIndex) Built() int { return 100 }

// plain is a text as its words, with a space before and after each.
func plain(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return " " + strings.Join(append(words, ""), " ")
}
