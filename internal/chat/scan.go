package chat

import (
	"container/heap"
	"context"
	"sort"
	"time"
)

const (
	// scanMost is how many messages a scan looks at.
	scanMost = 10_000
	// scanText is a text's length in bytes that counts as one message more.
	scanText = 512
	// scanPage is how many it reads at once.
	scanPage = 200
	// clockSlack is by how much a message may be older than the one before it
	// in its room: the clock was set.
	clockSlack = time.Minute
)

// scanMessages reads the messages of all rooms, newest first, until it has
// enough that are wanted, whatever their words, or has looked at scanMost.
func scanMessages(ctx context.Context, store Store, views []RoomView, q Query, before SearchCursor,
	limit int) (Found, error) {
	var found Found
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
		if begin.Holds(&m) && q.Wants(&m) {
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
