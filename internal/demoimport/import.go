package demoimport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/identity"
)

// Importer brings a demo into a chat.
type Importer struct {
	From    rueidis.Client
	Service *chat.Service
	// Progress, if set, is called now and then.
	Progress func(Report)
}

// Report says what was done.
type Report struct {
	People, Rooms, Messages Count
	Skipped                 []string // the first hundred notes: what was left out or changed, and why
	More                    int      // how many more
}

// Count counts what was read.
type Count struct{ Read, New, There, Skipped int }

const mostSkipped = 100

// run is one import.
type run struct {
	Importer
	source
	report Report
	users  map[int64]chat.UserID // by the demo's numbers
	fresh  map[chat.UserID]bool  // whose accounts this run made
}

// Run imports everything. It may be run again, and beside a server on the same
// store.
func (i Importer) Run(ctx context.Context) (Report, error) {
	r := &run{Importer: i, source: source{i.From}, users: map[int64]chat.UserID{},
		fresh: map[chat.UserID]bool{}}
	total, err := r.people(ctx)
	if err != nil {
		return r.report, err
	}
	if err := i.Service.Setup(ctx); err != nil {
		return r.report, err
	}
	var all []*person
	for n := int64(1); n <= total; n++ {
		p, err := r.person(ctx, n)
		if err != nil {
			return r.report, err
		}
		if p == nil {
			r.skip(&r.report.People, "user:%d does not exist", n)
			continue
		}
		r.choose(p)
		all = append(all, p)
	}
	// Derived names come second, so that they never take a name that someone
	// has.
	for _, derived := range []bool{false, true} {
		for _, p := range all {
			if (p.why != "") != derived {
				continue
			}
			if err := r.account(ctx, p); err != nil {
				return r.report, fmt.Errorf("person %d (%q): %w", p.n, p.name, err)
			}
			r.tick()
		}
	}
	rooms, err := r.rooms(ctx)
	if err != nil {
		return r.report, err
	}
	rooms = append(rooms, "0")
	for _, p := range all {
		rooms = append(rooms, p.rooms...)
	}
	slices.Sort(rooms)
	for _, id := range slices.Compact(rooms) {
		if err := r.room(ctx, id, all); err != nil {
			return r.report, fmt.Errorf("room %q: %w", id, err)
		}
		r.tick()
	}
	return r.report, nil
}

func (r *run) tick() {
	if r.Progress != nil {
		r.Progress(r.report)
	}
}

func (r *run) note(format string, args ...any) {
	if len(r.report.Skipped) < mostSkipped {
		r.report.Skipped = append(r.report.Skipped, fmt.Sprintf(format, args...))
	} else {
		r.report.More++
	}
}

func (r *run) skip(c *Count, format string, args ...any) {
	c.Read++
	c.Skipped++
	r.note(format, args...)
}

// UserID is the id of the demo's person n.
func UserID(n int64) chat.UserID { return chat.UserID("demo-" + num(n)) }

// account makes the person's account, if it is not there.
func (r *run) account(ctx context.Context, p *person) error {
	id := UserID(p.n)
	_, err := r.Service.Store.Account(ctx, id)
	if err == nil {
		r.report.People.Read++
		r.report.People.There++
		r.users[p.n] = id
		return nil
	}
	if !errors.Is(err, chat.ErrNotFound) {
		return err
	}
	password := p.password
	if err := identity.CheckBcrypt(password); err != nil {
		password = "!" // matches nothing: the operator sets one
		r.note("%q (user:%d) cannot log in until they are given a password (parley user passwd): %v", p.name, p.n, err)
	}
	for try := 1; try <= 100; try++ {
		shown, key, err := r.Service.Names.Fold(r.numbered(p.wish, try))
		if err != nil {
			return err
		}
		user := chat.User{ID: id, Name: shown, Role: chat.RoleMember, CreatedAt: now()}
		_, err = r.Service.Store.Commit(ctx, chat.Change{
			Stream: chat.ServerStream, ID: identity.NewID(), At: user.CreatedAt, By: id,
			Op: chat.CreateUser{Account: chat.Account{User: user, NameKey: key,
				LookKey: r.Service.Names.Look(shown), Password: password}},
		})
		if errors.Is(err, chat.ErrConflict) {
			continue // someone has this name, or one that looks like it
		}
		if err != nil {
			return err
		}
		switch {
		case p.why != "" && try > 1:
			r.note("%q (user:%d) logs in as %q: %s And %q is taken.", p.name, p.n, shown, p.why, p.wish)
		case p.why != "":
			r.note("%q (user:%d) logs in as %q: %s", p.name, p.n, shown, p.why)
		case try > 1:
			r.note("%q (user:%d) logs in as %q: someone has a name that looks the same", p.name, p.n, shown)
		case shown != p.name:
			r.note("%q (user:%d) is shown as %q, and logs in with either", p.name, p.n, shown)
		}
		r.report.People.Read++
		r.report.People.New++
		r.users[p.n], r.fresh[id] = id, true
		return nil
	}
	r.skip(&r.report.People, "%q (user:%d): every name like %q is taken", p.name, p.n, p.wish)
	return nil
}

// room brings over one room: first the room, then its messages, then its
// people, for whom it starts as read.
func (r *run) room(ctx context.Context, id string, all []*person) error {
	room, members, err := r.target(ctx, id, all)
	if err != nil || room == nil {
		return err
	}
	_, err = r.Service.Store.Room(ctx, room.ID)
	switch {
	case err == nil:
		r.report.Rooms.There++
		err = r.adopt(ctx, room, members)
	case errors.Is(err, chat.ErrNotFound):
		if err := r.mark(ctx, string(room.ID)); err != nil {
			return err
		}
		_, err = r.Service.Store.Commit(ctx, chat.Change{
			Stream: chat.RoomStream(room.ID), ID: identity.NewID(), At: room.CreatedAt,
			By: room.CreatedBy, Op: chat.CreateRoom{Room: *room},
		})
		if errors.Is(err, chat.ErrConflict) {
			err = nil
		}
		r.report.Rooms.New++
	}
	if err != nil {
		return err
	}
	r.report.Rooms.Read++
	if err := r.say(ctx, id, room.ID); err != nil {
		return err
	}
	for _, user := range members {
		if err := r.join(ctx, room.ID, user); err != nil {
			return err
		}
	}
	return r.moderate(ctx, room, members)
}

// target says which room the demo's becomes, and who is in it; nil if it is
// left out.
func (r *run) target(ctx context.Context, id string, all []*person) (*chat.Room, []chat.UserID, error) {
	var members []chat.UserID
	for _, p := range all {
		if user, ok := r.users[p.n]; ok && (id == "0" || slices.Contains(p.rooms, id)) {
			members = append(members, user)
		}
	}
	room := &chat.Room{CreatedAt: now()}
	if id == "0" {
		room.ID, room.Kind, room.Name = chat.GeneralID, chat.Public, "General"
		return room, members, nil
	}
	if first, second, ok := strings.Cut(id, ":"); ok {
		a, err1 := strconv.ParseInt(first, 10, 64)
		b, err2 := strconv.ParseInt(second, 10, 64)
		if err1 != nil || err2 != nil || a == b || r.users[a] == "" || r.users[b] == "" {
			return nil, nil, r.skipRoom(ctx, id, "it is not the room of two imported people")
		}
		room.Kind, room.People = chat.Direct, []chat.UserID{r.users[a], r.users[b]}
		slices.Sort(room.People)
		room.ID, room.CreatedBy = chat.DirectID(room.People[0], room.People[1]), r.users[a]
		return room, room.People, nil
	}
	if len(members) == 0 {
		return nil, nil, r.skipRoom(ctx, id, "no one is in it")
	}
	name, err := r.name(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if name = title(name); name == "" {
		name = title("Room " + id)
	}
	if runes := []rune(name); len(runes) > r.Service.Limits.Name {
		name = string(runes[:r.Service.Limits.Name])
	}
	sum := sha256.Sum256([]byte(id))
	room.ID, room.Kind, room.Name = chat.RoomID("demo-"+hex.EncodeToString(sum[:13])), chat.Private, name
	return room, members, nil
}

// skipRoom leaves out a room with its messages.
func (r *run) skipRoom(ctx context.Context, id, why string) error {
	n, err := r.count(ctx, id)
	if err != nil {
		return err
	}
	r.report.Messages.Read += n
	r.report.Messages.Skipped += n
	r.skip(&r.report.Rooms, "room %q with %d messages: %s", id, n, why)
	return nil
}

// title is a name as a room may have it: on one line, without control
// characters.
func title(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsSpace(r) && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return strings.Join(strings.Fields(name), " ")
}

// say brings over the messages of a room that are not there yet.
func (r *run) say(ctx context.Context, from string, to chat.RoomID) error {
	there, err := r.known(ctx, to)
	if err != nil {
		return err
	}
	var batch []chat.Change
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		_, err := r.Service.Store.Commit(ctx, batch...)
		r.report.Messages.New += len(batch)
		batch = batch[:0]
		r.tick()
		return err
	}
	err = r.messages(ctx, from, func(m said, bad error) error {
		author, ok := r.users[m.from]
		if bad == nil && !ok {
			bad = fmt.Errorf("its author %d does not exist", m.from)
		}
		if bad == nil && len(m.text) > r.Service.Limits.Message {
			bad = fmt.Errorf("it has more than %d bytes", r.Service.Limits.Message)
		}
		if bad != nil {
			r.skip(&r.report.Messages, "a message of room %q: %v: %.60q", from, bad, m.member)
			return nil
		}
		r.report.Messages.Read++
		// A sorted set has each member once, so that this names the message.
		sum := sha256.Sum256([]byte(from + "\x00" + m.member))
		id := "demo-" + hex.EncodeToString(sum[:13])
		if there[id] {
			r.report.Messages.There++
			return nil
		}
		batch = append(batch, chat.Change{
			Stream: chat.RoomStream(to), ID: id, At: m.at, By: author,
			Op: chat.CreateMessage{From: author, Text: strings.ToValidUTF8(m.text, "\uFFFD")},
		})
		if len(batch) < 200 {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// known returns the ids of the messages of a room that came from a demo.
func (r *run) known(ctx context.Context, room chat.RoomID) (map[string]bool, error) {
	there := map[string]bool{}
	for after := int64(0); ; {
		messages, err := r.Service.Store.Messages(ctx, room,
			chat.Page{From: chat.After, No: after, Limit: page})
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			if strings.HasPrefix(m.ID, "demo-") {
				there[m.ID] = true
			}
			after = m.No
		}
		if len(messages) < page {
			return there, nil
		}
	}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
