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

// Source reads all data under a prefix, for a migration or a backup. It changes
// nothing.
type Source struct {
	*Store
	cut *cut // nil if no server uses the data
}

var _ migrate.Source = (*Source)(nil)

var (
	transferHeadScript     = load("transferhead")
	transferMessagesScript = load("transfermessages")
	transferSendsScript    = loadReading("transfersends")
	transferEndScript      = loadReading("transferend")
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
	return &Source{Store: s}, nil
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

// ends reads the ends of logs: what scanEnd takes.
func (s *Source) ends(ctx context.Context, streams ...chat.Stream) ([][]rueidis.RedisMessage, error) {
	keys := make([][]string, len(streams))
	for i, stream := range streams {
		keys[i] = []string{s.keys.of(stream, "head"), s.keys.of(stream, "log")}
	}
	replies, err := s.runMany(ctx, &transferEndScript, keys, nil)
	if err != nil {
		return nil, err
	}
	ends := make([][]rueidis.RedisMessage, len(replies))
	for i := range replies {
		if ends[i], err = replies[i].ToArray(); err != nil {
			return nil, fmt.Errorf("the log of %s: %w", streams[i], err)
		}
	}
	return ends, nil
}

// scanEnd returns the end of a log, and the number of the newest message.
func (s *Source) scanEnd(stream chat.Stream,
	end []rueidis.RedisMessage) (h migrate.Head, no int64, err error) {
	if end[0].IsNil() {
		return h, 0, nil
	}
	at, err := end[0].ToString()
	if err != nil {
		return h, 0, err
	}
	head, err := s.head(at)
	if err != nil {
		return h, 0, err
	}
	h.Seq, h.ID, no = head.Seq, head.ID, head.No
	if end[3].IsNil() {
		return h, no, fmt.Errorf("the log of %s is empty, and its newest event is said to be %d",
			stream, h.Seq)
	}
	seq, entry, err := entry(end[3])
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
	var e chat.Event
	switch kind {
	case "c":
		e, err = s.changed(stream, seq, text)
	case "x":
		e, err = s.reacted(stream, seq, text)
	case "r":
		e, err = s.readMoved(stream, seq, text)
	default:
		e, err = s.decode(text)
	}
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
	if s.cut != nil {
		limit = 1 // a thread's head is read after the messages above it
		if after == "" {
			*s.cut = *newCut() // rooms are counted first, and then read
		}
	}
	for {
		ids, err := s.ids(ctx, s.keys.server("rooms"), string(after), limit)
		if err != nil || len(ids) == 0 {
			return nil, failed("rooms", err)
		}
		streams := make([]chat.Stream, len(ids))
		for i, id := range ids {
			streams[i] = chat.RoomStream(chat.RoomID(id))
		}
		ends, err := s.ends(ctx, streams...)
		if err != nil {
			return nil, failed("rooms", err)
		}
		var rooms []migrate.Room
		for i, id := range ids {
			fields := ends[i]
			if fields[1].IsNil() {
				continue // listed, and not made
			}
			var r migrate.Room
			if r.Room, err = scanRoom(fields[1], nil); err != nil {
				return nil, failed("room "+id, err)
			}
			if r.Head, r.No, err = s.scanEnd(streams[i], fields); err != nil {
				return nil, failed("room "+id, err)
			}
			if r.Trimmed, _, err = scanTrimmed(fields[2]); err != nil {
				return nil, failed("room "+id, err)
			}
			if s.cut.takes(&r) {
				rooms = append(rooms, r)
			}
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
	members := make([]migrate.Member, 0, len(ids))
	for i, id := range ids {
		if s.cut != nil && places[i].IsNil() {
			continue // left meanwhile
		}
		place, err := places[i].ToString()
		if err != nil {
			return nil, failed("member "+id+" of "+string(room), err)
		}
		var m migrate.Member
		if m.Member, m.Spoke, err = scanMember(room, chat.UserID(id), place); err != nil {
			return nil, err
		}
		if m.ReadNo, _, err = scanRead(reads[i]); err != nil {
			return nil, failed("reads of "+string(room), err)
		}
		members = append(members, m)
	}
	s.cut.members(room, members)
	if len(members) == 0 { // all of them have left: an empty page would be the end
		return s.Members(ctx, room, chat.UserID(ids[len(ids)-1]), limit)
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
	if messages, err = s.cut.messages(room, after, messages); err != nil {
		return nil, fmt.Errorf("room %s: %w", room, err)
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
	streams := make([]chat.Stream, len(ids))
	for i, id := range ids {
		user := chat.UserID(id)
		streams[i] = chat.UserStream(user)
		commands = append(commands, s.accountFields(user),
			s.client.B().Hget().Key(s.keys.user(user, "account")).Field("v").Build(),
			s.client.B().Hgetall().Key(s.keys.user(user, "rooms")).Build(),
			s.client.B().Hgetall().Key(s.keys.user(user, "sessions")).Build())
	}
	const each = 4
	replies := s.client.DoMulti(ctx, commands...)
	ends, err := s.ends(ctx, streams...)
	if err != nil {
		return nil, failed("people", err)
	}
	people := make([]migrate.Person, len(ids))
	for i, id := range ids {
		p, err := s.person(chat.UserID(id), arriving[i], replies[each*i:each*(i+1)])
		if err == nil {
			p.Head, _, err = s.scanEnd(streams[i], ends[i])
		}
		if err != nil {
			return nil, failed("person "+id, err)
		}
		p.Rooms = s.cut.list(p.Account.ID, p.Rooms)
		people[i] = p
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
	return p, nil
}

// Invites implements [migrate.Source].
func (s *Source) Invites(ctx context.Context, after chat.Invite, limit int) ([]chat.Invite, error) {
	b := s.client.B
	first := int64(0)
	if after.ID != "" {
		rank, err := s.client.Do(ctx, b().Zrank().Key(s.keys.server("recent")).Member(
			after.ID).Build()).AsInt64()
		if s.cut != nil && rueidis.IsRedisNil(err) { // used meanwhile: from those of its time on
			rank, err = s.client.Do(ctx, b().Zcount().Key(s.keys.server("recent")).Min("-inf").Max(
				"("+num(after.CreatedAt.UnixMilli())).Build()).AsInt64()
			rank--
		}
		if err != nil {
			return nil, failed("invites", err)
		}
		first = rank + 1
	}
	for ; ; first += int64(limit) {
		ids, err := s.client.Do(ctx, b().Zrange().Key(s.keys.server("recent")).Min(num(first)).Max(
			num(first+int64(limit)-1)).Build()).AsStrSlice()
		if err != nil || len(ids) == 0 {
			return nil, failed("invites", err)
		}
		data, err := s.client.Do(ctx, b().Hmget().Key(s.keys.server("invites")).Field(ids...).Build()).ToArray()
		if err != nil {
			return nil, failed("invites", err)
		}
		var invites []chat.Invite
		for i := range ids {
			if s.cut != nil && data[i].IsNil() {
				continue // used between the two
			}
			var k keptInvite
			if err := data[i].DecodeJSON(&k); err != nil {
				return nil, failed("invite "+ids[i], err)
			}
			v := k.invite()
			if s.cut == nil || after.ID == "" || cmp.Or(cmp.Compare(v.CreatedAt.UnixMilli(),
				after.CreatedAt.UnixMilli()), cmp.Compare(v.ID, after.ID)) > 0 {
				invites = append(invites, v)
			}
		}
		if len(invites) > 0 {
			return invites, nil
		}
	}
}

// Server implements [migrate.Source]. It is what a backup reads last.
func (s *Source) Server(ctx context.Context) (migrate.Head, error) {
	ends, err := s.ends(ctx, chat.ServerStream)
	if err != nil {
		return migrate.Head{}, failed("server", err)
	}
	h, _, err := s.scanEnd(chat.ServerStream, ends[0])
	if err != nil {
		return h, failed("server", err)
	}
	return h, s.cut.whole(ctx, s.Store)
}
