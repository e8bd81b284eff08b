// Package importer writes what an archive has into a living Parley, on either
// store, beside its people.
//
// All formats come as one sequence of records (internal/archive), and all go
// through the domain's rules ([chat.Service.ImportMessages] and its like). Ids
// follow from those of the source, so a second run adds what is new and changes
// nothing else, and one that was killed goes on when it is run again. Messages
// are written in batches; in memory are people, rooms, and eight bytes and a
// number for each message, so that threads and links find them.
package importer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/chat"
)

// Importer brings an archive into a chat.
type Importer struct {
	From    archive.Source
	Service *chat.Service
	// PublicURL is where people reach the server: links to messages begin with
	// it. Without it they stay as they were.
	PublicURL string
	// DryRun reads everything and writes nothing.
	DryRun bool
	// Progress, if set, is called after each batch.
	Progress func(*Report)
}

// run is one import.
type run struct {
	Importer
	*Report
	ctx    context.Context
	header archive.Header
	server string // id of this one

	people  map[string]*person  // by the source's ids
	rooms   []*room             // also threads
	roomIDs map[string]int      // indexes of rooms by the source's ids
	here    map[chat.RoomID]int // by the ids here
	moved   []*room             // threads of which messages do not yet know how they are
	places  map[uint64]place    // of messages, by the hash of their id here
	seed    maphash.Seed
	emoji   map[string]string // as they are kept here, by how the source writes them

	batch []pending
	bytes int
}

// person is someone of the source.
type person struct {
	id   chat.UserID
	name string // here

	general bool // an account of this import, which belongs in General
}

// room is a room of the source, or a thread.
type room struct {
	chat.Room
	source  string // id there
	made    bool   // by this run: it has nothing yet
	members []member
	pins    int       // that are left
	wrote   bool      // this run has added messages
	last    time.Time // of the newest message that was read

	// of a thread: how it is now
	newest, deleted int64
	lastAt          time.Time
	moved           bool // its message does not yet know
}

type member struct {
	user      chat.UserID
	at        time.Time
	moderator bool
	thread    string // source's id of the message
}

// place is where a message is. No is 0 until it is written.
type place struct {
	room  int32
	no    int32
	fresh bool // this run has read it
	reply bool // it is in a thread, and has none itself
}

// Errors for archives that are none.
var (
	ErrNoHeader = errors.New("there is no header: this is not an export that Parley knows")
	ErrVersion  = errors.New("a later version of Parley wrote this export: use that one to import it")
)

// Run imports everything. The report says what was done, also beside an error.
func (i Importer) Run(ctx context.Context) (*Report, error) {
	r := &run{Importer: i, Report: newReport(), ctx: ctx, people: map[string]*person{},
		roomIDs: map[string]int{}, here: map[chat.RoomID]int{}, places: map[uint64]place{},
		seed:  maphash.MakeSeed(),
		emoji: map[string]string{}}
	r.Report.DryRun = i.DryRun
	err := r.all()
	r.finish(func(message uint64) string {
		if to, ok := r.places[message]; ok && to.no > 0 {
			return r.link(to)
		}
		return ""
	})
	return r.Report, err
}

func (r *run) all() (err error) {
	if !r.Importer.DryRun {
		if err := r.Service.Setup(r.ctx); err != nil {
			return err
		}
	}
	if r.server, err = r.Service.ServerID(r.ctx); err != nil {
		return err
	}
	for record, err := range r.From.Records() {
		if err != nil {
			return err
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.record(record); err != nil {
			return err
		}
	}
	if r.Source == "" {
		return ErrNoHeader
	}
	if err := r.flush(); err != nil {
		return err
	}
	for _, room := range slices.Clone(r.rooms) {
		if err := r.read(room); err != nil {
			return err
		}
		if err := r.enter(room); err != nil {
			return err
		}
	}
	if r.Importer.DryRun {
		return nil
	}
	if err := r.enterGeneral(); err != nil {
		return err
	}
	return r.Service.EndImport(r.ctx, r.name())
}

// name names the source in records.
func (r *run) name() string { return r.id("source", "") }

func (r *run) record(record archive.Record) error {
	if record.Header == nil && r.Source == "" {
		return ErrNoHeader
	}
	switch {
	case record.Header != nil:
		return r.begin(*record.Header)
	case record.Skipped != nil:
		r.leftOut(record.Skipped.Kind, max(record.Skipped.Count, 1), record.Skipped.Why,
			Thing{Where: record.Skipped.Where})
	case record.Person != nil:
		return r.person(record.Person)
	case record.Emoji != nil:
		return r.customEmoji(record.Emoji)
	case record.Room != nil:
		return r.room(record.Room)
	case record.Member != nil:
		r.member(record.Member)
	case record.Message != nil:
		return r.message(record.Message)
	}
	return nil
}

func (r *run) begin(h archive.Header) (err error) {
	if r.Source != "" {
		return errors.New("it has two headers")
	}
	if h.Version > archive.Version {
		return ErrVersion
	}
	r.header, r.Source = h, cmp.Or(h.Source, "unknown")
	if !r.Importer.DryRun {
		r.Resumed, err = r.Service.BeginImport(r.ctx, r.name())
	}
	return err
}

// own reports whether a Parley wrote the archive: its ids are like ours.
func (r *run) own() bool { return r.header.Source == "parley" }

// id derives an id from the source's.
func (r *run) id(kind, id string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"import", r.header.Source, r.header.Server, kind, id}, "\x00")))
	return "i-" + hex.EncodeToString(sum[:20])
}

// valid reports whether an id is one that Parley could have given.
func valid(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-')
	})
}

// userID is the id of a person here. An own archive's ids stay, unless someone
// else has it here.
func (r *run) userID(p *archive.Person) (chat.UserID, error) {
	id := chat.UserID(r.id("person", p.ID))
	if !r.own() || !valid(p.ID) {
		return id, nil
	}
	account, err := r.Service.Store.Account(r.ctx, chat.UserID(p.ID))
	if errors.Is(err, chat.ErrNotFound) || err == nil && account.CreatedAt.Equal(p.CreatedAt) {
		return chat.UserID(p.ID), nil
	}
	return id, err
}

func (r *run) person(p *archive.Person) error {
	kind := archive.People
	if p.Bot {
		kind = archive.Bots
	}
	where := Thing{Where: "person " + p.ID}
	if r.people[p.ID] != nil || p.ID == "" {
		r.leftOut(kind, 1, "its id is there twice, or missing", where)
		return nil
	}
	id, err := r.userID(p)
	if err != nil {
		return err
	}
	u := chat.User{ID: id, Name: p.Name, Role: chat.Role(cmp.Or(p.Role, "member")), Bot: p.Bot,
		Disabled: p.Disabled, Title: p.Title, About: p.About, TimeZone: p.TimeZone, Phone: p.Phone,
		CreatedAt: r.time(p.CreatedAt, r.Service.Now())}
	if !slices.Contains([]chat.Role{chat.RoleOwner, chat.RoleAdmin, chat.RoleMember,
		chat.RoleGuest}, u.Role) ||
		!r.own() && u.Role != chat.RoleGuest {
		u.Role = chat.RoleMember
	}
	there, err := r.Service.Store.Account(r.ctx, id)
	made := errors.Is(err, chat.ErrNotFound)
	switch {
	case err != nil && !made:
		return err
	case !made:
		u = there.User
	case r.Importer.DryRun:
		u.Name = r.Service.NearestName(u)
	default:
		if u, made, err = r.Service.ImportUser(r.ctx, u); err != nil {
			return fmt.Errorf("person %s: %w", p.ID, err)
		}
	}
	r.people[p.ID] = &person{id: id, name: u.Name,
		general: (made || r.Resumed) && u.Role != chat.RoleGuest && !u.Disabled}
	if !made {
		r.unchanged(kind, 1)
		return nil
	}
	r.taken(kind, 1)
	if u.Name != p.Name {
		where.Where = fmt.Sprintf("%q is %q here", shorten(p.Name), u.Name)
		r.changed(kind, "the name is taken, or cannot be shown as it was", where)
	}
	return nil
}

// time returns a time that can be, or another.
func (r *run) time(t, instead time.Time) time.Time {
	if !r.possible(t) {
		return instead
	}
	return t
}

// possible reports whether something can have happened then.
func (r *run) possible(t time.Time) bool {
	return t.Unix() > 0 && t.Before(r.Service.Now().Add(24*time.Hour))
}

func (r *run) customEmoji(e *archive.Emoji) error {
	where := Thing{Where: ":" + shorten(e.Name) + ":"}
	by := chat.UserID("")
	if p := r.people[e.By]; p != nil {
		by = p.id
	}
	f, err := r.From.Open(e.File)
	if err != nil {
		r.leftOut(archive.Emojis, 1, "its picture is not in the export", where)
		return nil
	}
	defer f.Close()
	if r.Importer.DryRun {
		r.taken(archive.Emojis, 1)
		return nil
	}
	made, err := r.Service.ImportEmoji(r.ctx, e.Name, e.Alias, by, f)
	refusal, refused := errors.AsType[*chat.Error](err)
	switch {
	case refused && refusal.Code != chat.CodeUnavailable && refusal.Code != chat.CodeInternal:
		r.leftOut(archive.Emojis, 1, refusal.Message, where)
	case err != nil && r.ctx.Err() == nil && !refused:
		r.leftOut(archive.Emojis, 1, "its picture cannot be read", where)
	case err != nil:
		return err
	case made:
		r.taken(archive.Emojis, 1)
	default:
		r.unchanged(archive.Emojis, 1)
	}
	return nil
}

// shorten returns the beginning of a text, for reports.
func shorten(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
