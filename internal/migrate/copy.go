package migrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Counts are numbers of records.
type Counts struct {
	Rooms    int64 `json:"rooms"`
	Members  int64 `json:"members"`
	Messages int64 `json:"messages"`
	Sends    int64 `json:"sends"`
	People   int64 `json:"people"`
	Invites  int64 `json:"invites"`
	Records  int64 `json:"records"`
}

func (c *Counts) add(b *Batch) {
	c.Rooms += int64(len(b.Rooms))
	c.Members += int64(len(b.Members))
	c.Messages += int64(len(b.Messages))
	c.Sends += int64(len(b.Sends))
	c.People += int64(len(b.People))
	c.Invites += int64(len(b.Invites))
	c.Records += int64(len(b.Records))
}

// Progress is the progress of a migration. Total counts only rooms and
// messages.
type Progress struct {
	Done, Total Counts
	Resumed     bool // an earlier run has begun it
}

// state is what the destination stores about the migration.
type state struct {
	Version     int        `json:"version"`
	Epoch       string     `json:"epoch"`       // of the source
	Fingerprint string     `json:"fingerprint"` // of what the source held when it began
	Mark        checkpoint `json:"mark"`
	Done        Counts     `json:"done"`
}

const stateVersion = 3

// Options of [Copy].
type Options struct {
	// Report is called with the progress after each batch.
	Report func(Progress)
	// Now is the time for the age of sends; default time.Now.
	Now func() time.Time
	// Batch is how many records are written together, about; default 4000.
	Batch int
}

// Errors for migrations that cannot continue.
var (
	ErrOther   = errors.New("it holds an unfinished migration of other data: finish that one, or empty the destination")
	ErrChanged = errors.New("the source has changed since this migration was begun: empty the destination and begin anew")
)

// Copy moves everything from one side to the other, or the rest of it if it was
// begun before. The destination remains unusable until [Destination.Finish].
func Copy(ctx context.Context, from Source, to Destination, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	left, err := to.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("the destination: %w", err)
	}
	total, fingerprint, err := survey(ctx, from)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	s := state{Version: stateVersion, Epoch: from.Epoch(), Fingerprint: fingerprint,
		Mark: checkpoint{Stage: inRooms}}
	if left != nil {
		var was state
		if err := json.Unmarshal(left, &was); err != nil {
			return fmt.Errorf("the destination's state of the migration cannot be read: %w", err)
		}
		switch {
		case was.Version != s.Version:
			return fmt.Errorf("the destination: the migration was begun by another version of Parley (%d, this one knows %d): finish it with that one, or empty the destination",
				was.Version, s.Version)
		case was.Epoch != s.Epoch:
			return fmt.Errorf("the destination: %w", ErrOther)
		case was.Fingerprint != s.Fingerprint:
			return ErrChanged
		}
		s = was
	} else if err := to.Begin(ctx, s.encode()); err != nil {
		return fmt.Errorf("write to the destination: %w", err)
	}
	progress := Progress{Done: s.Done, Total: total, Resumed: left != nil}
	report := func() {
		if o.Report != nil {
			o.Report(progress)
		}
	}
	report()

	// One reads ahead while the other writes.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pieces := make(chan chunk, 2)
	readErr := make(chan error, 1)
	go func() {
		defer close(pieces)
		w := walk{from: from, since: o.Now().Add(-rememberFor), full: cmp.Or(o.Batch, batchSize),
			emit: func(p chunk) error {
				select {
				case pieces <- p:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}}
		readErr <- w.run(ctx, s.Mark)
	}()
	var writeErr error
	for p := range pieces {
		if writeErr != nil {
			continue // only lets the reader end
		}
		s.Mark = p.at
		s.Done.add(p.batch)
		if writeErr = to.Write(ctx, p.batch, s.encode()); writeErr != nil {
			cancel()
			continue
		}
		progress.Done = s.Done
		report()
	}
	err = <-readErr
	if writeErr != nil {
		return fmt.Errorf("write to the destination: %w", writeErr)
	}
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	return nil
}

// Read gives everything that a source has, in the order of [Copy] and in such
// batches. No record is given twice.
func Read(ctx context.Context, from Source, o Options, give func(*Batch) error) error {
	total, _, err := survey(ctx, from)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	progress := Progress{Total: total}
	w := walk{from: from, since: o.Now().Add(-rememberFor), full: cmp.Or(o.Batch, batchSize),
		emit: func(c chunk) error {
			if err := give(c.batch); err != nil {
				return err
			}
			progress.Done.add(c.batch)
			if o.Report != nil {
				o.Report(progress)
			}
			return ctx.Err()
		}}
	return w.run(ctx, checkpoint{Stage: inRooms})
}

// rememberFor is the age up to which sends are copied: more than promised, for
// clocks that differ.
const rememberFor = chat.DedupeFor + 2*time.Hour

func (s *state) encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers
	}
	return b
}

// survey counts the records and computes a fingerprint of the ends of the logs,
// which differs if anything but sessions, invites or read positions has
// changed.
func survey(ctx context.Context, from Source) (total Counts, fingerprint string, err error) {
	sum := digest{sha256.New()}
	for after := chat.RoomID(""); ; {
		rooms, err := from.Rooms(ctx, after, roomPage)
		if err != nil {
			return Counts{}, "", err
		}
		if len(rooms) == 0 {
			break
		}
		for i := range rooms {
			total.Rooms++
			total.Messages += rooms[i].No - rooms[i].Trimmed
			sum.room(&rooms[i])
		}
		after = rooms[len(rooms)-1].Room.ID
	}
	head, err := from.Server(ctx)
	if err != nil {
		return Counts{}, "", err
	}
	sum.head(head)
	return total, hex.EncodeToString(sum.Sum(nil)), nil
}
