package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// Source reads the records of a backup. It is fast when it is asked in the
// order in which they were written, as [migrate.Copy] and [migrate.Verify] do:
// whatever comes earlier begins a new pass.
type Source struct {
	file   *File
	stream *stream
	batch  *batch // nil at the end
	ahead  *entry // read already, and of the next batch
	at     place  // of the last question
}

var _ migrate.Source = (*Source)(nil)

// Source returns the records as a source. Close must be called.
func (f *File) Source() *Source { return &Source{file: f} }

// Close ends the pass.
func (s *Source) Close() error {
	if s.stream != nil {
		s.stream.close()
	}
	return nil
}

// place is where something stands in a backup.
type place struct {
	stage int
	id    string // of a room or a person
	sub   int    // in a room
}

// In a room's place come its members, its messages, and then the next rooms.
const (
	itsMembers = iota
	itsMessages
	afterIt
)

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.stage, q.stage), cmp.Compare(p.id, q.id), cmp.Compare(p.sub, q.sub))
}

// entry is one kind of records of a batch, as it was read.
type entry struct {
	number int
	part   *part
	data   []byte
}

// batch is what the entries of one number hold. They are decoded when they are
// asked for.
type batch struct {
	migrate.Batch
	stage   int
	entries []entry
}

// decoded returns the batch with the records of the kind.
func (b *batch) decoded(kind string) (*batch, error) {
	for i := range b.entries {
		if e := &b.entries[i]; e.part.kind == kind && e.data != nil {
			if err := e.part.decodeInto(&b.Batch, e.data); err != nil {
				return nil, err
			}
			e.data = nil
		}
	}
	return b, nil
}

// seek makes the source ready for what stands at p or later.
func (s *Source) seek(p place) error {
	back := s.stream == nil || p.compare(s.at) < 0
	s.at = p
	if !back {
		return nil
	}
	if err := s.Close(); err != nil {
		return err
	}
	var err error
	if s.stream, err = s.file.start(); err != nil {
		s.stream = nil
		return err
	}
	s.ahead = nil
	return s.advance()
}

// advance goes to the next batch.
func (s *Source) advance() error {
	s.batch = nil
	for {
		e := s.ahead
		if s.ahead = nil; e == nil {
			var err error
			if e, err = s.entry(); err != nil {
				return err
			}
		}
		switch {
		case e == nil:
			return nil
		case s.batch == nil:
			s.batch = &batch{stage: e.part.stage}
		case s.batch.entries[0].number != e.number:
			s.ahead = e
			return nil
		}
		s.batch.entries = append(s.batch.entries, *e)
	}
}

// entry reads the next entry; nil after the last.
func (s *Source) entry() (*entry, error) {
	name, size, err := s.stream.next()
	if err == io.EOF {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	number, kind, ok := recordsOf(name)
	if !ok {
		return nil, nil // files and the manifest come after all records
	}
	p := partOf(kind)
	if p == nil {
		return nil, fmt.Errorf("%w (it has an entry %q)", ErrDamaged, name)
	}
	data, err := s.stream.read(name, size)
	return &entry{number, p, data}, err
}

// page returns records of a kind that belong, up to limit of the first batch
// from p on that has some. It stops at a batch of another stage, and at one
// after which ends reports that there can be none.
func page[T any](ctx context.Context, s *Source, p place, kind string, field func(*batch) []T,
	belongs func(*T) bool, limit int, ends func(*batch) (bool, error)) ([]T, error) {
	if err := s.seek(p); err != nil {
		return nil, err
	}
	for s.batch != nil && s.batch.stage <= p.stage {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.batch.stage == p.stage {
			b, err := s.batch.decoded(kind)
			if err != nil {
				return nil, err
			}
			var found []T
			for _, v := range field(b) {
				if len(found) < limit && belongs(&v) {
					found = append(found, v)
				}
			}
			if len(found) > 0 {
				return found, nil
			}
			if over, err := ends(b); over || err != nil {
				return nil, err
			}
		}
		if err := s.advance(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func never(*batch) (bool, error) { return false, nil }

// Epoch implements [migrate.Source]: it names the backup.
func (s *Source) Epoch() string { return s.file.Header.ID }

// Rooms implements [migrate.Source].
func (s *Source) Rooms(ctx context.Context, after chat.RoomID, limit int) ([]migrate.Room, error) {
	return page(ctx, s, place{inRooms, string(after), afterIt}, "rooms",
		func(b *batch) []migrate.Room { return b.Rooms },
		func(r *migrate.Room) bool { return r.Room.ID > after }, limit, never)
}

// beyond reports whether a batch has rooms after the given one.
func beyond(b *batch, room chat.RoomID) (bool, error) {
	b, err := b.decoded("rooms")
	return err == nil && len(b.Rooms) > 0 && b.Rooms[len(b.Rooms)-1].Room.ID > room, err
}

// Members implements [migrate.Source].
func (s *Source) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]migrate.Member, error) {
	return page(ctx, s, place{inRooms, string(room), itsMembers}, "members",
		func(b *batch) []migrate.Member { return b.Members },
		func(m *migrate.Member) bool { return m.Room == room && m.User > after }, limit,
		func(b *batch) (bool, error) {
			b, err := b.decoded("messages")
			if err != nil || len(b.Messages) > 0 && b.Messages[len(b.Messages)-1].Room >= room {
				return true, err
			}
			return beyond(b, room)
		})
}

// Messages implements [migrate.Source].
func (s *Source) Messages(ctx context.Context, room chat.RoomID, after int64,
	limit int) ([]migrate.Message, error) {
	return page(ctx, s, place{inRooms, string(room), itsMessages}, "messages",
		func(b *batch) []migrate.Message { return b.Messages },
		func(m *migrate.Message) bool { return m.Room == room && m.No > after }, limit,
		func(b *batch) (bool, error) { return beyond(b, room) })
}

// Sends implements [migrate.Source].
func (s *Source) Sends(ctx context.Context, since time.Time, give func([]migrate.Send) error) error {
	if err := s.seek(place{stage: inSends}); err != nil {
		return err
	}
	for ; s.batch != nil && s.batch.stage <= inSends; s.at = (place{stage: inPeople}) {
		b, err := s.batch.decoded("sends")
		if err != nil {
			return err
		}
		var some []migrate.Send
		for _, send := range b.Sends {
			if !send.At.Before(since) {
				some = append(some, send)
			}
		}
		if len(some) > 0 {
			err = give(some)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := s.advance(); err != nil {
			return err
		}
	}
	return nil
}

// Forgotten implements [migrate.Source], which asks it of destinations only.
func (s *Source) Forgotten(context.Context, []migrate.Send) (int, error) {
	return 0, errors.New("a backup answers no questions about sends")
}

// People implements [migrate.Source].
func (s *Source) People(ctx context.Context, after chat.UserID, limit int) ([]migrate.Person, error) {
	return page(ctx, s, place{stage: inPeople, id: string(after)}, "people",
		func(b *batch) []migrate.Person { return b.People },
		func(p *migrate.Person) bool { return p.Account.ID > after }, limit, never)
}

// Invites implements [migrate.Source].
func (s *Source) Invites(ctx context.Context, after chat.Invite, limit int) ([]chat.Invite, error) {
	return page(ctx, s, place{stage: inInvites}, "invites",
		func(b *batch) []chat.Invite { return b.Invites },
		func(i *chat.Invite) bool {
			return after.ID == "" ||
				cmp.Or(i.CreatedAt.Compare(after.CreatedAt), cmp.Compare(i.ID, after.ID)) > 0
		}, limit, never)
}

// Records implements [migrate.Source].
func (s *Source) Records(ctx context.Context, after migrate.Record, limit int) ([]migrate.Record, error) {
	return page(ctx, s, place{stage: inRecords, id: after.Kind + "\x00" + after.ID}, "records",
		func(b *batch) []migrate.Record { return b.Records },
		func(r *migrate.Record) bool {
			return cmp.Or(cmp.Compare(r.Kind, after.Kind), cmp.Compare(r.ID, after.ID)) > 0
		}, limit, never)
}

// Server implements [migrate.Source].
func (s *Source) Server(ctx context.Context) (migrate.Head, error) {
	found, err := page(ctx, s, place{stage: inServer}, "server",
		func(b *batch) []*migrate.Head { return []*migrate.Head{b.Batch.Server} },
		func(h **migrate.Head) bool { return *h != nil }, 1, never)
	if err != nil || len(found) == 0 {
		return migrate.Head{}, cmp.Or(err, ErrShort)
	}
	return *found[0], nil
}
