package search

import (
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// progress is how far the index is built.
type progress struct {
	listed   bool                  // all rooms were looked at
	waiting  map[chat.RoomID]int64 // not built yet, and how many messages they have
	messages int                   // read so far
	read     int64                 // of those, in rooms that are not built yet or were built since
	all      int64                 // in those rooms
	began    time.Time
	reported time.Time
}

// wait notes that a room is not built, and how many messages it has.
func (p *progress) wait(id chat.RoomID, messages int64) {
	if p.waiting == nil {
		p.waiting = map[chat.RoomID]int64{}
	}
	if _, known := p.waiting[id]; !known {
		p.waiting[id] = messages
		p.all += messages
	}
}

// done notes that a room is built, or gone.
func (p *progress) done(id chat.RoomID) { delete(p.waiting, id) }

// report notes that messages of a room were read, and perhaps its last, and
// tells the log now and then.
func (x *Index) report(id chat.RoomID, messages int, done bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &x.state
	p.messages += messages
	if _, waits := p.waiting[id]; !waits {
		return
	}
	p.read += int64(messages)
	if done {
		p.done(id)
	}
	switch now := time.Now(); {
	case !p.listed:
	case len(p.waiting) == 0:
		x.Log.Info("the search index is built", "messages", p.messages,
			"took", now.Sub(p.began).Round(time.Millisecond))
	case now.Sub(p.reported) >= reportEvery:
		p.reported = now
		x.Log.Info("building the search index", "messages so far", p.messages, "rooms to go", len(p.waiting))
	}
}

// Built implements [chat.SearchIndex].
func (x *Index) Built() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	switch p := &x.state; {
	case !p.listed:
		return 0
	case len(p.waiting) == 0:
		return 100
	default:
		return int(min(99, p.read*100/max(1, p.all)))
	}
}
