package migrate

import (
	"context"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// checkpoint is a position in the walk: the record that it names and all before
// it are written.
type checkpoint struct {
	Stage stage `json:"stage"`
	// Room is the room at hand, and User and No are the last member and the
	// last message of it. Whole: the room is done.
	Room  chat.RoomID `json:"room,omitempty"`
	User  chat.UserID `json:"user,omitempty"` // of people: the last one
	No    int64       `json:"no,omitempty"`
	Whole bool        `json:"whole,omitempty"`
	// The last invite.
	Invite chat.Invite `json:"invite,omitzero"`
	// Kind and ID of the last record.
	Kind string `json:"kind,omitempty"`
	ID   string `json:"id,omitempty"`
}

// stage is a part of the walk. Stages come in this order.
type stage int

const (
	inRooms stage = iota // each with its members and messages
	inSends
	inPeople
	inInvites
	inRecords
	inServer
	atEnd
)

// Pages are read in these sizes, and written when so many records or bytes have
// come together.
const (
	roomPage    = 200
	memberPage  = 1000
	messagePage = 2000
	peoplePage  = 500
	invitePage  = 500
	recordPage  = 200
	batchSize   = 4000
	batchBytes  = 4 << 20
	sendsFactor = 4 // sends are small, and in a batch of the embedded store stand together
)

// chunk is a batch and the checkpoint at its end.
type chunk struct {
	batch *Batch
	at    checkpoint
}

// walk reads a source from a checkpoint to its end.
type walk struct {
	from  Source
	since time.Time // of sends
	full  int       // records in a batch
	emit  func(chunk) error

	batch *Batch
	size  int // records
	bytes int
}

func (w *walk) run(ctx context.Context, at checkpoint) error {
	w.batch = &Batch{}
	for _, s := range []func(context.Context, checkpoint) (checkpoint, error){inRooms: w.rooms,
		inSends: w.sends, inPeople: w.people, inInvites: w.invites, inRecords: w.records,
		inServer: w.server}[at.Stage:] {
		next, err := s(ctx, at)
		if err != nil {
			return err
		}
		if err := w.flush(next); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// put counts what was added to the batch, up to the checkpoint, and emits the
// batch when it is large.
func (w *walk) put(records, bytes int, at checkpoint) error {
	w.size, w.bytes = w.size+records, w.bytes+bytes
	if w.size < w.full && w.bytes < batchBytes {
		return nil
	}
	return w.flush(at)
}

func (w *walk) flush(at checkpoint) error {
	b := w.batch
	w.batch, w.size, w.bytes = &Batch{}, 0, 0
	return w.emit(chunk{b, at})
}

func (w *walk) rooms(ctx context.Context, at checkpoint) (checkpoint, error) {
	if at.Room != "" && !at.Whole {
		if err := w.room(ctx, at); err != nil {
			return at, err
		}
	}
	for after := at.Room; ; {
		rooms, err := w.from.Rooms(ctx, after, min(roomPage, w.full))
		if err != nil {
			return at, err
		}
		if len(rooms) == 0 {
			return checkpoint{Stage: inSends}, nil
		}
		for _, r := range rooms {
			w.batch.Rooms = append(w.batch.Rooms, r)
			here := checkpoint{Room: r.Room.ID}
			if err := w.put(1, 0, here); err != nil {
				return at, err
			}
			if err := w.room(ctx, here); err != nil {
				return at, err
			}
		}
		after = rooms[len(rooms)-1].Room.ID
	}
}

// room reads the members and the messages of a room, after the checkpoint.
func (w *walk) room(ctx context.Context, at checkpoint) error {
	for at.No == 0 {
		members, err := w.from.Members(ctx, at.Room, at.User, min(memberPage, w.full))
		if err != nil {
			return err
		}
		if len(members) == 0 {
			break
		}
		w.batch.Members = append(w.batch.Members, members...)
		at.User = members[len(members)-1].User
		if err := w.put(len(members), 0, at); err != nil {
			return err
		}
	}
	for {
		messages, err := w.from.Messages(ctx, at.Room, at.No, min(messagePage, w.full))
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			at.Whole = true
			return w.put(0, 0, at)
		}
		w.batch.Messages = append(w.batch.Messages, messages...)
		bytes := 0
		for i := range messages {
			bytes += len(messages[i].Text)
			for _, e := range messages[i].Edits {
				bytes += len(e.Text)
			}
		}
		at.No = messages[len(messages)-1].No
		if err := w.put(len(messages), bytes, at); err != nil {
			return err
		}
	}
}

// sends starts from the beginning if it is resumed: they come in any order, and
// writing one twice is no harm.
func (w *walk) sends(ctx context.Context, at checkpoint) (checkpoint, error) {
	err := w.from.Sends(ctx, w.since, func(some []Send) error {
		w.batch.Sends = append(w.batch.Sends, some...)
		if len(w.batch.Sends) < sendsFactor*w.full {
			return nil
		}
		return w.flush(at)
	})
	return checkpoint{Stage: inPeople}, err
}

func (w *walk) people(ctx context.Context, at checkpoint) (checkpoint, error) {
	for {
		people, err := w.from.People(ctx, at.User, min(peoplePage, w.full))
		if err != nil || len(people) == 0 {
			return checkpoint{Stage: inInvites}, err
		}
		w.batch.People = append(w.batch.People, people...)
		n := len(people)
		for i := range people {
			n += len(people[i].Rooms) + len(people[i].Sessions)
		}
		at.User = people[len(people)-1].Account.ID
		if err := w.put(n, 0, at); err != nil {
			return at, err
		}
	}
}

func (w *walk) invites(ctx context.Context, at checkpoint) (checkpoint, error) {
	for {
		invites, err := w.from.Invites(ctx, at.Invite, min(invitePage, w.full))
		if err != nil || len(invites) == 0 {
			return checkpoint{Stage: inRecords}, err
		}
		w.batch.Invites = append(w.batch.Invites, invites...)
		at.Invite = invites[len(invites)-1]
		if err := w.put(len(invites), 0, at); err != nil {
			return at, err
		}
	}
}

func (w *walk) records(ctx context.Context, at checkpoint) (checkpoint, error) {
	for {
		records, err := w.from.Records(ctx, Record{Kind: at.Kind, Record: chat.Record{ID: at.ID}},
			min(recordPage, w.full))
		if err != nil || len(records) == 0 {
			return checkpoint{Stage: inServer}, err
		}
		w.batch.Records = append(w.batch.Records, records...)
		bytes := 0
		for i := range records {
			bytes += len(records[i].Value)
		}
		at.Kind, at.ID = records[len(records)-1].Kind, records[len(records)-1].ID
		if err := w.put(len(records), bytes, at); err != nil {
			return at, err
		}
	}
}

func (w *walk) server(ctx context.Context, _ checkpoint) (checkpoint, error) {
	head, err := w.from.Server(ctx)
	w.batch.Server = &head
	return checkpoint{Stage: atEnd}, err
}
