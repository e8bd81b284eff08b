package chattest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func (m *Model) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	m.commit.Lock()
	defer m.commit.Unlock()
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
			return nil, fmt.Errorf("change %d, %s in %s: %w", i, c.Kind, c.Stream, err)
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
	c.At = c.At.UTC().Truncate(time.Millisecond)
	room, inRoom := c.Stream.Room()
	user, inUser := c.Stream.User()
	if inRoom && c.Kind != chat.RoomCreated {
		if _, ok := t.rooms[room]; !ok {
			return chat.Result{}, chat.ErrNotFound
		}
	}
	if c.MustBeIn != "" {
		if _, ok := t.members[place{room, c.MustBeIn}]; !ok {
			return chat.Result{}, chat.ErrNotFound
		}
	}
	switch {
	case inRoom && c.Kind == chat.MessageCreated && c.Message != nil:
		return t.message(room, c)
	case inRoom:
		if err := t.mute(room, c); err != nil {
			return chat.Result{}, err
		}
		return t.inRoom(room, c)
	case inUser:
		return t.inUser(user, c)
	case c.Stream == chat.ServerStream:
		return t.inServer(c)
	}
	return chat.Result{}, errChange(c)
}

// errChange is the refusal of a change that no stream of its kind knows, or
// that lacks its fields.
func errChange(c chat.Change) error {
	return fmt.Errorf("%w: no such change: %s in %s", chat.ErrInvalid, c.Kind, c.Stream)
}

// append writes e, whose payload is set, to the end of the log of c.
func (t *tx) append(c chat.Change, e chat.Event) (chat.Result, error) {
	e.Stream, e.Epoch, e.ID, e.Kind, e.At, e.By = c.Stream, epoch, c.ID, c.Kind, c.At, c.By
	l := t.logs[c.Stream]
	e.Seq = l.seq + 1
	if n := len(l.events); n > 0 {
		e.Prev = l.events[n-1].ID
	}
	e = bare(e)
	kept := l.events[max(0, len(l.events)+1-max(t.Window, 1)):]
	put(t, t.logs, c.Stream, log{seq: e.Seq, events: append(kept, e)})
	return chat.Result{Event: t.show(e)}, nil
}

// mute judges MustSpeak of all that is not a new message, and what holds for
// those too.
func (t *tx) mute(room chat.RoomID, c chat.Change) error {
	if !c.MustSpeak {
		return nil
	}
	if t.rooms[room].Archived {
		return chat.ErrArchived
	}
	if until := t.members[place{room, c.MustBeIn}].Mute.Until; c.At.Before(until) {
		return chat.Muted(until)
	}
	return nil
}

// speak judges MustSpeak of a new message, and notes that it was sent.
func (t *tx) speak(room chat.RoomID, c chat.Change) error {
	if err := t.mute(room, c); err != nil {
		return err
	}
	at := place{room, c.MustBeIn}
	me, in := t.members[at]
	slow := time.Duration(t.rooms[room].Slow) * time.Second
	if !c.MustSpeak || !in || slow == 0 {
		return nil
	}
	if next := me.spoke.Add(slow); c.At.Before(next) && me.Role != chat.RoomModerator && !c.Unslowed {
		return chat.TooSoon(next.Sub(c.At))
	}
	me.spoke = c.At
	put(t, t.members, at, me)
	return nil
}

func (t *tx) message(room chat.RoomID, c chat.Change) (chat.Result, error) {
	key := send{room, c.By, c.Device, c.Message.ClientID}
	if first, ok := t.sends[key]; ok && key.clientID != "" && !t.gone(first) {
		return chat.Result{Event: t.show(first), Duplicate: true}, nil
	}
	if err := t.speak(room, c); err != nil {
		return chat.Result{}, err
	}
	all := t.messages[room]
	msg := chat.Message{
		Room: room, No: int64(len(all)) + 1, ID: c.ID, Seq: t.logs[c.Stream].seq + 1,
		From: c.Message.From, Text: c.Message.Text, ClientID: c.Message.ClientID, At: c.At,
		Mentions: slices.Clone(c.Message.Mentions), Files: slices.Clone(c.Message.Files),
	}
	put(t, t.messages, room, append(all, msg))
	if me, ok := t.members[place{room, msg.From}]; ok {
		me.readNo = max(me.readNo, msg.No)
		put(t, t.members, place{room, msg.From}, me)
	}
	r, err := t.append(c, chat.Event{Message: &msg})
	if key.clientID != "" {
		put(t, t.sends, key, bare(r.Event))
	}
	return r, err
}

func (t *tx) inRoom(room chat.RoomID, c chat.Change) (chat.Result, error) {
	switch {
	case c.Kind == chat.RoomCreated && c.Room != nil && c.Room.ID == room:
		if _, ok := t.rooms[room]; ok {
			return chat.Result{}, chat.ErrConflict
		}
		r := *c.Room
		r = r.Clone()
		put(t, t.rooms, room, r)
		return t.append(c, chat.Event{Room: &r})

	case c.Kind == chat.RoomUpdated && c.Room != nil:
		r := t.rooms[room]
		r.Name, r.Topic, r.Retain, r.Archived, r.Slow = c.Room.Name, c.Room.Topic, c.Room.Retain,
			c.Room.Archived, c.Room.Slow
		put(t, t.rooms, room, r)
		return t.append(c, chat.Event{Room: &r})

	case c.Kind == chat.MessagesTrimmed && c.Trimmed > 0:
		to := min(c.Trimmed, int64(len(t.messages[room])))
		if to <= t.trimmed[room] {
			return noOp, nil
		}
		put(t, t.trimmed, room, to)
		return t.append(c, chat.Event{Trimmed: to})

	case c.Kind == chat.MemberJoined && c.Member != nil:
		at := place{room, c.Member.User}
		if _, ok := t.members[at]; ok {
			return noOp, nil
		}
		me := *c.Member
		me.Room, me.Mute = room, milli(me.Mute)
		put(t, t.members, at, member{Member: me, readNo: int64(len(t.messages[room]))})
		return t.append(c, chat.Event{Member: &me})

	case c.Kind == chat.MemberLeft && c.Member != nil:
		at := place{room, c.Member.User}
		me, ok := t.members[at]
		if !ok {
			return noOp, nil
		}
		del(t, t.members, at)
		return t.append(c, chat.Event{Member: &me.Member})

	case c.Kind == chat.MemberUpdated && c.Member != nil:
		at := place{room, c.Member.User}
		me, ok := t.members[at]
		if !ok {
			return chat.Result{}, chat.ErrNotFound
		}
		if c.Member.Role != "" {
			me.Role = c.Member.Role
		}
		if c.Mute != nil {
			me.Mute = milli(*c.Mute)
		}
		put(t, t.members, at, me)
		return t.append(c, chat.Event{Member: &me.Member})
	}
	return t.mark(room, c)
}

func (t *tx) inUser(user chat.UserID, c chat.Change) (chat.Result, error) {
	switch {
	case c.Kind == chat.RoomJoined && c.View != nil:
		at := place{c.View.ID, user}
		view, err := t.view(at.room, user)
		if err != nil {
			return chat.Result{}, err
		}
		if t.listed[at] {
			return noOp, nil
		}
		put(t, t.listed, at, true)
		return t.append(c, chat.Event{View: &view})

	case c.Kind == chat.RoomLeft && c.Left != "":
		at := place{c.Left, user}
		if !t.listed[at] {
			return noOp, nil
		}
		del(t, t.listed, at)
		del(t, t.notify, at)
		return t.append(c, chat.Event{Left: c.Left, Reason: c.Reason})

	case c.Kind == chat.ReadMoved && c.Read != nil:
		at := place{c.Read.Room, user}
		me, ok := t.members[at]
		if !ok {
			return chat.Result{}, chat.ErrNotFound
		}
		if c.Read.No <= me.readNo {
			return noOp, nil
		}
		me.readNo = c.Read.No
		put(t, t.members, at, me)
		return t.append(c, chat.Event{Read: c.Read})

	case c.Kind == chat.NotifyChanged && c.Notify != nil:
		at := place{c.Notify.Room, user}
		if !t.listed[at] {
			return chat.Result{}, chat.ErrNotFound
		}
		if t.notify[at] == c.Notify.Level {
			return noOp, nil
		}
		put(t, t.notify, at, c.Notify.Level)
		return t.append(c, chat.Event{Notify: c.Notify})

	case c.Kind == chat.SessionRevoked:
		if c.Account != nil {
			a, ok := t.accounts[user]
			if !ok {
				return chat.Result{}, chat.ErrNotFound
			}
			if c.Was != "" && c.Was != a.Password {
				return chat.Result{}, chat.ErrConflict
			}
			a.Password = c.Account.Password
			put(t, t.accounts, user, a)
		}
		var gone []chat.SessionID
		for id, s := range t.sessions {
			if s.User == user && (len(c.Sessions) == 0 || slices.Contains(c.Sessions, id)) {
				del(t, t.sessions, id)
				gone = append(gone, id)
			}
		}
		if len(gone) == 0 && c.Account == nil {
			return noOp, nil
		}
		slices.Sort(gone)
		return t.append(c, chat.Event{Sessions: gone})
	}
	return chat.Result{}, errChange(c)
}

func milli(m chat.Mute) chat.Mute {
	m.Until = m.Until.UTC().Truncate(time.Millisecond)
	return m
}

func (t *tx) inServer(c chat.Change) (chat.Result, error) {
	switch {
	case c.Kind == chat.UserCreated && c.User != nil && c.Account != nil:
		if c.Invite != "" {
			if i, ok := t.invites[c.Invite]; !ok || !c.At.Before(i.ExpiresAt) {
				return chat.Result{}, chat.ErrNotFound
			}
		}
		_, idTaken := t.accounts[c.Account.ID]
		_, nameTaken := t.names[c.Account.NameKey]
		if idTaken || nameTaken {
			return chat.Result{}, chat.ErrConflict
		}
		del(t, t.invites, c.Invite)
		put(t, t.accounts, c.Account.ID, *c.Account)
		put(t, t.names, c.Account.NameKey, c.Account.ID)
		return t.append(c, chat.Event{User: c.User})

	case c.Kind == chat.UserUpdated && c.User != nil && c.Account != nil:
		if err := t.replace(*c.Account, c.WasUser); err != nil {
			return chat.Result{}, err
		}
		return t.append(c, chat.Event{User: c.User})
	}
	return chat.Result{}, errChange(c)
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
	if holder, taken := t.names[a.NameKey]; taken && holder != a.ID {
		return chat.ErrConflict
	}
	a.Password = old.Password
	del(t, t.names, old.NameKey)
	put(t, t.names, a.NameKey, a.ID)
	put(t, t.accounts, a.ID, a)
	return nil
}
