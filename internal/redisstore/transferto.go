package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// Destination is the prefix that a migration writes to. Batches are written in
// pipelines of repeatable commands; the state is written after all have
// succeeded.
type Destination struct{ *Store }

var _ migrate.Destination = (*Destination)(nil)

// migrationField is where "about" keeps the state of a migration that is not
// finished.
const migrationField = "migration"

// whole returns an error for the data of an unfinished migration.
func (s *Store) whole(about map[string]string) error {
	if about[migrationField] == "" {
		return nil
	}
	return fmt.Errorf("under %q there is a move or a restore that is not finished: run the same command again, or delete the keys %s:*", s.keys.prefix, s.keys.prefix)
}

// OpenDestination opens a prefix and writes nothing yet.
func OpenDestination(client rueidis.Client, prefix string) (*Destination, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	return &Destination{bare(client, prefix)}, nil
}

// Unfinished implements [migrate.Destination]. What a store has only been
// opened on is empty.
func (d *Destination) Unfinished(ctx context.Context) ([]byte, error) {
	b := d.client.B
	about, err := d.client.Do(ctx, b().Hgetall().Key(d.keys.server("about")).Build()).AsStrMap()
	if err != nil {
		return nil, failed("look at the destination", err)
	}
	if n, err := strconv.Atoi(about["layout"]); about["layout"] != "" && (err != nil || n > layout) {
		return nil, migrate.ErrNotEmpty
	}
	if state := about[migrationField]; state != "" {
		d.epoch = about["epoch"]
		return []byte(state), nil
	}
	var keys []string
	for _, what := range []string{"head", "log", "names", "keys", "users", "order", "arriving",
		"rooms", "public", "sessions", "invites", "codes", "recent", "due", "records", "ids"} {
		keys = append(keys, d.keys.server(what))
	}
	n, err := d.client.Do(ctx, b().Exists().Key(keys...).Build()).AsInt64()
	if err != nil {
		return nil, failed("look at the destination", err)
	}
	if n > 0 {
		return nil, migrate.ErrNotEmpty
	}
	return nil, nil
}

// Begin implements [migrate.Destination].
func (d *Destination) Begin(ctx context.Context, state []byte) error {
	d.epoch = strings.ToLower(rand.Text())
	return failed("begin", d.client.Do(ctx, d.client.B().Hset().Key(d.keys.server("about")).FieldValue().
		FieldValue("epoch", d.epoch).FieldValue("layout",
		strconv.Itoa(layout)).FieldValue(migrationField, string(state)).Build()).Error())
}

// Finish implements [migrate.Destination].
func (d *Destination) Finish(ctx context.Context) error {
	return failed("finish", d.client.Do(ctx,
		d.client.B().Hdel().Key(d.keys.server("about")).Field(migrationField).Build()).Error())
}

// Source implements [migrate.Destination].
func (d *Destination) Source() migrate.Source { return &Source{Store: d.Store} }

// Write implements [migrate.Destination].
func (d *Destination) Write(ctx context.Context, b *migrate.Batch, state []byte) error {
	p := &pipeline{store: d.Store}
	for i := range b.Rooms {
		p.room(&b.Rooms[i])
	}
	p.members(b.Members)
	p.messages(b.Messages)
	p.annotations(b.Messages)
	p.sends(b.Sends)
	for i := range b.People {
		p.person(&b.People[i])
	}
	for i := range b.Invites {
		p.invite(b.Invites[i])
	}
	p.records(b.Records)
	if b.Server != nil && b.Server.Seq > 0 {
		p.head(chat.ServerStream, *b.Server, 0)
	}
	if err := p.run(ctx); err != nil {
		return err
	}
	set := d.client.B().Hset().Key(d.keys.server("about")).FieldValue().FieldValue(migrationField,
		string(state)).Build()
	return failed("keep the state", d.client.Do(ctx, set).Error())
}

// step is a command of a pipeline, or a script with what it takes.
type step struct {
	command    rueidis.Completed
	script     *script
	keys, args []string
}

// pipeline gathers commands.
type pipeline struct {
	store *Store
	steps []step
	err   error
}

func (p *pipeline) do(c rueidis.Completed) { p.steps = append(p.steps, step{command: c}) }

func (p *pipeline) eval(sc *script, keys, args []string) {
	p.steps = append(p.steps, step{script: sc, keys: keys, args: args})
}

// json encodes what cannot fail but for a fault of ours.
func (p *pipeline) json(v any) string {
	b, err := json.Marshal(v)
	if err != nil && p.err == nil {
		p.err = err
	}
	return string(b)
}

// run sends all commands, and returns when all are answered.
func (p *pipeline) run(ctx context.Context) error {
	if p.err != nil || len(p.steps) == 0 {
		return p.err
	}
	commands := make(rueidis.Commands, len(p.steps))
	for i, s := range p.steps {
		if commands[i] = s.command; s.script != nil {
			commands[i] = p.store.command(s.script, false, s.keys, s.args)
		}
	}
	for i, r := range p.store.client.DoMulti(ctx, commands...) {
		err := r.Error()
		if s := p.steps[i]; s.script != nil && (isNoScript(err) || isGap(err)) {
			// Redis did not know the script, or not yet when what comes before
			// was due.
			err = p.store.client.Do(ctx, p.store.command(s.script, true, s.keys, s.args)).Error()
		}
		if err != nil && !rueidis.IsRedisNil(err) {
			return failed("write", err)
		}
	}
	return nil
}

func isGap(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "GAP") }

// head puts the end of a log there.
func (p *pipeline) head(stream chat.Stream, h migrate.Head, no int64, fields ...string) {
	k, said := p.store.keys, "0"
	if h.Event == nil {
		said = "1"
	}
	args := []string{num(h.Seq), "m", num(no), "at", num(h.Seq) + " " + num(no) + " " + said + " 0 " + h.ID}
	if h.Event != nil {
		e := *h.Event
		e.Stream, e.Epoch, e.Seq, e.ID = stream, p.store.epoch, h.Seq, h.ID
		if e.View != nil {
			v := *e.View
			v.Position.Epoch, v.Last = p.store.epoch, nil // as user.lua keeps it
			e.View = &v
		}
		switch args[1], args[2] = "e", p.json(e); {
		case e.Message != nil:
			args[1], args[2] = "c", changedEntry(e.ID, e.At, e.By, e.Kind, e.Message.No)
		case e.Reaction != nil:
			args[1], args[2] = "x", reactionEntry(e.ID, e.At, e.By, e.Kind, e.Reaction)
		}
	}
	p.eval(&transferHeadScript, []string{k.of(stream, "head"), k.of(stream, "log")}, append(args, fields...))
}

func (p *pipeline) room(r *migrate.Room) {
	b, k, id := p.store.client.B, p.store.keys, string(r.Room.ID)
	p.do(b().Zadd().Key(k.server("rooms")).ScoreMember().ScoreMember(0, id).Build())
	p.do(b().Sadd().Key(k.user(r.Room.CreatedBy, "created")).Member(id).Build())
	if r.Room.Kind == chat.Public {
		p.do(b().Zadd().Key(k.server("public")).ScoreMember().ScoreMember(0, id).Build())
	}
	fields := []string{"room", p.json(r.Room)}
	if r.Trimmed > 0 { // the id of that message is asked for by the next one alone, which has it
		fields = append(fields, "trimmed", num(r.Trimmed)+" ")
	}
	if r.Room.Archived || r.Room.Announce || r.Room.Slow > 0 {
		fields = append(fields, "gate",
			gate(r.Room.Archived, r.Room.Announce)+" "+strconv.Itoa(r.Room.Slow))
	}
	p.head(chat.RoomStream(r.Room.ID), r.Head, r.No, fields...)
}

// runs calls each with every run of neighbours of one room, of limit at most.
func runs[T any](all []T, limit int, room func(*T) chat.RoomID, each func(chat.RoomID, []T)) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && n < limit && room(&all[n]) == room(&all[0]) {
			n++
		}
		each(room(&all[0]), all[:n])
		all = all[n:]
	}
}

func (p *pipeline) members(members []migrate.Member) {
	runs(members, 500, func(m *migrate.Member) chat.RoomID { return m.Room },
		func(room chat.RoomID, some []migrate.Member) {
			b, k := p.store.client.B, p.store.keys
			places, order, reads := b().Hset().Key(k.room(room, "members")).FieldValue(),
				b().Zadd().Key(k.room(room, "order")).ScoreMember(),
				b().Hset().Key(k.room(room, "reads")).FieldValue()
			for _, m := range some {
				user := string(m.User)
				place, err := encodeMember(&m.Member, m.Spoke)
				if err != nil && p.err == nil {
					p.err = err
				}
				places = places.FieldValue(user, place)
				order = order.ScoreMember(0, user)
				reads = reads.FieldValue(user, num(m.ReadNo))
			}
			p.do(places.Build())
			p.do(order.Build())
			p.do(reads.Build())
		})
}

// A script that adds messages takes so many at once: others may use Redis too.
const messagesAtOnce = 200

func (p *pipeline) messages(messages []migrate.Message) {
	before := map[chat.RoomID]string{} // the newest in this batch
	runs(messages, messagesAtOnce, func(m *migrate.Message) chat.RoomID { return m.Room },
		func(room chat.RoomID, some []migrate.Message) {
			reached := before[room]
			if reached == "" {
				reached = "0"
			}
			args := append(make([]string, 0, 1+4*len(some)), reached)
			for i := range some {
				m, by := &some[i], "="
				if m.By != m.From {
					by = string(m.By)
				}
				about := num(m.Seq) + " " + num(m.At.UnixMilli()) + " " + string(m.From) + " " + by +
					" " + m.Prev + " " + m.ClientID
				args = append(args, num(m.No), m.ID, about, m.Text)
			}
			before[room] = num(some[len(some)-1].No)
			p.eval(&transferMessagesScript, []string{p.store.keys.room(room, "messages")}, args)
		})
}

func (p *pipeline) sends(sends []migrate.Send) {
	runs(sends, 500, func(s *migrate.Send) chat.RoomID { return s.Room },
		func(room chat.RoomID, some []migrate.Send) {
			by := map[string][]migrate.Send{}
			for _, s := range some {
				key := p.store.keys.generation(room, day(s.At))
				by[key] = append(by[key], s)
			}
			for key, of := range by {
				set := p.store.client.B().Hset().Key(key).FieldValue()
				for _, s := range of {
					set = set.FieldValue(string(s.Hash[:]), num(s.No))
				}
				p.do(set.Build())
				p.do(p.store.client.B().Expire().Key(key).Seconds(
					int64(generationLife / time.Second)).Build())
			}
		})
}

func (p *pipeline) person(v *migrate.Person) {
	b, k, a, id := p.store.client.B, p.store.keys, &v.Account, string(v.Account.ID)
	public := p.json(a.User)
	p.do(b().Hset().Key(k.server("names")).FieldValue().FieldValue(a.NameKey, id).Build())
	p.do(b().Hset().Key(k.server("keys")).FieldValue().FieldValue(id, a.NameKey).Build())
	if a.LookKey != "" {
		p.do(b().Hset().Key(k.server("names")).FieldValue().FieldValue(a.LookKey, id).Build())
		p.do(b().Hset().Key(k.server("looks")).FieldValue().FieldValue(id, a.LookKey).Build())
	}
	p.do(b().Hset().Key(k.server("users")).FieldValue().FieldValue(id, public).Build())
	p.do(b().Zadd().Key(k.server("order")).ScoreMember().ScoreMember(0, id).Build())
	// Version 0 is older than every change that is to come.
	p.do(b().Hset().Key(k.user(a.ID, "account")).FieldValue().FieldValue("v", "0").FieldValue("user", public).
		FieldValue("key", a.NameKey).FieldValue("password", a.Password).FieldValue("look", a.LookKey).Build())
	if v.Head.Seq > 0 {
		p.head(chat.UserStream(a.ID), v.Head, 0)
	}
	if len(v.Rooms) > 0 {
		list := b().Hset().Key(k.user(a.ID, "rooms")).FieldValue()
		for _, room := range v.Rooms {
			list = list.FieldValue(string(room.Room), listedAs(room.Notify))
		}
		p.do(list.Build())
	}
	for i := range v.Sessions {
		s := &v.Sessions[i]
		p.do(b().Set().Key(k.token(s.TokenHash)).Value(id + " " + string(s.ID)).Build())
		p.do(b().Zadd().Key(k.server("sessions")).Lt().ScoreMember().ScoreMember(
			float64(s.ExpiresAt.UnixMilli()), id).Build())
		p.do(b().Hset().Key(k.user(a.ID, "sessions")).FieldValue().FieldValue(string(s.ID),
			p.json(keep(*s))).Build())
	}
}

func (p *pipeline) invite(i chat.Invite) {
	k := p.store.keys.server
	p.eval(&inviteScript, []string{k("invites"), k("codes"), k("recent"), k("due")},
		[]string{"create", i.ID, i.CodeHash, num(i.CreatedAt.UnixMilli()),
			num(i.ExpiresAt.UnixMilli()), p.json(keptInvite{i, i.CodeHash})})
}
