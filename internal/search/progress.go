package search

import (
	"fmt"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// progress is how far the index is built.
type progress struct {
	listed   bool                 // all rooms were looked at
	waiting  map[chat.RoomID]bool // not built yet
	messages int                  // read so far
	began    time.Time
	reported time.Time
}

func (p *progress) wait(id chat.RoomID) {
	if p.waiting == nil {
		p.waiting = map[chat.RoomID]bool{}
	}
	p.waiting[id] = true
}

func (p *progress) done(id chat.RoomID) { delete(p.waiting, id) }

// report notes that messages of a room were read, and perhaps its last, and
// tells the log now and then.
func (x *Index) report(id chat.RoomID, messages int, done bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &x.state
	p.messages += messages
	if !p.waiting[id] {
		return
	}
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

// Progress implements [chat.SearchIndex].
func (x *Index) Progress() string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	switch p := &x.state; {
	case !p.listed:
		return "the index is being opened"
	case len(p.waiting) > 0:
		return fmt.Sprintf("the index is being built: %d messages so far, %d rooms to go", p.messages,
			len(p.waiting))
	}
	return ""
}
