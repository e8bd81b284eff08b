package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// Source reads all data under a prefix, for a migration. It changes nothing.
type Source struct{ *Store }

var _ migrate.Source = (*Source)(nil)

var (
	transferHeadScript     = load("transferhead")
	transferMessagesScript = load("transfermessages")
	transferSendsScript    = loadReading("transfersends")
)

// OpenSource opens the data under the prefix. No server should use them at the
// same time, see [Store.Nodes].
func OpenSource(ctx context.Context, client rueidis.Client, prefix string) (*Source, error) {
	s := bare(client, prefix)
	about, err := client.Do(ctx, client.B().Hgetall().Key(s.keys.server("about")).Build()).AsStrMap()
	if err != nil {
		return nil, failed("open the source", err)
	}
	if about["epoch"] == "" {
		return nil, fmt.Errorf("there is no data under %q", s.keys.prefix)
	}
	if n, err := strconv.Atoi(about["layout"]); err != nil || n > layout {
		return nil, fmt.Errorf("the data under %q have layout %q, and this version knows %d",
			s.keys.prefix, about["layout"], layout)
	}
	if err := s.whole(about); err != nil {
		return nil, err
	}
	s.epoch = about["epoch"]
	return &Source{s}, nil
}

// bare returns a store without reading any data.
func bare(client rueidis.Client, prefix string) *Store {
	return &Store{client: client, keys: keys{cmp.Or(prefix, "parley")}, log: slog.New(slog.DiscardHandler)}
}

// Nodes returns the servers that use the data. A killed server is listed until
// its lease ends.
func (s *Store) Nodes(ctx context.Context) ([]string, error) {
	t, err := s.client.Do(ctx, s.client.B().Time().Build()).AsIntSlice()
	if err != nil {
		return nil, failed("time", err)
	}
	now := t[0]*1000 + t[1]/1000
	nodes, err := s.client.Do(ctx,
		s.client.B().Zrange().Key(s.keys.server("nodes")).Min(num(now)).Max(
			"+inf").Byscore().Build()).AsStrSlice()
	return nodes, failed("nodes", err)
}

// Epoch implements [migrate.Source].
func (s *Source) Epoch() string { return s.epoch }

// ids returns up to limit ids > after of a sorted set whose scores are the
// same.
func (s *Source) ids(ctx context.Context, key, after string, limit int) ([]string, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	return s.client.Do(ctx, s.client.B().Zrange().Key(key).Min(from).Max("+").Bylex().Limit(0,
		int64(limit)).Build()).AsStrSlice()
}

// headCommands read the end of a log: what scanEnd takes.
func (s *Source) headCommands(stream chat.Stream) rueidis.Commands {
	return rueidis.Commands{
		s.client.B().Hmget().Key(s.keys.of(stream, "head")).Field("at", "room", "trimmed").Build(),
		s.client.B().Xrevrange().Key(s.keys.of(stream, "log")).End("+").Start("-").Count(1).Build(),
	}
}

// scanEnd returns the end of a log, and the number of the newest message.
func (s *Source) scanEnd(stream chat.Stream, fields []rueidis.RedisMessage,
	log rueidis.RedisResult) (h migrate.Head, no int64, err error) {
	rows, err := log.ToArray()
	if err != nil || fields[0].IsNil() {
		return h, 0, err
	}
	at, err := fields[0].ToString()
	if err != nil {
		return h, 0, err
	}
	head, err := s.head(at)
	if err != nil {
		return h, 0, err
	}
	h.Seq, h.ID, no = head.Seq, head.ID, head.No
	if len(rows) == 0 {
		return h, no, fmt.Errorf("the log of %s is empty, and its newest event is said to be %d",
			stream, h.Seq)
	}
	seq, entry, err := entry(rows[0])
	if err != nil {
		return h, no, err
	}
	if seq != h.Seq || len(entry) < 2 {
		return h, no, fmt.Errorf("the log of %s ends with %d, and its newest event is said to be %d", stream, seq, h.Seq)
	}
	kind, err := entry[0].ToString()
	if err != nil || kind == "m" {
		return h, no, err
	}
	text, err := entry[1].ToString()
	if err != nil {
		return h, no, err
	}
	switch kind {
	case "c":
		e, err := s.changed(stream, seq, text)
		h.Event = &e
		return h, no, err
	case "x":
		e, err := s.reacted(stream, seq, text)
		h.Event = &e
		return h, no, err
	case "r":
		e, err := s.readMoved(stream, seq, text)
		h.Event = &e
		return h, no, err
	}
	e, err := s.decode(text)
	h.Event = &e
	return h, no, err
}

// scanTrimmed reads "<number> <id>": the newest message that is gone.
func scanTrimmed(field rueidis.RedisMessage) (no int64, id string, err error) {
	if field.IsNil() {
		return 0, "", nil
	}
	text, err := field.ToString()
	if err != nil {
		return 0, "", err
	}
	text, id, _ = strings.Cut(text, " ")
	no, err = strconv.ParseInt(text, 10, 64)
	return no, id, err
}

// Rooms implements [migrate.Source].
func (s *Source) Rooms(ctx context.Context, after chat.RoomID, limit int) ([]migrate.Room, error) {
	for {
		ids, err := s.ids(ctx, s.keys.server("rooms"), string(after), limit)
		if err != nil || len(ids) == 0 {
			return nil, failed("rooms", err)
		}
		var commands rueidis.Commands
		for _, id := range ids {
			commands = append(commands, s.headCommands(chat.RoomStream(chat.RoomID(id)))...)
		}
		replies := s.client.DoMulti(ctx, commands...)
		var rooms []migrate.Room
		for i, id := range ids {
			fields, err := replies[2*i].ToArray()
			if err != nil {
				return nil, failed("room "+id, err)
			}
			if fields[1].IsNil() {
				continue // listed, and not made
			}
			var r migrate.Room
			if r.Room, err = scanRoom(fields[1], nil); err != nil {
				return nil, failed("room "+id, err)
			}
			if r.Head, r.No, err = s.scanEnd(chat.RoomStream(r.Room.ID), fields, replies[2*i+1]); err != nil {
				return nil, failed("room "+id, err)
			}
			if r.Trimmed, _, err = scanTrimmed(fields[2]); err != nil {
				return nil, failed("room "+id, err)
			}
			rooms = append(rooms, r)
		}
		if len(rooms) > 0 {
			return rooms, nil
		}
		after = chat.RoomID(ids[len(ids)-1])
	}
}

// Members implements [migrate.Source].
func (s *Source) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]migrate.Member, error) {
	ids, err := s.ids(ctx, s.keys.room(room, "order"), string(after), limit)
	if err != nil || len(ids) == 0 {
		return nil, failed("members of "+string(room), err)
	}
	replies := s.client.DoMulti(ctx,
		s.client.B().Hmget().Key(s.keys.room(room, "members")).Field(ids...).Build(),
		s.client.B().Hmget().Key(s.keys.room(room, "reads")).Field(ids...).Build())
	places, err := replies[0].ToArray()
	if err != nil {
		return nil, failed("members of "+string(room), err)
	}
	reads, err := replies[1].ToArray()
	if err != nil {
		return nil, failed("reads of "+string(room), err)
	}
	members := make([]migrate.Member, len(ids))
	for i, id := range ids {
		place, err := places[i].ToString()
		if err != nil {
			return nil, failed("member "+id+" of "+string(room), err)
		}
		if members[i].Member, members[i].Spoke, err = scanMember(room, chat.UserID(id), place); err != nil {
			return nil, err
		}
		if members[i].ReadNo, _, err = scanRead(reads[i]); err != nil {
			return nil, failed("reads of "+string(room), err)
		}
	}
	return members, nil
}

// Messages implements [migrate.Source].
func (s *Source) Messages(ctx context.Context, room chat.RoomID, after int64,
	limit int) ([]migrate.Message, error) {
	reply, err := s.run(ctx, &messagesScript, s.pageKeys(room),
		[]string{"after", num(after), strconv.Itoa(limit)})
	if err != nil {
		return nil, failed("messages of "+string(room), err)
	}
	all, err := scanPage(room, reply)
	if err != nil {
		return nil, failed("messages of "+string(room), err)
	}
	messages := make([]migrate.Message, len(all))
	for i, m := range all {
		messages[i] = migrate.Message{Message: m.Message, By: m.by, Prev: m.prev}
		if m.edits > 0 {
			if messages[i].Edits, err = s.edits(ctx, room, m.No, m.edits); err != nil {
				return nil, failed("edits in "+string(room), err)
			}
		}
	}
	if after == 0 && len(messages) > 0 && messages[0].No > 1 && messages[0].Prev == "" {
		// The message before is gone, and its id is to be had from the room
		// only.
		field, err := s.client.Do(ctx,
			s.client.B().Hget().Key(s.keys.room(room, "head")).Field("trimmed").Build()).ToMessage()
		if err != nil && !rueidis.IsRedisNil(err) {
			return nil, failed("messages of "+string(room), err)
		}
		if _, messages[0].Prev, err = scanTrimmed(field); err != nil {
			return nil, failed("messages of "+string(room), err)
		}
	}
	return messages, nil
}

// People implements [migrate.Source].
func (s *Source) People(ctx context.Context, after chat.UserID, limit int) ([]migrate.Person, error) {
	ids, err := s.ids(ctx, s.keys.server("order"), string(after), limit)
	if err != nil || len(ids) == 0 {
		return nil, failed("people", err)
	}
	arriving, err := s.client.Do(ctx,
		s.client.B().Hmget().Key(s.keys.server("arriving")).Field(ids...).Build()).ToArray()
	if err != nil {
		return nil, failed("people", err)
	}
	var commands rueidis.Commands
	for _, id := range ids {
		user := chat.UserID(id)
		commands = append(commands, s.accountFields(user),
			s.client.B().Hget().Key(s.keys.user(user, "account")).Field("v").Build(),
			s.client.B().Hgetall().Key(s.keys.user(user, "rooms")).Build(),
			s.client.B().Hgetall().Key(s.keys.user(user, "sessions")).Build())
		commands = append(commands, s.headCommands(chat.UserStream(user))...)
	}
	const each = 6
	replies := s.client.DoMulti(ctx, commands...)
	people := make([]migrate.Person, len(ids))
	for i, id := range ids {
		if people[i], err = s.person(chat.UserID(id), arriving[i], replies[each*i:each*(i+1)]); err != nil {
			return nil, failed("person "+id, err)
		}
	}
	return people, nil
}

func (s *Source) person(user chat.UserID, arriving rueidis.RedisMessage,
	r []rueidis.RedisResult) (p migrate.Person, err error) {
	fields, err := r[0].ToArray()
	if err != nil {
		return p, err
	}
	version, err := r[1].AsInt64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return p, err
	}
	var ok bool
	if p.Account, ok, err = scanAccount(fields); err != nil {
		return p, err
	}
	if !arriving.IsNil() { // a crash came between the two slots
		text, err := arriving.ToString()
		if err != nil {
			return p, err
		}
		newer, a, err := scanArriving(text)
		if err != nil {
			return p, err
		}
		if ok {
			a.Password = p.Account.Password // as account.lua: only a change of its own replaces one
		}
		if !ok || newer > version {
			p.Account, ok = a, true
		}
	}
	if !ok {
		return p, errors.New("the account is neither in its place nor arriving")
	}
	listed, err := r[2].AsStrMap()
	if err != nil {
		return p, err
	}
	for _, room := range slices.Sorted(maps.Keys(listed)) {
		p.Rooms = append(p.Rooms, migrate.Listed{Room: chat.RoomID(room), Notify: levelOf(listed[room])})
	}
	sessions, err := r[3].AsStrMap()
	if err != nil {
		return p, err
	}
	if p.Sessions, err = scanSessions(user, sessions); err != nil {
		return p, err
	}
	slices.SortFunc(p.Sessions, func(a, b chat.Session) int { return cmp.Compare(a.ID, b.ID) })
	head, err := r[4].ToArray()
	if err != nil {
		return p, err
	}
	p.Head, _, err = s.scanEnd(chat.UserStream(user), head, r[5])
	return p, err
}

// Invites implements [migrate.Source].
func (s *Source) Invites(ctx context.Context, after chat.Invite, limit int) ([]chat.Invite, error) {
	b := s.client.B
	first := int64(0)
	if after.ID != "" {
		rank, err := s.client.Do(ctx, b().Zrank().Key(s.keys.server("recent")).Member(
			after.ID).Build()).AsInt64()
		if err != nil {
			return nil, failed("invites", err)
		}
		first = rank + 1
	}
	ids, err := s.client.Do(ctx, b().Zrange().Key(s.keys.server("recent")).Min(num(first)).Max(
		num(first+int64(limit)-1)).Build()).AsStrSlice()
	if err != nil || len(ids) == 0 {
		return nil, failed("invites", err)
	}
	data, err := s.client.Do(ctx, b().Hmget().Key(s.keys.server("invites")).Field(ids...).Build()).ToArray()
	if err != nil {
		return nil, failed("invites", err)
	}
	invites := make([]chat.Invite, len(ids))
	for i := range ids {
		var k keptInvite
		if err := data[i].DecodeJSON(&k); err != nil {
			return nil, failed("invite "+ids[i], err)
		}
		invites[i] = k.invite()
	}
	return invites, nil
}

// Server implements [migrate.Source].
func (s *Source) Server(ctx context.Context) (migrate.Head, error) {
	r := s.client.DoMulti(ctx, s.headCommands(chat.ServerStream)...)
	fields, err := r[0].ToArray()
	if err != nil {
		return migrate.Head{}, failed("server", err)
	}
	h, _, err := s.scanEnd(chat.ServerStream, fields, r[1])
	return h, failed("server", err)
}
