package sqlite

import (
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

var noOp = chat.Result{NoOp: true}

// change checks c and then writes it. After a *chat.Error nothing is written.
func (w *writer) change(c *chat.Change) (chat.Result, error) {
	r, err := w.judge(c)
	if err != nil {
		return chat.Result{}, fmt.Errorf("%s in %s: %w", c.Kind(), c.Stream, err)
	}
	return r, nil
}

func (w *writer) judge(c *chat.Change) (chat.Result, error) {
	s, err := w.stream(c.Stream)
	if err != nil {
		return chat.Result{}, err
	}
	if _, inRoom := c.Stream.Room(); inRoom {
		return w.inRoom(s, c)
	}
	if c.MustBeIn != "" {
		return chat.Result{}, chat.ErrNotFound // only rooms have members
	}
	if user, inUser := c.Stream.User(); inUser {
		return w.inUser(s, user, c)
	}
	return w.inServer(s, c)
}

// errUnknown is a bug in this package: an operation that no case handles.
func errUnknown(c *chat.Change) error { return fmt.Errorf("unknown operation %T", c.Op) }

// stream returns the end of a log, from the cache if possible.
func (w *writer) stream(name chat.Stream) (*stream, error) {
	if s, ok := w.streams[name]; ok {
		return s, nil
	}
	h, err := readHead(w.conn, name)
	if err != nil {
		return nil, err
	}
	s := &stream{head: h}
	if id, isRoom := name.Room(); isRoom && h.num != 0 {
		r, err := w.one("SELECT "+roomColumns+", members FROM rooms WHERE id = ?", string(id))
		if err != nil {
			return nil, err
		}
		if r != nil {
			room := scanRoom(r)
			s.room, s.trimmed, s.members = &room, r.num(11), r.num(15)
		}
	}
	w.streams[name] = s
	return s, nil
}

// member returns the person's membership in the room of s.
func (w *writer) member(s *stream, user chat.UserID) (*member, error) {
	at := memberKey{s.num, user}
	if me, ok := w.members[at]; ok {
		return me, nil
	}
	r, err := w.one("SELECT "+memberColumns+
		", read_no, spoke FROM members WHERE room = ? AND user = ?", s.num, string(user))
	if err != nil {
		return nil, err
	}
	me := &member{}
	if r != nil {
		me = &member{in: true, readNo: max(r.num(4), w.reads.pending[at]), spoke: r.num(5)}
		if me.Member, err = scanMember(r, s.room.ID); err != nil {
			return nil, err
		}
	}
	w.members[at] = me
	return me, nil
}

// number assigns a number to the stream if it has none.
func (w *writer) number(s *stream, name chat.Stream) error {
	if s.num != 0 {
		return nil
	}
	r, err := w.one("INSERT INTO streams (name) VALUES (?) RETURNING num", string(name))
	if err != nil {
		return err
	}
	s.num = r.num(0)
	return nil
}

// next is the event of c right after the end of s.
func (w *writer) next(s *stream, c *chat.Change, payload chat.Event) chat.Event {
	e := c.Event(payload)
	e.Epoch, e.Seq, e.Prev = w.epoch, s.seq+1, s.id
	return e
}

// append writes an event other than a message to the end of s.
func (w *writer) append(s *stream, c *chat.Change, e chat.Event) (chat.Result, error) {
	if err := w.number(s, c.Stream); err != nil {
		return chat.Result{}, err
	}
	e = w.next(s, c, e).Clone()
	payload, err := encodeBody(&e)
	if err != nil {
		return chat.Result{}, err
	}
	if _, err := w.exec("INSERT INTO events (id, no, event, prev, kind, at, by, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		key(s.num, e.Seq), s.no, e.ID, e.Prev, string(e.Kind), milli(e.At), string(e.By),
		payload); err != nil {
		return chat.Result{}, err
	}
	s.seq, s.id, s.lastIsMsg = e.Seq, e.ID, false
	if e.Seq > chat.Window && e.Seq-s.pruned >= pruneEvery {
		s.pruned = e.Seq
		err = w.pruneEvents(s)
	}
	return chat.Result{Event: e}, err
}

// pruneEvery is the number of events after which old events of a stream are
// deleted.
const pruneEvery = 64

// pruneEvents deletes events that have left the window, a bounded number at
// once. The newest of them stays: the positions of later messages are computed
// from it.
func (w *writer) pruneEvents(s *stream) error {
	_, err := w.exec(`DELETE FROM events WHERE id IN (
		SELECT id FROM events WHERE id >= ?1 AND id < (SELECT max(id) FROM events WHERE id BETWEEN ?1 AND ?2) ORDER BY id LIMIT ?3)`,
		key(s.num, 0), key(s.num, s.seq-chat.Window), int64(4*pruneEvery))
	return err
}

// inRoom checks and writes changes to a room's stream.
func (w *writer) inRoom(s *stream, c *chat.Change) (chat.Result, error) {
	if op, isNew := c.Op.(chat.CreateRoom); isNew {
		return w.createRoom(s, c, op)
	}
	if s.room == nil {
		return chat.Result{}, chat.ErrNotFound
	}
	speaker, err := w.speaker(s, c)
	if err != nil {
		return chat.Result{}, err
	}
	h := hash(c.SendHash())
	if r, err := w.sent(s, h); err != nil || r.Duplicate {
		return r, err
	}
	if err := c.MayWrite(s.room, speaker.asMember(), speaker.spokeAt()); err != nil {
		return chat.Result{}, err
	}
	switch op := c.Op.(type) {
	case chat.CreateMessage:
		return w.message(s, speaker, c, h)
	case chat.UpdateRoom:
		r := *s.room
		op.Apply(&r)
		if _, err := w.exec("UPDATE rooms SET name = ?, topic = ?, retain = ?, archived = ?, slow = ?, "+
			"announce = ? WHERE num = ?",
			r.Name, r.Topic, int64(r.Retain), flag(r.Archived), int64(r.Slow), flag(r.Announce),
			s.num); err != nil {
			return chat.Result{}, err
		}
		s.room = &r
		return w.append(s, c, chat.Event{Room: &r})
	case chat.TrimMessages:
		return w.trim(s, c, op)
	case chat.AddMember:
		return w.addMember(s, c, op)
	case chat.RemoveMember:
		return w.removeMember(s, c, op)
	case chat.UpdateMember:
		return w.updateMember(s, c, op)
	case chat.Annotation:
		return w.annotate(s, c, op)
	}
	return chat.Result{}, errUnknown(c)
}

// speaker returns the member who must be in the room, nil if no one must.
func (w *writer) speaker(s *stream, c *chat.Change) (*member, error) {
	if c.MustBeIn == "" {
		return nil, nil
	}
	me, err := w.member(s, c.MustBeIn)
	if err == nil && !me.in {
		err = chat.ErrNotFound
	}
	return me, err
}

// sent returns what a repeated send gets; Duplicate is false if it is new.
func (w *writer) sent(s *stream, h hash) (chat.Result, error) {
	if h == (hash{}) {
		return chat.Result{}, nil
	}
	first, err := w.sends.find(h)
	if err != nil || first == 0 {
		return chat.Result{}, err
	}
	e, err := readMessage(w.conn, s.room.ID, first, w.epoch)
	if err != nil || e == nil {
		return chat.Result{}, err
	}
	return chat.Result{Event: *e, Duplicate: true}, nil
}

func (w *writer) message(s *stream, speaker *member, c *chat.Change, h hash) (chat.Result, error) {
	m := c.Message()
	m.No = s.no + 1
	author, err := w.member(s, m.From)
	if err != nil {
		return chat.Result{}, err
	}
	e := w.next(s, c, chat.Event{Message: m})
	m.Seq = e.Seq
	var prev, by, send any // NULL where the row says it without
	if !s.lastIsMsg {
		prev = s.id
	}
	if c.By != m.From {
		by = string(c.By)
	}
	if h != (hash{}) {
		send = h[:]
	}
	annotations, err := encodeAnnotations(m)
	if err != nil {
		return chat.Result{}, err
	}
	id := key(s.num, m.No)
	if _, err := w.exec("INSERT INTO messages ("+messageColumns+
		", send) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		id, m.Seq, m.ID, prev, string(m.From), by, m.Text, m.ClientID, milli(m.At), annotations,
		send); err != nil {
		return chat.Result{}, err
	}
	if err := w.mention(id, nil, m); err != nil {
		return chat.Result{}, err
	}
	s.seq, s.id, s.no, s.lastIsMsg = m.Seq, m.ID, m.No, true
	if author.in && author.readNo < m.No {
		w.setRead(s, author, m.No)
	}
	if c.Slowed(s.room, speaker.asMember()) {
		speaker.spoke = milli(c.At)
		if _, err := w.exec("UPDATE members SET spoke = ? WHERE room = ? AND user = ?",
			speaker.spoke, s.num, string(speaker.User)); err != nil {
			return chat.Result{}, err
		}
	}
	if h != (hash{}) {
		if err := w.sends.add(h, s.num, m.No, milli(m.At)); err != nil {
			return chat.Result{}, err
		}
	}
	return chat.Result{Event: e}, nil
}

func (w *writer) setRead(s *stream, me *member, no int64) {
	w.reads.move(memberKey{s.num, me.User}, no)
	me.readNo = no
}

func (w *writer) createRoom(s *stream, c *chat.Change, op chat.CreateRoom) (chat.Result, error) {
	if s.room != nil {
		return chat.Result{}, chat.ErrConflict
	}
	if err := w.number(s, c.Stream); err != nil {
		return chat.Result{}, err
	}
	r := op.Room.Clone()
	if err := insertRoom(w.conn, s.num, &r, 0); err != nil {
		return chat.Result{}, err
	}
	s.room = &r
	return w.append(s, c, chat.Event{Room: &r})
}

func (w *writer) addMember(s *stream, c *chat.Change, op chat.AddMember) (chat.Result, error) {
	me, err := w.member(s, op.Member.User)
	if err != nil || me.in {
		return chat.Result{NoOp: err == nil}, err
	}
	*me = member{Member: op.In(s.room.ID), in: true, readNo: s.no}
	if err := insertMember(w.conn, s.num, &me.Member, me.readNo, 0); err != nil {
		return chat.Result{}, err
	}
	return w.countMember(s, c, me, +1)
}

func (w *writer) removeMember(s *stream, c *chat.Change, op chat.RemoveMember) (chat.Result, error) {
	me, err := w.member(s, op.User)
	if err != nil || !me.in {
		return chat.Result{NoOp: err == nil}, err
	}
	if _, err := w.exec("DELETE FROM members WHERE room = ? AND user = ?", s.num, string(me.User)); err != nil {
		return chat.Result{}, err
	}
	me.in = false
	return w.countMember(s, c, me, -1)
}

func (w *writer) updateMember(s *stream, c *chat.Change, op chat.UpdateMember) (chat.Result, error) {
	me, err := w.member(s, op.User)
	if err != nil {
		return chat.Result{}, err
	}
	if !me.in {
		return chat.Result{}, chat.ErrNotFound
	}
	op.Apply(&me.Member)
	mute, err := encodeMute(me.Mute)
	if err != nil {
		return chat.Result{}, err
	}
	if _, err := w.exec("UPDATE members SET role = ?, mute = ? WHERE room = ? AND user = ?",
		string(me.Role), mute, s.num, string(me.User)); err != nil {
		return chat.Result{}, err
	}
	return w.append(s, c, chat.Event{Member: &me.Member})
}

// trim deletes the room's oldest messages. The oldest remaining message then
// stores the id of the event before it.
func (w *writer) trim(s *stream, c *chat.Change, op chat.TrimMessages) (chat.Result, error) {
	to := min(op.To, s.no)
	if to <= s.trimmed {
		return noOp, nil
	}
	if err := w.trimAnnotations(s, to); err != nil {
		return chat.Result{}, err
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{"UPDATE messages SET prev = (SELECT event FROM messages WHERE id = ?1) WHERE id = ?1 + 1 AND prev IS NULL", []any{key(s.num, to)}},
		{"DELETE FROM messages WHERE id BETWEEN ? AND ?", []any{key(s.num, s.trimmed+1), key(s.num, to)}},
		{"UPDATE rooms SET trimmed = ? WHERE num = ?", []any{to, s.num}},
	} {
		if _, err := w.exec(step.sql, step.args...); err != nil {
			return chat.Result{}, err
		}
	}
	s.trimmed = to
	return w.append(s, c, chat.Event{Trimmed: to})
}

// countMember updates the number of members and appends the event.
func (w *writer) countMember(s *stream, c *chat.Change, me *member, n int64) (chat.Result, error) {
	s.members += n
	if _, err := w.exec("UPDATE rooms SET members = ? WHERE num = ?", s.members, s.num); err != nil {
		return chat.Result{}, err
	}
	return w.append(s, c, chat.Event{Member: &me.Member})
}
