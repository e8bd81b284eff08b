// Package backup writes everything that a store and its files hold into one
// stream, checks such a stream, and reads it as a source of internal/migrate,
// so that a backup of any store is restored into any.
//
// A backup is a tar archive in zstd, and in age if it is encrypted, so that
// common tools open it. Its entries, in this order:
//
//	parley-backup.json          the [Header]
//	records/00000001-KIND.jsonl records of internal/migrate, one on a line
//	files/ID                    what people have uploaded
//	manifest.json               the [Manifest]: counts and checksums
//
// Records come in batches, in the order of [migrate.Copy]. Entries of one batch
// have the same number.
package backup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/migrate"
)

// formatVersion is that of the archive. A reader refuses a higher one.
const formatVersion = 1

const (
	headerName   = "parley-backup.json"
	manifestName = "manifest.json"
	recordsDir   = "records/"
	filesDir     = "files/"
	filesKind    = "files"

	// maxEntry bounds what a reader takes into memory, in bytes. Batches are a
	// tenth of it.
	maxEntry = 64 << 20
)

// Header begins a backup.
type Header struct {
	Format int       `json:"format"`
	ID     string    `json:"id"`   // of this backup
	Made   time.Time `json:"made"` // when it was begun
	By     string    `json:"by"`   // version of Parley
}

// Manifest ends a backup: without it, the backup is not whole.
type Manifest struct {
	// Kinds are the records by kind, and "files".
	Kinds map[string]Summary `json:"kinds"`
	// Missing counts files of messages and pictures of people that were not
	// there. One that is deleted during the backup is missing.
	Missing int64 `json:"missing,omitempty"`
}

// Summary is what an archive holds of one kind.
type Summary struct {
	Count  int64  `json:"count"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of all of them in order, in hex
}

// part is one kind of records in a batch.
type part struct {
	kind   string
	stage  int // parts of one stage come together
	encode func(*migrate.Batch, *json.Encoder) error
	decode func(*json.Decoder, *migrate.Batch) error
}

// lines makes a part of a field of the batch whose records T are written as W.
func lines[T, W any](kind string, stage int, field func(*migrate.Batch) *[]T,
	to func(T) W, from func(W) T) part {
	return part{kind, stage,
		func(b *migrate.Batch, e *json.Encoder) error {
			for _, v := range *field(b) {
				if err := e.Encode(to(v)); err != nil {
					return err
				}
			}
			return nil
		},
		func(d *json.Decoder, b *migrate.Batch) error {
			for all := field(b); d.More(); {
				var v W
				if err := d.Decode(&v); err != nil {
					return err
				}
				*all = append(*all, from(v))
			}
			return nil
		}}
}

func same[T any](v T) T { return v }

// Stages, in the order of the walk.
const (
	inRooms = iota
	inSends
	inPeople
	inInvites
	inRecords
	inServer
)

var parts = []part{
	lines("rooms", inRooms, func(b *migrate.Batch) *[]migrate.Room { return &b.Rooms }, same, same),
	lines("members", inRooms, func(b *migrate.Batch) *[]migrate.Member { return &b.Members }, same, same),
	lines("messages", inRooms, func(b *migrate.Batch) *[]migrate.Message { return &b.Messages }, same, same),
	lines("sends", inSends, func(b *migrate.Batch) *[]migrate.Send { return &b.Sends }, same, same),
	lines("people", inPeople, func(b *migrate.Batch) *[]migrate.Person { return &b.People },
		writtenPerson, person.read),
	lines("invites", inInvites, func(b *migrate.Batch) *[]chat.Invite { return &b.Invites },
		func(i chat.Invite) invite { return invite{i, i.CodeHash} },
		func(i invite) chat.Invite { i.Invite.CodeHash = i.CodeHash; return i.Invite }),
	lines("records", inRecords, func(b *migrate.Batch) *[]migrate.Record { return &b.Records }, same, same),
	{"server", inServer,
		func(b *migrate.Batch, e *json.Encoder) error {
			if b.Server == nil {
				return nil
			}
			return e.Encode(b.Server)
		},
		func(d *json.Decoder, b *migrate.Batch) error { return d.Decode(&b.Server) }},
}

// What JSON for clients leaves out.
type (
	person struct {
		migrate.Person
		Sessions []session
	}
	session struct {
		chat.Session
		User      chat.UserID `json:"user"`
		TokenHash string      `json:"token_hash"`
	}
	invite struct {
		chat.Invite
		CodeHash string `json:"code_hash"`
	}
)

func writtenPerson(p migrate.Person) person {
	w := person{Person: p}
	for _, s := range p.Sessions {
		w.Sessions = append(w.Sessions, session{s, s.User, s.TokenHash})
	}
	return w
}

func (p person) read() migrate.Person {
	for _, s := range p.Sessions {
		s.Session.User, s.Session.TokenHash = s.User, s.TokenHash
		p.Person.Sessions = append(p.Person.Sessions, s.Session)
	}
	return p.Person
}

// partOf returns the part with the kind, nil if there is none.
func partOf(kind string) *part {
	for i := range parts {
		if parts[i].kind == kind {
			return &parts[i]
		}
	}
	return nil
}

// decodeInto adds the records of an entry to the batch.
func (p *part) decodeInto(b *migrate.Batch, data []byte) error {
	if err := p.decode(json.NewDecoder(bytes.NewReader(data)), b); err != nil {
		return fmt.Errorf("%w: its %s cannot be read (%w)", ErrDamaged, p.kind, err)
	}
	return nil
}
