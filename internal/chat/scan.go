package chat

import (
	"container/heap"
	"context"
	"sort"
	"strings"
	"time"
	"unicode"
)

const (
	// scanMost is how many messages a search without an index looks at.
	scanMost = 10_000
	// scanText is a text's length in bytes that counts as one message more.
	scanText = 512
	// scanPage is how many it reads at once.
	scanPage = 200
	// clockSlack is by how much a message may be older than the one before it
	// in its room: the clock was set.
	clockSlack = time.Minute
)

// scanMessages searches by reading: the messages of all rooms, newest first,
// until there are enough or it has looked at scanMost.
func scanMessages(ctx context.Context, store Store, views []RoomView, q Query, before SearchCursor,
	limit int) (Found, error) {
	var found Found
	matches := matcher(q.Terms())
	begin := q.Start(before)
	var rooms roomScans
	for _, v := range views {
		if v.HeadNo <= v.Trimmed {
			continue
		}
		t := &roomScan{store: store, room: v.ID, next: v.HeadNo + 1, floor: v.Trimmed,
			at: SearchCursor{At: farFuture}}
		if v.Last != nil {
			t.at = v.Last.Cursor()
		}
		if begin != (SearchCursor{}) && t.at.Compare(begin) >= 0 {
			if err := t.skipTo(ctx, begin.At); err != nil {
				return Found{}, err
			}
		}
		rooms = append(rooms, t)
	}
	heap.Init(&rooms)
	for looked := 0; len(rooms) > 0; {
		t := rooms[0]
		if len(t.page) == 0 {
			n, err := t.read(ctx)
			for _, m := range t.page {
				looked += 1 + len(m.Text)/scanText
			}
			if err != nil {
				return Found{}, err
			}
			if n == 0 {
				heap.Pop(&rooms)
			} else {
				heap.Fix(&rooms, 0)
			}
			continue
		}
		m := t.page[len(t.page)-1]
		if m.At.Before(q.After.Add(-clockSlack)) {
			heap.Pop(&rooms)
			continue
		}
		t.page = t.page[:len(t.page)-1]
		if n := len(t.page); n > 0 {
			t.at = t.page[n-1].Cursor()
		} else {
			t.at = m.Cursor() // what comes next is older, or nearly
		}
		heap.Fix(&rooms, 0)
		if begin.Holds(&m) && q.Wants(&m) && matches(m.Words()) {
			found.Messages = append(found.Messages, m)
		}
		if len(found.Messages) == limit || looked >= scanMost && begin.Holds(&m) {
			found.Until = m.Cursor()
			return found, nil
		}
	}
	return found, nil
}

var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// roomScan is a way back through one room.
type roomScan struct {
	store Store
	room  RoomID
	next  int64        // messages with smaller numbers were not read yet
	floor int64        // those up to here are gone
	page  []Message    // read, ascending
	at    SearchCursor // of the last of page, or later than all that is to come
}

// read reads the next page and returns how many messages it has.
func (t *roomScan) read(ctx context.Context) (n int, err error) {
	if t.next <= t.floor+1 {
		return 0, nil
	}
	t.page, err = t.store.Messages(ctx, t.room, Page{From: Before, No: t.next, Limit: scanPage})
	if n = len(t.page); n > 0 {
		t.next, t.at = t.page[0].No, t.page[n-1].Cursor()
	}
	return n, err
}

// skipTo goes to just after the last message that was sent at a time, or a
// little later.
func (t *roomScan) skipTo(ctx context.Context, at time.Time) (err error) {
	first := t.floor + 1
	later := sort.Search(int(t.next-first), func(i int) bool {
		if err != nil {
			return true
		}
		var one []Message
		one, err = t.store.Messages(ctx, t.room, Page{From: After, No: first + int64(i) - 1, Limit: 1})
		return len(one) == 0 || one[0].At.After(at.Add(clockSlack))
	})
	t.next = first + int64(later)
	t.at = SearchCursor{At: at.Add(clockSlack), ID: "\U0010ffff"}
	return err
}

// roomScans is a heap: the newest first.
type roomScans []*roomScan

func (t roomScans) Len() int { return len(t) }

func (t roomScans) Less(i, j int) bool { return t[i].at.Compare(t[j].at) > 0 }

func (t roomScans) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

func (t *roomScans) Push(x any) { *t = append(*t, x.(*roomScan)) }

func (t *roomScans) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}

// words returns the words of a text in lower case: runs of letters, digits and
// marks.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// matcher returns a function that reports whether a text has all terms. In a
// script without spaces a word may stand anywhere.
func matcher(terms []Term) func(text string) bool {
	wanted := make([][]string, len(terms))
	for i, t := range terms {
		wanted[i] = words(t.Text)
	}
	return func(text string) bool {
		if len(terms) == 0 {
			return true
		}
		there := words(text)
		for i, t := range terms {
			if !t.in(there, wanted[i]) {
				return false
			}
		}
		return true
	}
}

// in reports whether the words of t follow each other in a text's words.
func (t Term) in(text, wanted []string) bool {
	last := len(wanted) - 1
	has := func(word string, i int) bool {
		switch w := wanted[i]; {
		case strings.ContainsFunc(w, func(r rune) bool { return unicode.In(r, unspaced...) }):
			return strings.Contains(word, w)
		case i == last && !t.Exact:
			return strings.HasPrefix(word, w)
		default:
			return word == w
		}
	}
	for at := range max(0, len(text)-last) {
		i := 0
		for i <= last && has(text[at+i], i) {
			i++
		}
		if i > last {
			return true
		}
	}
	return false
}
