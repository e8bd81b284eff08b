package migrate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

// busy is a source whose chat goes on before each page is read.
type busy struct {
	migrate.Source
	live func()
}

func (b busy) Rooms(ctx context.Context, after chat.RoomID, limit int) ([]migrate.Room, error) {
	b.live()
	return b.Source.Rooms(ctx, after, min(limit, 2))
}

func (b busy) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]migrate.Member, error) {
	b.live()
	return b.Source.Members(ctx, room, after, min(limit, 3))
}

func (b busy) Messages(ctx context.Context, room chat.RoomID, after int64,
	limit int) ([]migrate.Message, error) {
	b.live()
	return b.Source.Messages(ctx, room, after, min(limit, 20))
}

func (b busy) Sends(ctx context.Context, since time.Time, give func([]migrate.Send) error) error {
	b.live()
	return b.Source.Sends(ctx, since, give)
}

func (b busy) People(ctx context.Context, after chat.UserID, limit int) ([]migrate.Person, error) {
	b.live()
	return b.Source.People(ctx, after, min(limit, 2))
}

func (b busy) Invites(ctx context.Context, after chat.Invite, limit int) ([]chat.Invite, error) {
	b.live()
	return b.Source.Invites(ctx, after, min(limit, 2))
}

func (b busy) Records(ctx context.Context, after migrate.Record, limit int) ([]migrate.Record, error) {
	b.live()
	return b.Source.Records(ctx, after, min(limit, 2))
}

// snapshotOf opens the data beside those who use them.
func snapshotOf(t testing.TB, client rueidis.Client, p prefix) migrate.Source {
	s, err := redisstore.OpenSnapshot(t.Context(), client, p.name)
	return must(t, s, err)
}

// TestBackupOfRedisInUse backs up Redis while people write, begin threads, come
// and go: what is restored is one chat in itself, each room of it up to a
// message, and goes on.
func TestBackupOfRedisInUse(t *testing.T) {
	client := redistest.Start(t).Client(t)
	for seed := range uint64(2) {
		from := newPrefix(client)
		s := from.store(t)
		w := fill(t, s, 100+seed, 300)
		w.keeps = true
		begun := map[chat.RoomID]int64{}
		for _, r := range w.rooms {
			begun[r] = must2(s.Heads(t.Context(), chat.RoomStream(r)))(t)[0].No
		}
		made := backedUp(t, busy{snapshotOf(t, client, from), func() {
			for range 4 {
				w.step()
			}
			w.threads()
		}}, []int{7, 4000}[seed])
		for _, to := range []endpoint{dir(t.TempDir()), newPrefix(client)} {
			move(t, made, to, migrate.Options{Batch: 50})
			there := to.store(t)
			w.isOne(s, there, begun)
			all := w.sends
			w.sends = w.kept(there)
			w.goesOn(there)
			w.sends = all
			closed(t, there)
		}
		closed(t, s)
	}
}

// threads begins a thread under a message of some room, with replies.
func (w *world) threads() {
	room := pick(w, w.rooms)
	if w.said[room] == 0 || strings.Contains(string(room), ".") {
		return
	}
	no := max(1, w.said[room]-w.r.Int64N(3))
	thread := chat.RoomID(fmt.Sprintf("t-%s.%d", room, no))
	stream := chat.RoomStream(thread)
	w.commit(chat.Change{Stream: stream, Op: chat.CreateRoom{Room: chat.Room{ID: thread,
		Kind: chat.ThreadRoom, Parent: room, Root: no, CreatedAt: w.now()}}})
	user := pick(w, w.users)
	w.commit(chat.Change{Stream: stream, By: user,
		Op: chat.AddMember{Member: chat.Member{User: user, Role: chat.RoomMember, JoinedAt: w.now()}}})
	w.commit(chat.Change{Stream: chat.UserStream(user), By: user, Op: chat.ListRoom{Room: thread}})
	r, _ := w.commit(chat.Change{Stream: stream, By: user, Op: chat.CreateMessage{From: user, Text: "reply"}})
	w.commit(chat.Change{Stream: chat.RoomStream(room), By: user, Op: chat.MoveThread{No: no,
		Thread: chat.Thread{Room: thread, Replies: r.Event.Message.No, LastAt: w.now()}}})
}

// kept are the sends whose messages are there. Of others, none is taken for a
// repetition: what a client still has to send is not lost.
func (w *world) kept(s chat.Store) (kept []sent) {
	w.t.Helper()
	var lost []sent
	for _, one := range w.sends {
		if must2(s.Heads(w.ctx, one.change.Stream))(w.t)[0].No >= one.event.Message.No {
			kept = append(kept, one)
		} else {
			lost = append(lost, one)
		}
	}
	for _, one := range lost {
		c := one.change
		c.ID, c.MustBeIn, c.MustSpeak = c.ID+"-late", "", false
		if r := must2(s.Commit(w.ctx, c))(w.t)[0]; r.Duplicate {
			w.t.Errorf("%s: message %d, which is not there, is a repetition", c.Stream, one.event.Message.No)
		}
	}
	return kept
}

// isOne checks that what was restored names nothing that is not there, and that
// each room has what it had up to a message.
func (w *world) isOne(before, after chat.Store, begun map[chat.RoomID]int64) {
	t, ctx := w.t, w.ctx
	t.Helper()
	rooms := must2(after.Rooms(ctx, "", 1000))(t)
	members := map[chat.RoomID][]chat.UserID{}
	heads := map[chat.RoomID]int64{}
	for _, r := range rooms {
		heads[r.ID] = must2(after.Heads(ctx, chat.RoomStream(r.ID)))(t)[0].No
		for _, m := range must2(after.Members(ctx, r.ID, "", 1000))(t) {
			members[r.ID] = append(members[r.ID], m.User)
		}
	}
	for room, no := range begun {
		if heads[room] < no {
			t.Errorf("%s ends with %d, and had %d before the backup", room, heads[room], no)
		}
	}
	all := func(s chat.Store, room chat.RoomID) (m []chat.Message) {
		for no := int64(0); ; no = m[len(m)-1].No {
			page := must2(s.Messages(ctx, room, chat.Page{From: chat.After, No: no, Limit: 200}))(t)
			if len(page) == 0 {
				return m
			}
			m = append(m, page...)
		}
	}
	for _, r := range rooms {
		is := all(before, r.ID)
		for i, m := range all(after, r.ID) {
			if m.No != is[i].No || m.ID != is[i].ID || m.From != is[i].From || !m.At.Equal(is[i].At) {
				t.Fatalf("message %d of %s is %+v, and was %+v", i, r.ID, m, is[i])
			}
			if th := m.Thread; th != nil && strings.HasPrefix(string(th.Room), "t-") &&
				th.Newest() > heads[th.Room] {
				t.Errorf("message %d of %s counts %d replies, where the thread has %d", m.No, r.ID, th.Newest(), heads[th.Room])
			}
		}
		if r.Kind == chat.ThreadRoom && r.Root > heads[r.Parent] && r.ID != "general.3" {
			t.Errorf("the thread %s is under message %d of %d", r.ID, r.Root, heads[r.Parent])
		}
	}
	for _, u := range w.users {
		listed := must2(after.ListedRooms(ctx, u))(t)
		for _, r := range listed {
			if !slices.Contains(members[r], u) {
				t.Errorf("%s lists %s without being in it", u, r)
			}
			v, err := after.View(ctx, r, u)
			if err != nil || v.ReadNo > v.HeadNo {
				t.Errorf("%s sees %s as %+v, %v", u, r, v, err)
			}
		}
		for r, of := range members {
			if slices.Contains(of, u) && !slices.Contains(listed, r) {
				t.Errorf("%s is in %s, which is not listed", u, r)
			}
		}
	}
}

// overtaken is a source to whose chat something happens before the first
// members are read.
type overtaken struct {
	migrate.Source
	happens func()
}

func (o overtaken) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]migrate.Member, error) {
	o.happens()
	return o.Source.Members(ctx, room, after, limit)
}

// TestBackupSeesWhatItMissed: what was deleted before it was read, and data
// that were rolled back, make no backup.
func TestBackupSeesWhatItMissed(t *testing.T) {
	client := redistest.Start(t).Client(t)
	for want, change := range map[string]func(p prefix, w *world){
		"deleted by retention": func(_ prefix, w *world) {
			w.commit(chat.Change{Stream: chat.RoomStream("general"),
				Op: chat.TrimMessages{To: must2(w.s.Heads(t.Context(), chat.RoomStream("general")))(t)[0].No}})
		},
		"rolled back": func(p prefix, _ *world) {
			if err := client.Do(t.Context(), client.B().Hset().Key(p.name+":{server}:about").FieldValue().
				FieldValue("epoch", "another").Build()).Error(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		p := newPrefix(client)
		s := p.store(t)
		w := fill(t, s, 5, 200)
		for range 30 {
			w.commit(chat.Change{Stream: chat.RoomStream("general"), By: w.users[0],
				Op: chat.CreateMessage{From: w.users[0], Text: "more"}})
		}
		source := overtaken{snapshotOf(t, client, p), sync.OnceFunc(func() { change(p, w) })}
		err := migrate.Read(t.Context(), source, migrate.Options{Now: time.Now},
			func(*migrate.Batch) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something about %q", err, want)
		}
		closed(t, s)
	}
}
