package rest

import (
	"sync"

	"github.com/parley-chat/parley/internal/chat"
)

// quota bounds something of which a node has only so much.
type quota struct {
	total int64 // of all holders together
	each  int64 // of one holder
	// spare is a part of total that is kept for those who hold nothing yet.
	spare int64

	mu   sync.Mutex
	used int64
	by   map[string]int64
}

// take takes n for a holder, until end is called; false if that is too much.
func (q *quota) take(n int64, holder string) (end func(), ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	has := q.by[holder]
	if q.used+n > q.total || has > 0 && (has+n > q.each || q.used+n > q.total-q.spare) {
		return nil, false
	}
	if q.by == nil {
		q.by = map[string]int64{}
	}
	q.used += n
	q.by[holder] += n
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.used -= n
		if q.by[holder] -= n; q.by[holder] == 0 {
			delete(q.by, holder)
		}
	}, true
}

// holderOf returns for whom the work on a request counts: the person or,
// without one, the address.
func holderOf(who chat.Caller) string {
	if who.Anonymous() {
		return "address " + who.Addr
	}
	return "person " + string(who.User.ID)
}
