package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// Fsck finds and repairs what a crash between writes to two slots can leave. It
// can run while servers are running.
type Fsck struct {
	Store *Store
	Heal  bool
	// Found is called with a description of each finding.
	Found func(what string)
	// Progress, if set, is called regularly with the number of checked rooms
	// and people.
	Progress func(rooms, people int)
	NewID    func() string // ids for the events of what is healed
	Now      func() time.Time
	// Settle is how long to wait before an incomplete change counts as a
	// finding, as it may be in progress; default 2 s.
	Settle time.Duration

	rooms, people int
	doubts        []func(context.Context) error // looks again at what may have been under way
}

const fsckPage = 200

// doubt calls look later, when changes in progress have had time to finish.
func (f *Fsck) doubt(look func(context.Context) error) { f.doubts = append(f.doubts, look) }

// Run checks everything and returns the number of findings.
func (f *Fsck) Run(ctx context.Context) (found int, err error) {
	report := f.Found
	f.Found = func(what string) { found++; report(what) }
	defer func() { f.Found = report }()
	for _, step := range []func(context.Context) error{f.arriving, f.allRooms, f.allPeople, f.tokens} {
		if err := step(ctx); err != nil {
			return found, err
		}
	}
	if len(f.doubts) > 0 {
		if err := wait(ctx, cmp.Or(f.Settle, 2*time.Second)); err != nil {
			return found, err
		}
	}
	for _, look := range f.doubts {
		if err := look(ctx); err != nil {
			return found, err
		}
	}
	f.doubts = nil
	return found, nil
}

func (f *Fsck) tick() {
	if f.Progress != nil && (f.rooms+f.people)%fsckPage == 0 {
		f.Progress(f.rooms, f.people)
	}
}

// arriving finds accounts that were announced and have not come to their slot.
func (f *Fsck) arriving(ctx context.Context) error {
	s := f.Store
	users, err := s.client.Do(ctx, s.client.B().Hkeys().Key(s.keys.server("arriving")).Build()).AsStrSlice()
	if err != nil {
		return failed("arriving accounts", err)
	}
	for _, user := range users {
		f.Found(fmt.Sprintf("the account %s is announced and not yet in its place", user))
		if f.Heal {
			if _, err := s.arrive(ctx, chat.UserID(user)); err != nil && !errors.Is(err, chat.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// lex iterates over a sorted set whose members all have the score 0.
func (f *Fsck) lex(ctx context.Context, key string, visit func(member string) error) error {
	for after := "-"; ; {
		page, err := f.Store.client.Do(ctx,
			f.Store.client.B().Zrange().Key(key).Min(after).Max("+").Bylex().Limit(0,
				fsckPage).Build()).AsStrSlice()
		if err != nil {
			return failed("list "+key, err)
		}
		for _, m := range page {
			if err := visit(m); err != nil {
				return err
			}
		}
		if len(page) < fsckPage {
			return nil
		}
		after = "(" + page[len(page)-1]
	}
}

// allRooms checks each room and its members.
func (f *Fsck) allRooms(ctx context.Context) error {
	return f.lex(ctx, f.Store.keys.server("rooms"), func(id string) error {
		f.rooms++
		f.tick()
		room, err := f.Store.Room(ctx, chat.RoomID(id))
		if errors.Is(err, chat.ErrNotFound) {
			f.doubt(func(ctx context.Context) error { return f.listedRoom(ctx, chat.RoomID(id)) })
			return nil
		}
		if err != nil {
			return err
		}
		return f.room(ctx, room)
	})
}

// listedRoom finds a room that was listed and never made.
func (f *Fsck) listedRoom(ctx context.Context, id chat.RoomID) error {
	s := f.Store
	if _, err := s.Room(ctx, id); err == nil || !errors.Is(err, chat.ErrNotFound) {
		return err
	}
	f.Found(fmt.Sprintf("the room %s is listed and was never made", id))
	if !f.Heal {
		return nil
	}
	for _, key := range []string{s.keys.server("rooms"), s.keys.server("public")} {
		if err := s.client.Do(ctx, s.client.B().Zrem().Key(key).Member(
			string(id)).Build()).Error(); err != nil {
			return failed("unlist a room", err)
		}
	}
	return nil // its maker's list is looked at with its maker
}

// room checks a room's numbers against its messages, and its members against
// their lists.
func (f *Fsck) room(ctx context.Context, room chat.Room) error {
	s := f.Store
	if room.Kind == chat.ThreadRoom {
		if err := f.thread(ctx, room); err != nil {
			return err
		}
	}
	for after := chat.UserID(""); ; {
		members, err := s.Members(ctx, room.ID, after, fsckPage)
		if err != nil {
			return err
		}
		if len(members) == 0 {
			return nil
		}
		commands := make(rueidis.Commands, 0, 2*len(members))
		for _, m := range members {
			commands = append(commands,
				s.client.B().Hexists().Key(s.keys.user(m.User, "rooms")).Field(string(room.ID)).Build(),
				s.client.B().Hget().Key(s.keys.user(m.User, "reads")).Field(string(room.ID)).Build())
		}
		replies := s.client.DoMulti(ctx, commands...)
		users := make([]string, len(members))
		for i, m := range members {
			users[i] = string(m.User)
		}
		reads, err := s.client.Do(ctx,
			s.client.B().Hmget().Key(s.keys.room(room.ID, "reads")).Field(users...).Build()).ToArray()
		if err != nil {
			return failed("read positions", err)
		}
		for i, m := range members {
			listed, err := replies[2*i].AsBool()
			if err != nil {
				return failed("list of rooms", err)
			}
			if !listed {
				f.doubt(func(ctx context.Context) error { return f.unlisted(ctx, room.ID, m.User) })
			}
			if err := f.read(room.ID, m.User, reads[i], replies[2*i+1]); err != nil {
				return err
			}
		}
		after = members[len(members)-1].User
	}
}

// unlisted finds a member whose list lacks the room.
func (f *Fsck) unlisted(ctx context.Context, room chat.RoomID, user chat.UserID) error {
	s := f.Store
	still, err := f.halfIn(ctx, room, user, true)
	if err != nil || !still {
		return err
	}
	f.Found(fmt.Sprintf("%s is a member of %s, which is not on their list", user, room))
	if !f.Heal {
		return nil
	}
	_, err = s.Commit(ctx, chat.Change{Stream: chat.UserStream(user), ID: f.NewID(),
		At: f.Now(), Op: chat.ListRoom{Room: room}})
	return ignore(err, chat.ErrNotFound)
}

// halfIn reports whether the person is a member without having the room on
// their list, or the other way round.
func (f *Fsck) halfIn(ctx context.Context, room chat.RoomID, user chat.UserID, member bool) (bool, error) {
	s := f.Store
	replies := s.client.DoMulti(ctx,
		s.client.B().Hexists().Key(s.keys.room(room, "members")).Field(string(user)).Build(),
		s.client.B().Hexists().Key(s.keys.user(user, "rooms")).Field(string(room)).Build())
	in, err := replies[0].AsBool()
	if err != nil {
		return false, failed("members", err)
	}
	listed, err := replies[1].AsBool()
	return in == member && listed == !member, failed("list of rooms", err)
}

// read finds a read position that has moved without being announced.
func (f *Fsck) read(room chat.RoomID, user chat.UserID, position rueidis.RedisMessage,
	told rueidis.RedisResult) error {
	no, moved, err := scanRead(position)
	if err != nil {
		return failed(fmt.Sprintf("read position of %s in %s", user, room), err)
	}
	if !moved {
		return nil
	}
	announced, err := told.AsInt64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return failed("read position", err)
	}
	if announced < no {
		f.doubt(func(ctx context.Context) error { return f.unannounced(ctx, room, user, no) })
	}
	return nil
}

func (f *Fsck) unannounced(ctx context.Context, room chat.RoomID, user chat.UserID, no int64) error {
	s := f.Store
	announced, err := s.client.Do(ctx,
		s.client.B().Hget().Key(s.keys.user(user, "reads")).Field(string(room)).Build()).AsInt64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return failed("read position", err)
	}
	if announced >= no {
		return nil
	}
	f.Found(fmt.Sprintf("%s has read %s up to %d, and their other devices were told of %d", user,
		room, no, announced))
	if !f.Heal {
		return nil
	}
	_, err = f.Store.Commit(ctx, chat.Change{Stream: chat.UserStream(user), ID: f.NewID(),
		At: f.Now(), By: user, Op: chat.MoveRead{Read: chat.Read{Room: room, No: no}}})
	return ignore(err, chat.ErrNotFound)
}

// allPeople checks the lists of each person.
func (f *Fsck) allPeople(ctx context.Context) error {
	// Rooms that the server created have no creator.
	if err := f.created(ctx, ""); err != nil {
		return err
	}
	return f.lex(ctx, f.Store.keys.server("order"), func(id string) error {
		f.people++
		f.tick()
		user := chat.UserID(id)
		if err := f.listed(ctx, user); err != nil {
			return err
		}
		if err := f.created(ctx, user); err != nil {
			return err
		}
		return f.sessions(ctx, user)
	})
}

// listed finds rooms on a person's list of which they are not a member.
func (f *Fsck) listed(ctx context.Context, user chat.UserID) error {
	s := f.Store
	rooms, err := s.client.Do(ctx, s.client.B().Hkeys().Key(s.keys.user(user, "rooms")).Build()).AsStrSlice()
	if err != nil {
		return failed("list of rooms", err)
	}
	commands := make(rueidis.Commands, len(rooms))
	for i, room := range rooms {
		commands[i] = s.client.B().Hexists().Key(s.keys.room(chat.RoomID(room), "members")).Field(
			string(user)).Build()
	}
	for i, reply := range s.client.DoMulti(ctx, commands...) {
		in, err := reply.AsBool()
		if err != nil {
			return failed("members", err)
		}
		if in {
			continue
		}
		f.doubt(func(ctx context.Context) error { return f.noMember(ctx, chat.RoomID(rooms[i]), user) })
	}
	return nil
}

func (f *Fsck) noMember(ctx context.Context, room chat.RoomID, user chat.UserID) error {
	still, err := f.halfIn(ctx, room, user, false)
	if err != nil || !still {
		return err
	}
	f.Found(fmt.Sprintf("%s has %s on their list and is no member", user, room))
	if !f.Heal {
		return nil
	}
	_, err = f.Store.Commit(ctx, chat.Change{Stream: chat.UserStream(user), ID: f.NewID(),
		At: f.Now(), Op: chat.UnlistRoom{Room: room}})
	return err
}

// created finds rooms that count as created by a person but do not exist.
func (f *Fsck) created(ctx context.Context, user chat.UserID) error {
	s := f.Store
	key := s.keys.user(user, "created")
	rooms, err := s.client.Do(ctx, s.client.B().Smembers().Key(key).Build()).AsStrSlice()
	if err != nil {
		return failed("rooms that were created", err)
	}
	for _, id := range rooms {
		_, err := s.Room(ctx, chat.RoomID(id))
		if err == nil {
			continue
		}
		if !errors.Is(err, chat.ErrNotFound) {
			return err
		}
		f.doubt(func(ctx context.Context) error {
			if _, err := s.Room(ctx, chat.RoomID(id)); err == nil || !errors.Is(err, chat.ErrNotFound) {
				return err
			}
			f.Found(fmt.Sprintf("%s counts as a room that %q created and was never made", id, user))
			if !f.Heal {
				return nil
			}
			return failed("rooms that were created",
				s.client.Do(ctx, s.client.B().Srem().Key(key).Member(id).Build()).Error())
		})
	}
	return nil
}

// sessions finds sessions that no token leads to, or that would never be
// pruned.
func (f *Fsck) sessions(ctx context.Context, user chat.UserID) error {
	s := f.Store
	sessions, err := s.Sessions(ctx, user)
	if err != nil || len(sessions) == 0 {
		return err
	}
	next := sessions[0].ExpiresAt
	for _, n := range sessions {
		if n.ExpiresAt.Before(next) {
			next = n.ExpiresAt
		}
		place, err := s.client.Do(ctx, s.client.B().Get().Key(s.keys.token(n.TokenHash)).Build()).ToString()
		if err != nil && !rueidis.IsRedisNil(err) {
			return failed("token", err)
		}
		want := string(user) + " " + string(n.ID)
		if place == want {
			continue
		}
		f.Found(fmt.Sprintf("no token leads to the session %s of %s", n.ID, user))
		if f.Heal {
			if err := s.client.Do(ctx, s.client.B().Set().Key(s.keys.token(n.TokenHash)).Value(
				want).Build()).Error(); err != nil {
				return failed("token", err)
			}
		}
	}
	due := s.keys.server("sessions")
	score, err := s.client.Do(ctx, s.client.B().Zscore().Key(due).Member(string(user)).Build()).AsFloat64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return failed("sessions", err)
	}
	if err == nil && int64(score) <= next.UnixMilli() {
		return nil
	}
	f.Found(fmt.Sprintf("nobody would notice when sessions of %s expire", user))
	if !f.Heal {
		return nil
	}
	return failed("sessions", s.client.Do(ctx,
		s.client.B().Zadd().Key(due).Lt().ScoreMember().ScoreMember(float64(next.UnixMilli()),
			string(user)).Build()).Error())
}

// tokens finds tokens whose session is gone. It scans all keys of each node.
func (f *Fsck) tokens(ctx context.Context) error {
	s := f.Store
	for _, node := range s.client.Nodes() {
		if replica, err := isReplica(ctx, node); err != nil || replica {
			if err != nil {
				return failed("role of a node", err)
			}
			continue
		}
		for cursor := uint64(0); ; {
			entry, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(
				s.keys.token("*")).Count(1000).Build()).AsScanEntry()
			if err != nil {
				return failed("look through tokens", err)
			}
			for _, key := range entry.Elements {
				if ok, err := f.leads(ctx, key); err != nil {
					return err
				} else if !ok { // a log-in writes the token before the session
					f.doubt(func(ctx context.Context) error { return f.token(ctx, key) })
				}
			}
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
		}
	}
	return nil
}

// leads reports whether a token has a session or is gone itself.
func (f *Fsck) leads(ctx context.Context, key string) (bool, error) {
	s := f.Store
	place, err := s.client.Do(ctx, s.client.B().Get().Key(key).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return true, nil
	}
	if err != nil {
		return false, failed("token", err)
	}
	user, id, _ := strings.Cut(place, " ")
	there, err := s.client.Do(ctx,
		s.client.B().Hexists().Key(s.keys.user(chat.UserID(user), "sessions")).Field(id).Build()).AsBool()
	return there, failed("session", err)
}

func (f *Fsck) token(ctx context.Context, key string) error {
	if ok, err := f.leads(ctx, key); ok || err != nil {
		return err
	}
	f.Found("a token leads to a session that is gone")
	if !f.Heal {
		return nil
	}
	return failed("token", f.Store.client.Do(ctx, f.Store.client.B().Del().Key(key).Build()).Error())
}

func isReplica(ctx context.Context, node rueidis.Client) (bool, error) {
	role, err := node.Do(ctx, node.B().Role().Build()).ToArray()
	if err != nil {
		return false, err
	}
	name, err := role[0].ToString()
	return name != "master", err
}

func ignore(err, refusal error) error {
	if errors.Is(err, refusal) {
		return nil
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return failed("fsck", ctx.Err())
	}
}
