package redisstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// Room implements [chat.Store].
func (s *Store) Room(ctx context.Context, id chat.RoomID) (r chat.Room, err error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return chat.Room{}, err
	}
	defer cancel()
	r, err = scanRoom(s.client.Do(ctx, s.roomField(id)).ToMessage())
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
	v, err := s.view(ctx, id, user)
	return v, failed("view of "+string(id), err)
}

func viewArgs(user chat.UserID) []string { return []string{string(user), num(chat.MaxListed)} }

// view reads a room as the person sees it and, at the same time, the
// notification level from their own slot.
func (s *Store) view(ctx context.Context, id chat.RoomID, user chat.UserID) (v chat.RoomView, err error) {
	keys, args := s.viewKeys(id), viewArgs(user)
	level := s.client.B().Hget().Key(s.keys.user(user, "rooms")).Field(string(id)).Build()
	replies := s.client.DoMulti(ctx, s.command(&viewScript, false, keys, args), level)
	reply, err := replies[0].ToMessage()
	if isNoScript(err) {
		reply, err = s.send(ctx, &viewScript, true, keys, args)
	}
	if err != nil {
		return v, err
	}
	if v, err = s.scanView(id, reply); err != nil {
		return v, err
	}
	listed, err := replies[1].ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return v, err
	}
	v.Notify = levelOf(listed)
	return v, nil
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
	if v.Room, err = scanRoom(r[1], nil); err != nil {
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
	me, _, err := scanMember(id, "", place)
	if err != nil {
		return v, err
	}
	if v.ReadNo, _, err = scanRead(r[4]); err != nil {
		return v, err
	}
	if v.Members, err = r[5].AsInt64(); err != nil {
		return v, err
	}
	v.Position, v.HeadNo, v.Role, v.JoinedAt, v.Mute = head.Position, head.No, me.Role, me.JoinedAt, me.Mute
	var mark rueidis.RedisMessage
	if len(r) > 10 {
		mark = r[7]
		if v.Deleted, err = scanFind(r[8]); err != nil {
			return v, err
		}
		slices.Reverse(v.Deleted)
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
	listed, err := s.client.Do(ctx, s.client.B().Hgetall().Key(s.keys.user(user, "rooms")).Build()).AsStrMap()
	if err != nil {
		return nil, failed("views", err)
	}
	ids := slices.Sorted(maps.Keys(listed))
	keys := make([][]string, len(ids))
	for i, id := range ids {
		keys[i] = s.viewKeys(chat.RoomID(id))
	}
	replies, err := s.runMany(ctx, &viewScript, keys, viewArgs(user))
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
		v.Notify = levelOf(listed[ids[i]])
		views = append(views, v)
	}
	return views, nil
}

// ListedRooms implements [chat.Store].
func (s *Store) ListedRooms(ctx context.Context, user chat.UserID) ([]chat.RoomID, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	listed, err := s.client.Do(ctx, s.client.B().Hkeys().Key(s.keys.user(user, "rooms")).Build()).AsStrSlice()
	if err != nil {
		return nil, failed("rooms on a list", err)
	}
	ids := make([]chat.RoomID, len(listed))
	for i, id := range listed {
		ids[i] = chat.RoomID(id)
	}
	return ids, nil
}

// PublicRooms implements [chat.Store].
func (s *Store) PublicRooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return s.listedRooms(ctx, "public", after, limit)
}

// Rooms implements [chat.Store].
func (s *Store) Rooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return s.listedRooms(ctx, "rooms", after, limit)
}

func (s *Store) listedRooms(ctx context.Context, list string, after chat.RoomID,
	limit int) (rooms []chat.Room, err error) {
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
		ids, err := s.client.Do(ctx, s.client.B().Zrange().Key(s.keys.server(list)).Min(from).Max(
			"+").Bylex().Limit(0, want).Build()).AsStrSlice()
		if err != nil {
			return nil, failed("rooms", err)
		}
		commands := make(rueidis.Commands, len(ids))
		for i, id := range ids {
			commands[i] = s.roomField(chat.RoomID(id))
		}
		for _, reply := range s.client.DoMulti(ctx, commands...) {
			r, err := scanRoom(reply.ToMessage())
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
	place, err := s.client.Do(ctx,
		s.client.B().Hget().Key(s.keys.room(room, "members")).Field(string(user)).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return chat.Member{}, chat.ErrNotFound
	}
	if err != nil {
		return chat.Member{}, failed("member", err)
	}
	m, _, err := scanMember(room, user, place)
	return m, failed("member", err)
}

// scanRead reads a member's read position: 0 where there is none yet. It is
// moved if the person moved it last, and not a message of theirs.
func scanRead(r rueidis.RedisMessage) (no int64, moved bool, err error) {
	text, err := r.ToString()
	if rueidis.IsRedisNil(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	text, moved = strings.CutSuffix(text, "!")
	no, err = strconv.ParseInt(text, 10, 64)
	return no, moved, err
}

// ReadPositions implements [chat.Store].
func (s *Store) ReadPositions(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]chat.ReadPosition, error) {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	k := func(what string) string { return s.keys.room(room, what) }
	ids, data, err := s.page(ctx, []string{k("order"), k("reads"), k("head")}, string(after), limit)
	if err != nil {
		return nil, failed("read positions of "+string(room), err)
	}
	reads := make([]chat.ReadPosition, len(ids))
	for i, id := range ids {
		no, _, err := scanRead(data[i])
		if err != nil {
			return nil, failed("read positions of "+string(room), err)
		}
		reads[i] = chat.ReadPosition{User: chat.UserID(id), No: no}
	}
	return reads, nil
}

// Members implements [chat.Store].
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]chat.Member, error) {
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
		if members[i], _, err = scanMember(room, chat.UserID(id), place); err != nil {
			return nil, err
		}
	}
	return members, nil
}
