package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// Heads implements [chat.Store].
func (s *Store) Heads(ctx context.Context, streams ...chat.Stream) ([]chat.Head, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if len(streams) == 0 {
		return nil, nil
	}
	commands := make(rueidis.Commands, len(streams))
	for i, stream := range streams {
		commands[i] = s.client.B().Hget().Key(s.keys.of(stream, "head")).Field("at").Build()
	}
	heads := make([]chat.Head, len(streams))
	for i, reply := range s.client.DoMulti(ctx, commands...) {
		at, err := reply.ToString()
		if rueidis.IsRedisNil(err) {
			if _, isRoom := streams[i].Room(); !isRoom {
				heads[i].Epoch = s.epoch
			}
			continue
		}
		if err == nil {
			heads[i], err = s.head(at)
		}
		if err != nil {
			return nil, failed("heads", err)
		}
	}
	return heads, nil
}

// head reads "<seq> <no> <whether the newest event is a message> <day of the newest send> <id>".
func (s *Store) head(at string) (h chat.Head, err error) {
	f := strings.SplitN(at, " ", 5)
	if len(f) != 5 {
		return h, fmt.Errorf("%q is no head", at)
	}
	h.Epoch, h.ID = s.epoch, f[4]
	if h.Seq, err = strconv.ParseInt(f[0], 10, 64); err != nil {
		return h, err
	}
	h.No, err = strconv.ParseInt(f[1], 10, 64)
	return h, err
}

// Events implements [chat.Store].
func (s *Store) Events(ctx context.Context, stream chat.Stream, after chat.Position, limit int) ([]chat.Event, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	events, err := s.events(ctx, stream, after, max(limit, 0))
	return events, failed(fmt.Sprintf("events of %s after %d", stream, after.Seq), err)
}

func (s *Store) events(ctx context.Context, stream chat.Stream, after chat.Position, limit int) ([]chat.Event, error) {
	_, isRoom := stream.Room()
	wrong := after.Epoch != s.epoch || after.Seq < 0 || after.Seq == 0 && after.ID != ""
	first := after.Seq // the entry at the place comes along: its id is compared
	if wrong {
		first = 0
	}
	flag := "0"
	if isRoom {
		flag = "1"
	}
	k := func(what string) string { return s.keys.of(stream, what) }
	reply, err := s.run(ctx, &eventsScript, []string{k("head"), k("log"), k("messages"), k("marks")}, []string{num(first), num(int64(limit) + 1), flag})
	if err != nil {
		return nil, err
	}
	r, err := reply.ToArray()
	if err != nil {
		return nil, err
	}
	if err := refusal(r); err != nil {
		return nil, err
	}
	if wrong {
		return nil, chat.ErrResync
	}
	all, err := s.scanEvents(stream, r[1], r[2], r[3])
	if err != nil {
		return nil, err
	}
	head, err := r[0].AsInt64()
	if err != nil {
		return nil, err
	}
	prev, next := "", after.Seq+1
	if after.Seq > 0 {
		if len(all) == 0 || all[0].Seq != after.Seq || after.ID != "" && all[0].ID != after.ID {
			return nil, chat.ErrResync
		}
		prev, all = all[0].ID, all[1:]
	}
	if len(all) == 0 && limit > 0 && after.Seq < head {
		return nil, chat.ErrResync
	}
	all = all[:min(len(all), limit)]
	if err := s.lastMessages(ctx, all); err != nil {
		return nil, err
	}
	for i := range all {
		if _, changed := becomes[all[i].Kind]; all[i].Seq != next || changed && all[i].Message == nil && all[i].Reaction == nil {
			return nil, chat.ErrResync // the oldest are gone, or messages
		}
		all[i].Prev = prev
		prev, next = all[i].ID, next+1
	}
	return all, nil
}

// lastMessages has the views among events show their last message as it is now.
func (s *Store) lastMessages(ctx context.Context, events []chat.Event) error {
	var views []*chat.RoomView
	var commands rueidis.Commands
	for i := range events {
		if v := events[i].View; v != nil && v.HeadNo > 0 {
			views = append(views, v)
			// The mark is read after the message: one that is deleted between the two has it.
			commands = append(commands,
				s.client.B().Xrange().Key(s.keys.room(v.ID, "messages")).Start(num(v.HeadNo)).End(num(v.HeadNo)).Build(),
				s.client.B().Hget().Key(s.keys.room(v.ID, "marks")).Field(num(v.HeadNo)).Build())
		}
	}
	replies := s.client.DoMulti(ctx, commands...)
	for i, v := range views {
		rows, err := replies[2*i].ToArray()
		if err != nil {
			return err
		}
		var row rueidis.RedisMessage
		if len(rows) > 0 {
			row = rows[0]
		}
		mark, err := replies[2*i+1].ToMessage()
		if err != nil && !rueidis.IsRedisNil(err) {
			return err
		}
		if v.Last, err = scanLast(v.ID, v.HeadNo, row, mark); err != nil {
			return err
		}
	}
	return nil
}

// scanLast reads a message and its mark, either of which may be nil.
func scanLast(room chat.RoomID, no int64, row, mark rueidis.RedisMessage) (*chat.Message, error) {
	k, err := scanMark(mark)
	if err != nil {
		return nil, err
	}
	var m stored
	switch {
	case row.IsArray():
		m, err = scanRow(room, row)
	case k != nil && k.ID != "":
		m, err = k.place(room, no)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if k != nil {
		k.show(&m.Message)
	}
	return &m.Message, nil
}

// scanEvents reads the entries of a log and the messages among them. Where a message is gone, the event that made it is empty, and one
// that changed it has none.
func (s *Store) scanEvents(stream chat.Stream, entries, messages, marks rueidis.RedisMessage) ([]chat.Event, error) {
	rows, err := entries.ToArray()
	if err != nil {
		return nil, err
	}
	room, _ := stream.Room()
	all, err := scanMarked(room, messages, marks)
	if err != nil {
		return nil, err
	}
	said := make(map[int64]*stored, len(all))
	for i := range all {
		said[all[i].No] = &all[i]
	}
	events := make([]chat.Event, len(rows))
	for i, row := range rows {
		seq, fields, err := entry(row)
		if err != nil {
			return nil, err
		}
		kind, err := fields[0].ToString()
		if err != nil {
			return nil, err
		}
		text, err := fields[1].ToString()
		if err != nil {
			return nil, err
		}
		if kind == "r" {
			if events[i], err = s.readMoved(stream, seq, text); err != nil {
				return nil, err
			}
			continue
		}
		if kind == "e" {
			if events[i], err = s.decode(text); err != nil {
				return nil, err
			}
			continue
		}
		if kind == "x" {
			if events[i], err = s.reacted(stream, seq, text); err != nil {
				return nil, err
			}
			continue
		}
		if kind == "c" {
			e, err := s.changed(stream, seq, text)
			if err != nil {
				return nil, err
			}
			m := said[e.Message.No]
			if e.Message = nil; m != nil {
				e.Message = m.Clone()
			}
			events[i] = e
			continue
		}
		no, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("event %d of %s: %w", seq, stream, err)
		}
		if m := said[no]; m != nil {
			events[i] = s.event(*m, "")
		}
	}
	return events, nil
}

// readMoved reads "<id> <at> <by> <no> <room>", the entry of a read.moved.
func (s *Store) readMoved(stream chat.Stream, seq int64, text string) (chat.Event, error) {
	f := strings.SplitN(text, " ", 5)
	if len(f) != 5 {
		return chat.Event{}, fmt.Errorf("event %d of %s: %q", seq, stream, text)
	}
	at, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return chat.Event{}, fmt.Errorf("event %d of %s: %w", seq, stream, err)
	}
	no, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return chat.Event{}, fmt.Errorf("event %d of %s: %w", seq, stream, err)
	}
	return chat.Event{
		Stream: stream, Epoch: s.epoch, Seq: seq, ID: f[0], Kind: chat.ReadMoved, At: unmilli(at), By: chat.UserID(f[2]),
		Read: &chat.Read{Room: chat.RoomID(f[4]), No: no},
	}, nil
}

// Messages implements [chat.Store].
func (s *Store) Messages(ctx context.Context, room chat.RoomID, page chat.Page) ([]chat.Message, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	from := map[chat.PageFrom]string{chat.Newest: "newest", chat.Before: "before", chat.After: "after", chat.Around: "around"}[page.From]
	reply, err := s.run(ctx, &messagesScript, s.pageKeys(room), []string{from, num(page.No), num(int64(max(page.Limit, 0)))})
	if err != nil {
		return nil, failed("messages", err)
	}
	all, err := scanPage(room, reply)
	if err != nil {
		return nil, failed("messages of "+string(room), err)
	}
	messages := make([]chat.Message, len(all))
	for i := range all {
		messages[i] = all[i].Message
	}
	return messages, nil
}

func (s *Store) pageKeys(room chat.RoomID) []string {
	return []string{s.keys.room(room, "head"), s.keys.room(room, "messages"), s.keys.room(room, "marks")}
}

// scanPage reads {-1}, nothing, or {rows} or {rows, marks}.
func scanPage(room chat.RoomID, reply rueidis.RedisMessage) ([]stored, error) {
	r, err := reply.ToArray()
	if err != nil || len(r) == 0 {
		return nil, err
	}
	if err := refusal(r); err != nil {
		return nil, err
	}
	if len(r) > 1 {
		return scanMarked(room, r[0], r[1])
	}
	rows, err := r[0].ToArray()
	if err != nil {
		return nil, err
	}
	all := make([]stored, len(rows))
	for i, row := range rows {
		if all[i], err = scanRow(room, row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Pinned implements [chat.Store].
func (s *Store) Pinned(ctx context.Context, room chat.RoomID) ([]chat.Message, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	k := func(what string) string { return s.keys.room(room, what) }
	reply, err := s.run(ctx, &pinsScript, []string{k("head"), k("messages"), k("marks"), k("marked")}, nil)
	if err != nil {
		return nil, failed("pinned messages", err)
	}
	all, err := scanPage(room, reply)
	if err != nil {
		return nil, failed("pinned messages of "+string(room), err)
	}
	messages := make([]chat.Message, len(all))
	for i := range all {
		messages[i] = all[i].Message
	}
	slices.SortFunc(messages, func(a, b chat.Message) int { return cmp.Or(b.PinnedAt.Compare(a.PinnedAt), cmp.Compare(b.No, a.No)) })
	return messages, nil
}

// Edits implements [chat.Store].
func (s *Store) Edits(ctx context.Context, room chat.RoomID, no int64) ([]chat.Edit, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	replies := s.client.DoMulti(ctx,
		s.client.B().Hexists().Key(s.keys.room(room, "head")).Field("at").Build(),
		s.client.B().Hget().Key(s.keys.room(room, "marks")).Field(num(no)).Build())
	if there, err := replies[0].AsBool(); err != nil {
		return nil, failed("edits", err)
	} else if !there {
		return nil, failed("edits in "+string(room), chat.ErrNotFound)
	}
	reply, err := replies[1].ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, failed("edits", err)
	}
	k, err := scanMark(reply)
	if err != nil || k == nil || k.Edits == 0 {
		return nil, failed("edits", err)
	}
	edits, err := s.edits(ctx, room, no, k.Edits)
	return edits, failed("edits", err)
}

// edits reads as many earlier texts of a message.
func (s *Store) edits(ctx context.Context, room chat.RoomID, no, n int64) (edits []chat.Edit, err error) {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = editField(no, int64(i)+1)
	}
	replies, err := s.client.Do(ctx, s.client.B().Hmget().Key(s.keys.room(room, "edits")).Field(fields...).Build()).ToArray()
	if err != nil {
		return nil, err
	}
	for _, r := range replies {
		if r.IsNil() {
			return nil, nil // deleted meanwhile
		}
		e, err := scanEdit(r)
		if err != nil {
			return nil, err
		}
		edits = append(edits, e)
	}
	return edits, nil
}

func editField(no, n int64) string { return num(no) + " " + num(n) }

// Room implements [chat.Store].
func (s *Store) Room(ctx context.Context, id chat.RoomID) (r chat.Room, err error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Room{}, err
	}
	defer cancel()
	err = s.client.Do(ctx, s.roomField(id)).DecodeJSON(&r)
	if rueidis.IsRedisNil(err) {
		return chat.Room{}, chat.ErrNotFound
	}
	return r, failed("room", err)
}

func (s *Store) roomField(id chat.RoomID) rueidis.Completed {
	return s.client.B().Hget().Key(s.keys.room(id, "head")).Field("room").Build()
}

func (s *Store) viewKeys(id chat.RoomID) []string {
	k := func(what string) string { return s.keys.room(id, what) }
	return []string{k("head"), k("messages"), k("members"), k("order"), k("reads"), k("marks"), k("marked")}
}

// View implements [chat.Store].
func (s *Store) View(ctx context.Context, id chat.RoomID, user chat.UserID) (chat.RoomView, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.RoomView{}, err
	}
	defer cancel()
	reply, err := s.run(ctx, &viewScript, s.viewKeys(id), []string{string(user)})
	if err != nil {
		return chat.RoomView{}, failed("view", err)
	}
	v, err := s.scanView(id, reply)
	return v, failed("view of "+string(id), err)
}

func (s *Store) scanView(id chat.RoomID, reply rueidis.RedisMessage) (v chat.RoomView, err error) {
	r, err := reply.ToArray()
	if err != nil {
		return v, err
	}
	if len(r) == 0 {
		return v, chat.ErrNotFound
	}
	at, err := r[0].ToString()
	if err != nil {
		return v, err
	}
	head, err := s.head(at)
	if err != nil {
		return v, err
	}
	if err := r[1].DecodeJSON(&v.Room); err != nil {
		return v, err
	}
	text, err := r[2].ToString()
	if err != nil {
		return v, err
	}
	text, _, _ = strings.Cut(text, " ")
	if v.Trimmed, err = strconv.ParseInt(text, 10, 64); err != nil {
		return v, err
	}
	place, err := r[3].ToString()
	if err != nil {
		return v, err
	}
	me, err := scanMember(id, "", place)
	if err != nil {
		return v, err
	}
	read, err := r[4].ToString()
	if err != nil {
		return v, err
	}
	if v.ReadNo, err = strconv.ParseInt(strings.TrimSuffix(read, "!"), 10, 64); err != nil {
		return v, err
	}
	if v.Members, err = r[5].AsInt64(); err != nil {
		return v, err
	}
	v.Position, v.HeadNo, v.Role, v.JoinedAt = head.Position, head.No, me.Role, me.JoinedAt
	var mark rueidis.RedisMessage
	if len(r) > 10 {
		mark = r[7]
		if v.Deleted, err = scanFind(r[8]); err != nil {
			return v, err
		}
		for _, found := range r[9:11] {
			numbers, err := scanFind(found)
			if err != nil {
				return v, err
			}
			v.Mentions = append(v.Mentions, numbers...)
		}
		slices.Sort(v.Mentions)
		v.Mentions = slices.Compact(v.Mentions)
	}
	v.Count()
	v.Last, err = scanLast(id, v.HeadNo, r[6], mark)
	return v, err
}

// Views implements [chat.Store].
func (s *Store) Views(ctx context.Context, user chat.UserID) ([]chat.RoomView, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	ids, err := s.client.Do(ctx, s.client.B().Hkeys().Key(s.keys.user(user, "rooms")).Build()).AsStrSlice()
	if err != nil {
		return nil, failed("views", err)
	}
	slices.Sort(ids)
	keys := make([][]string, len(ids))
	for i, id := range ids {
		keys[i] = s.viewKeys(chat.RoomID(id))
	}
	replies, err := s.runMany(ctx, &viewScript, keys, []string{string(user)})
	if err != nil {
		return nil, failed("views", err)
	}
	var views []chat.RoomView
	for i, reply := range replies {
		m, err := reply.ToMessage()
		if err != nil {
			return nil, failed("views", err)
		}
		v, err := s.scanView(chat.RoomID(ids[i]), m)
		if isRefusal(err) {
			continue
		}
		if err != nil {
			return nil, failed("view of "+ids[i], err)
		}
		views = append(views, v)
	}
	return views, nil
}

// PublicRooms implements [chat.Store].
func (s *Store) PublicRooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return s.listedRooms(ctx, "public", after, limit)
}

// Rooms implements [chat.Store].
func (s *Store) Rooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return s.listedRooms(ctx, "rooms", after, limit)
}

func (s *Store) listedRooms(ctx context.Context, list string, after chat.RoomID, limit int) (rooms []chat.Room, err error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	for len(rooms) < limit {
		from := "-"
		if after != "" {
			from = "(" + string(after)
		}
		want := int64(limit - len(rooms))
		ids, err := s.client.Do(ctx, s.client.B().Zrange().Key(s.keys.server(list)).Min(from).Max("+").Bylex().Limit(0, want).Build()).AsStrSlice()
		if err != nil {
			return nil, failed("rooms", err)
		}
		commands := make(rueidis.Commands, len(ids))
		for i, id := range ids {
			commands[i] = s.roomField(chat.RoomID(id))
		}
		for _, reply := range s.client.DoMulti(ctx, commands...) {
			var r chat.Room
			err := reply.DecodeJSON(&r)
			if rueidis.IsRedisNil(err) {
				continue // listed, and not made
			}
			if err != nil {
				return nil, failed("rooms", err)
			}
			rooms = append(rooms, r)
		}
		if int64(len(ids)) < want {
			break
		}
		after = chat.RoomID(ids[len(ids)-1])
	}
	return rooms, nil
}

// CountRooms implements [chat.Store].
func (s *Store) CountRooms(ctx context.Context, createdBy chat.UserID) (int, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	n, err := s.client.Do(ctx, s.client.B().Scard().Key(s.keys.user(createdBy, "created")).Build()).AsInt64()
	return int(n), failed("count rooms", err)
}

// Member implements [chat.Store].
func (s *Store) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Member, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Member{}, err
	}
	defer cancel()
	place, err := s.client.Do(ctx, s.client.B().Hget().Key(s.keys.room(room, "members")).Field(string(user)).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return chat.Member{}, chat.ErrNotFound
	}
	if err != nil {
		return chat.Member{}, failed("member", err)
	}
	m, err := scanMember(room, user, place)
	return m, failed("member", err)
}

// scanMember reads "<role> <time of joining>".
func scanMember(room chat.RoomID, user chat.UserID, place string) (chat.Member, error) {
	role, joined, _ := strings.Cut(place, " ")
	at, err := time.Parse(time.RFC3339Nano, joined)
	if err != nil {
		return chat.Member{}, fmt.Errorf("member %s of %s: %w", user, room, err)
	}
	return chat.Member{Room: room, User: user, Role: chat.RoomRole(role), JoinedAt: at.UTC()}, nil
}

// Members implements [chat.Store].
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	k := func(what string) string { return s.keys.room(room, what) }
	ids, data, err := s.page(ctx, []string{k("order"), k("members"), k("head")}, string(after), limit)
	if err != nil {
		return nil, failed("members of "+string(room), err)
	}
	members := make([]chat.Member, len(ids))
	for i, id := range ids {
		place, err := data[i].ToString()
		if err != nil {
			return nil, failed("members of "+string(room), err)
		}
		if members[i], err = scanMember(room, chat.UserID(id), place); err != nil {
			return nil, err
		}
	}
	return members, nil
}
