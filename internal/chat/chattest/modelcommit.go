package chattest

import (
	"context"
	"fmt"
	"slices"

	"github.com/parley-chat/parley/internal/chat"
)

func (m *Model) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	m.commit.Lock()
	defer m.commit.Unlock()
	for _, c := range changes {
		if c.OnQueued != nil {
			c.OnQueued()
		}
	}
	results, err := m.apply(ctx, changes)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if r := &results[i]; !r.NoOp && !r.Duplicate && m.ring != nil {
			e := r.Event.Clone()
			m.ring(&e)
		}
	}
	return results, nil
}

// apply makes all changes or none.
func (m *Model) apply(ctx context.Context, changes []chat.Change) ([]chat.Result, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	t := tx{Model: m}
	var results []chat.Result
	for i, c := range changes {
		r, err := t.change(c)
		if err != nil {
			for _, undo := range slices.Backward(t.undo) {
				undo()
			}
			return nil, fmt.Errorf("change %d, %s in %s: %w", i, c.Kind(), c.Stream, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// tx is one Commit. Every write goes through put and del, which note how to
// take it back.
type tx struct {
	*Model
	undo []func()
}

func put[K comparable, V any](t *tx, m map[K]V, k K, v V) {
	old, had := m[k]
	t.undo = append(t.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

func del[K comparable, V any](t *tx, m map[K]V, k K) {
	old, had := m[k]
	if !had {
		return
	}
	t.undo = append(t.undo, func() { m[k] = old })
	delete(m, k)
}

var noOp = chat.Result{NoOp: true}

func (t *tx) change(c chat.Change) (chat.Result, error) {
	if err := c.Check(); err != nil {
		return chat.Result{}, err
	}
	if room, inRoom := c.Stream.Room(); inRoom {
		return t.inRoom(room, &c)
	}
	if c.MustBeIn != "" {
		return chat.Result{}, chat.ErrNotFound // no room, no members
	}
	if user, inUser := c.Stream.User(); inUser {
		return t.inUser(user, &c)
	}
	return t.inServer(&c)
}

// append writes e, which has its payload, to the end of the log of c.
func (t *tx) append(c *chat.Change, e chat.Event) (chat.Result, error) {
	e = c.Event(e)
	l := t.logs[c.Stream]
	e.Epoch, e.Seq = epoch, l.seq+1
	if n := len(l.events); n > 0 {
		e.Prev = l.events[n-1].ID
	}
	e = bare(e)
	kept := l.events[max(0, len(l.events)+1-max(t.Window, 1)):]
	put(t, t.logs, c.Stream, log{seq: e.Seq, events: append(kept, e)})
	return chat.Result{Event: t.show(e)}, nil
}

func (t *tx) inRoom(id chat.RoomID, c *chat.Change) (chat.Result, error) {
	room, ok := t.rooms[id]
	if op, isNew := c.Op.(chat.CreateRoom); isNew {
		if ok {
			return chat.Result{}, chat.ErrConflict
		}
		room = op.Room.Clone()
		put(t, t.rooms, id, room)
		return t.append(c, chat.Event{Room: &room})
	}
	if !ok {
		return chat.Result{}, chat.ErrNotFound
	}
	var speaker *chat.Member
	at := memberKey{id, c.MustBeIn}
	me, in := t.members[at]
	if in {
		speaker = &me.Member
	} else if c.MustBeIn != "" {
		return chat.Result{}, chat.ErrNotFound
	}
	if r, ok := t.sent(id, c); ok {
		return r, nil
	}
	if err := c.MayWrite(&room, speaker, me.spoke); err != nil {
		return chat.Result{}, err
	}
	if c.Slowed(&room, speaker) {
		me.spoke = c.At
		put(t, t.members, at, me)
	}
	switch op := c.Op.(type) {
	case chat.CreateMessage:
		return t.message(id, c)
	case chat.UpdateRoom:
		op.Apply(&room)
		put(t, t.rooms, id, room)
		return t.append(c, chat.Event{Room: &room})
	case chat.TrimMessages:
		to := min(op.To, int64(len(t.messages[id])))
		if to <= t.trimmed[id] {
			return noOp, nil
		}
		put(t, t.trimmed, id, to)
		return t.append(c, chat.Event{Trimmed: to})
	case chat.AddMember:
		at := memberKey{id, op.Member.User}
		if _, ok := t.members[at]; ok {
			return noOp, nil
		}
		m := op.In(id)
		put(t, t.members, at, member{Member: m, readNo: int64(len(t.messages[id]))})
		return t.append(c, chat.Event{Member: &m})
	case chat.RemoveMember:
		at := memberKey{id, op.User}
		m, ok := t.members[at]
		if !ok {
			return noOp, nil
		}
		del(t, t.members, at)
		return t.append(c, chat.Event{Member: &m.Member})
	case chat.UpdateMember:
		at := memberKey{id, op.User}
		m, ok := t.members[at]
		if !ok {
			return chat.Result{}, chat.ErrNotFound
		}
		op.Apply(&m.Member)
		put(t, t.members, at, m)
		return t.append(c, chat.Event{Member: &m.Member})
	case chat.Annotation:
		return t.annotate(id, op.Target(), c)
	}
	return chat.Result{}, errUnknown(c)
}

func errUnknown(c *chat.Change) error { return fmt.Errorf("the model does not know %T", c.Op) }

// sendOf names a send as its type does, and reports whether it can be repeated.
func sendOf(id chat.RoomID, c *chat.Change) (send, bool) {
	op, ok := c.Op.(chat.CreateMessage)
	return send{id, c.By, op.Device, op.ClientID}, ok && op.ClientID != ""
}

// sent returns what a repeated send gets.
func (t *tx) sent(id chat.RoomID, c *chat.Change) (chat.Result, bool) {
	key, ok := sendOf(id, c)
	first, known := t.sends[key]
	if !ok || !known || t.gone(first) {
		return chat.Result{}, false
	}
	return chat.Result{Event: t.show(first), Duplicate: true}, true
}

func (t *tx) message(id chat.RoomID, c *chat.Change) (chat.Result, error) {
	all := t.messages[id]
	m := c.Message()
	m.No, m.Seq = int64(len(all))+1, t.logs[c.Stream].seq+1
	put(t, t.messages, id, append(all, *m))
	if me, ok := t.members[memberKey{id, m.From}]; ok {
		me.readNo = max(me.readNo, m.No)
		put(t, t.members, memberKey{id, m.From}, me)
	}
	r, err := t.append(c, chat.Event{Message: m})
	if key, ok := sendOf(id, c); ok {
		put(t, t.sends, key, bare(r.Event))
	}
	return r, err
}

func (t *tx) inUser(user chat.UserID, c *chat.Change) (chat.Result, error) {
	switch op := c.Op.(type) {
	case chat.ListRoom:
		at := memberKey{op.Room, user}
		view, err := t.view(at.room, user)
		if err != nil {
			return chat.Result{}, err
		}
		if t.listed[at] {
			return noOp, nil
		}
		put(t, t.listed, at, true)
		return t.append(c, chat.Event{View: &view})

	case chat.UnlistRoom:
		at := memberKey{op.Room, user}
		if !t.listed[at] {
			return noOp, nil
		}
		del(t, t.listed, at)
		del(t, t.notify, at)
		return t.append(c, chat.Event{Left: op.Room, Reason: op.Reason})

	case chat.MoveRead:
		at := memberKey{op.Read.Room, user}
		me, ok := t.members[at]
		if !ok {
			return chat.Result{}, chat.ErrNotFound
		}
		if op.Read.No <= me.readNo {
			return noOp, nil
		}
		me.readNo = op.Read.No
		put(t, t.members, at, me)
		return t.append(c, chat.Event{Read: &op.Read})

	case chat.SetNotify:
		at := memberKey{op.Notify.Room, user}
		if !t.listed[at] {
			return chat.Result{}, chat.ErrNotFound
		}
		if t.notify[at] == op.Notify.Level {
			return noOp, nil
		}
		put(t, t.notify, at, op.Notify.Level)
		return t.append(c, chat.Event{Notify: &op.Notify})

	case chat.RevokeSessions:
		if op.Password != "" {
			a, ok := t.accounts[user]
			if !ok {
				return chat.Result{}, chat.ErrNotFound
			}
			if op.Was != "" && op.Was != a.Password {
				return chat.Result{}, chat.ErrConflict
			}
			a.Password = op.Password
			put(t, t.accounts, user, a)
		}
		var gone []chat.SessionID
		for id, s := range t.sessions {
			if s.User == user && (len(op.Sessions) == 0 || slices.Contains(op.Sessions, id)) {
				del(t, t.sessions, id)
				gone = append(gone, id)
			}
		}
		if len(gone) == 0 && op.Password == "" {
			return noOp, nil
		}
		slices.Sort(gone)
		return t.append(c, chat.Event{Sessions: gone})
	}
	return chat.Result{}, errUnknown(c)
}

func (t *tx) inServer(c *chat.Change) (chat.Result, error) {
	switch op := c.Op.(type) {
	case chat.CreateUser:
		if op.Invite != "" {
			if i, ok := t.invites[op.Invite]; !ok || !c.At.Before(i.ExpiresAt) {
				return chat.Result{}, chat.ErrNotFound
			}
		}
		_, idTaken := t.accounts[op.Account.ID]
		if idTaken || t.nameTaken(op.Account) {
			return chat.Result{}, chat.ErrConflict
		}
		del(t, t.invites, op.Invite)
		put(t, t.accounts, op.Account.ID, op.Account)
		t.name(op.Account)
		return t.append(c, chat.Event{User: &op.Account.User})

	case chat.UpdateUser:
		if err := t.replace(op.Account, op.Was); err != nil {
			return chat.Result{}, err
		}
		return t.append(c, chat.Event{User: &op.Account.User})
	}
	return chat.Result{}, errUnknown(c)
}

// nameTaken reports whether another account has a key of a's name.
func (t *tx) nameTaken(a chat.Account) bool {
	for _, key := range []string{a.NameKey, a.LookKey} {
		if holder, taken := t.names[key]; taken && holder != a.ID {
			return true
		}
	}
	return false
}

func (t *tx) name(a chat.Account) {
	put(t, t.names, a.NameKey, a.ID)
	if a.LookKey != "" {
		put(t, t.names, a.LookKey, a.ID)
	}
}

// replace puts a in the place of the account with its id, which keeps its
// password, if the person is as they were said to be.
func (t *tx) replace(a chat.Account, was *chat.User) error {
	old, ok := t.accounts[a.ID]
	if !ok {
		return chat.ErrNotFound
	}
	if was != nil && *was != old.User {
		return chat.ErrConflict
	}
	if t.nameTaken(a) {
		return chat.ErrConflict
	}
	a.Password = old.Password
	del(t, t.names, old.NameKey)
	del(t, t.names, old.LookKey)
	t.name(a)
	put(t, t.accounts, a.ID, a)
	return nil
}
