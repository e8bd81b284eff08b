package compat

import (
	"context"
	"errors"
	"sync"

	"github.com/parley-chat/parley/internal/chat"
)

// people is the index of everyone by number. It holds some 200 bytes for each,
// from the first question on.
//
// It follows the server's log, and so knows who came or was renamed on other
// nodes too: it is brought up to date at each request and when somebody is not
// found, and hears of new names live. Nobody goes.
type people struct {
	store chat.Store

	mu       sync.RWMutex
	byNumber map[int64]chat.UserID // "" where two ids have the same number: nobody is taken for another
	names    map[chat.UserID]string

	reading sync.Mutex // held while the store is read; locked before mu
	loaded  bool
	at      chat.Position // how far the server's log was read
}

func newPeople(store chat.Store) *people {
	return &people{store: store, byNumber: map[int64]chat.UserID{}, names: map[chat.UserID]string{}}
}

// page is how much is read from the store at once.
const page = 500

// numbered returns who has the number; ErrNotFound if nobody.
func (p *people) numbered(ctx context.Context, n int64) (id chat.UserID, name string, err error) {
	err = p.find(ctx, func() bool {
		id = p.byNumber[n]
		name = p.names[id]
		return id != ""
	})
	return id, name, err
}

// remembered is numbered without looking into the store.
func (p *people) remembered(n int64) (chat.UserID, string, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if id := p.byNumber[n]; id != "" {
		return id, p.names[id], nil
	}
	return "", "", chat.ErrNotFound
}

// name returns a person's name; ErrNotFound if there is no such person.
func (p *people) name(ctx context.Context, id chat.UserID) (name string, err error) {
	err = p.find(ctx, func() (ok bool) {
		name, ok = p.names[id]
		return ok
	})
	return name, err
}

// find asks the index, and once more when it is up to date.
func (p *people) find(ctx context.Context, found func() bool) error {
	if p.look(found) {
		return nil
	}
	p.reading.Lock()
	defer p.reading.Unlock()
	if p.look(found) { // somebody else has read on meanwhile
		return nil
	}
	if err := p.read(ctx); err != nil {
		return err
	}
	if p.look(found) {
		return nil
	}
	return chat.ErrNotFound
}

// refresh brings an index that is in use up to date.
func (p *people) refresh(ctx context.Context) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	if !p.loaded {
		return nil
	}
	return p.read(ctx)
}

func (p *people) look(found func() bool) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return found()
}

// read brings the index up to date. It is the caller's turn to read.
func (p *people) read(ctx context.Context) error {
	for p.loaded {
		events, err := p.store.Events(ctx, chat.ServerStream, p.at, page)
		if errors.Is(err, chat.ErrResync) {
			p.loaded = false
			break
		}
		if err != nil {
			return err
		}
		for i := range events {
			if u := events[i].User; u != nil {
				p.learn(*u)
			}
			p.at = events[i].Position()
		}
		if len(events) < page {
			return nil
		}
	}
	return p.load(ctx)
}

// load reads everyone. The log's end is read first, so that who comes meanwhile
// is read again.
func (p *people) load(ctx context.Context) error {
	heads, err := p.store.Heads(ctx, chat.ServerStream)
	if err != nil {
		return err
	}
	for after := chat.UserID(""); ; {
		users, err := p.store.Users(ctx, after, page)
		if err != nil {
			return err
		}
		p.learn(users...)
		if len(users) < page {
			break
		}
		after = users[len(users)-1].ID
	}
	p.loaded, p.at = true, heads[0].Position
	return nil
}

func (p *people) learn(users ...chat.User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		_, known := p.names[u.ID]
		p.names[u.ID] = u.Name
		if known {
			continue
		}
		n := number(string(u.ID))
		if _, taken := p.byNumber[n]; taken {
			p.byNumber[n] = ""
			continue
		}
		p.byNumber[n] = u.ID
	}
}
