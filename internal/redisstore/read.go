package redisstore

import (
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
	reply, err := s.run(ctx, &eventsScript, []string{k("head"), k("log"), k("messages")}, []string{num(first), num(int64(limit) + 1), flag})
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
	all, err := s.scanEvents(stream, r[1], r[2])
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
		if all[i].Seq != next {
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
			commands = append(commands, s.client.B().Xrange().Key(s.keys.room(v.ID, "messages")).Start(num(v.HeadNo)).End(num(v.HeadNo)).Build())
		}
	}
	for i, reply := range s.client.DoMulti(ctx, commands...) {
		rows, err := reply.ToArray()
		if err != nil {
			return err
		}
		views[i].Last = nil
		if len(rows) > 0 {
			m, err := scanRow(views[i].ID, rows[0])
			if err != nil {
				return err
			}
			views[i].Last = &m.Message
		}
	}
	return nil
}

// scanEvents reads the entries of a log and the messages among them. The event of a message that is gone is empty.
func (s *Store) scanEvents(stream chat.Stream, entries, messages rueidis.RedisMessage) ([]chat.Event, error) {
	rows, err := entries.ToArray()
	if err != nil {
		return nil, err
	}
	said, err := messages.ToArray()
	if err != nil {
		return nil, err
	}
	room, _ := stream.Room()
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
		if len(said) == 0 {
			continue // gone
		}
		m, err := scanRow(room, said[0])
		if err != nil {
			return nil, err
		}
		if num(m.No) == text {
			events[i], said = s.event(m, ""), said[1:]
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
	reply, err := s.run(ctx, &messagesScript, []string{s.keys.room(room, "head"), s.keys.room(room, "messages")},
		[]string{from, num(page.No), num(int64(max(page.Limit, 0)))})
	if err != nil {
		return nil, failed("messages", err)
	}
	rows, err := reply.ToArray()
	if err != nil {
		return nil, failed("messages", err)
	}
	if err := refusal(rows); err != nil {
		return nil, failed("messages of "+string(room), err)
	}
	messages := make([]chat.Message, len(rows))
	for i, row := range rows {
		m, err := scanRow(room, row)
		if err != nil {
			return nil, failed("messages of "+string(room), err)
		}
		messages[i] = m.Message
	}
	return messages, nil
}

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
	return []string{k("head"), k("messages"), k("members"), k("order"), k("reads")}
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
	v.Position, v.HeadNo, v.Unread, v.Role, v.JoinedAt = head.Position, head.No, max(head.No-max(v.ReadNo, v.Trimmed), 0), me.Role, me.JoinedAt
	if len(r) > 6 && !r[6].IsNil() {
		last, err := scanRow(id, r[6])
		if err != nil {
			return v, err
		}
		v.Last = &last.Message
	}
	return v, nil
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
