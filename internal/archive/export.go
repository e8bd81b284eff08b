package archive

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/parley-chat/parley/internal/chat"
)

// records is the name of the file with the records.
const records = "parley.jsonl"

// exporting is one export.
type exporting struct {
	*chat.Service
	ctx   context.Context
	zip   *zip.Writer
	lines *json.Encoder
	files []string // ids of files whose bytes come after the records
}

// Export writes everything that a server has into a zip file, or one room of
// it, with its people. It is read from the store page by page.
func Export(ctx context.Context, s *chat.Service, w io.Writer, only chat.RoomID) error {
	z := zip.NewWriter(w)
	f, err := z.Create(records)
	if err != nil {
		return err
	}
	e := &exporting{Service: s, ctx: ctx, zip: z, lines: json.NewEncoder(f)}
	e.lines.SetEscapeHTML(false)
	if err := e.all(only); err != nil {
		return err
	}
	return z.Close()
}

func (e *exporting) all(only chat.RoomID) error {
	info, err := e.Info(e.ctx, chat.Caller{}, chat.None{})
	if err != nil {
		return err
	}
	header := Header{Version: Version, Source: "parley", Server: info.ID, Name: info.Name, At: e.Now().UTC(),
		Room: string(only)}
	if err := e.lines.Encode(Record{Header: &header}); err != nil {
		return err
	}
	if err := e.people(only); err != nil {
		return err
	}
	emoji, err := e.emoji(only)
	if err != nil {
		return err
	}
	for room, err := range e.rooms(only) {
		if err != nil {
			return err
		}
		if err := e.room(room); err != nil {
			return err
		}
	}
	for _, id := range e.files {
		if err := e.copy("files/"+id, id); err != nil {
			return err
		}
	}
	for _, one := range emoji {
		if err := e.copy("emoji/"+one.Name, one.Picture); err != nil {
			return err
		}
	}
	return nil
}

// copy writes the bytes of a file. One that is not there any more is left out.
func (e *exporting) copy(name, id string) error {
	content, err := e.Files.Open(e.ctx, id, 0)
	if errors.Is(err, chat.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	w, err := e.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = io.Copy(w, content)
	}
	return errors.Join(err, content.Close())
}

// rooms goes through the rooms but for threads, or through one.
func (e *exporting) rooms(only chat.RoomID) iter.Seq2[chat.Room, error] {
	return func(yield func(chat.Room, error) bool) {
		if only != "" {
			yield(e.Store.Room(e.ctx, only))
			return
		}
		for after := chat.RoomID(""); ; {
			page, err := e.Store.Rooms(e.ctx, after, 200)
			if err != nil {
				yield(chat.Room{}, err)
				return
			}
			for _, r := range page {
				if r.Kind != chat.ThreadRoom && !yield(r, nil) {
					return
				}
				after = r.ID
			}
			if len(page) < 200 {
				return
			}
		}
	}
}

// messages goes through the messages of a room or thread, oldest first.
func (e *exporting) messages(room chat.RoomID) iter.Seq2[chat.Message, error] {
	return func(yield func(chat.Message, error) bool) {
		for after := int64(0); ; {
			page, err := e.Store.Messages(e.ctx, room, chat.Page{From: chat.After, No: after, Limit: 200})
			if err != nil {
				yield(chat.Message{}, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
				after = m.No
			}
			if len(page) < 200 {
				return
			}
		}
	}
}

func (e *exporting) members(room chat.RoomID) iter.Seq2[chat.Member, error] {
	return func(yield func(chat.Member, error) bool) {
		for after := chat.UserID(""); ; {
			page, err := e.Store.Members(e.ctx, room, after, 200)
			if err != nil {
				yield(chat.Member{}, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
				after = m.User
			}
			if len(page) < 200 {
				return
			}
		}
	}
}

// people writes everyone, or who is or was in one room.
func (e *exporting) people(only chat.RoomID) error {
	if only != "" {
		in, err := e.peopleOf(only)
		if err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(in)) {
			account, err := e.Store.Account(e.ctx, id)
			if err == nil {
				err = e.person(account.User)
			}
			if err != nil && !errors.Is(err, chat.ErrNotFound) {
				return err
			}
		}
		return nil
	}
	for after := chat.UserID(""); ; {
		page, err := e.Store.Users(e.ctx, after, 200)
		if err != nil {
			return err
		}
		for _, u := range page {
			if err := e.person(u); err != nil {
				return err
			}
			after = u.ID
		}
		if len(page) < 200 {
			return nil
		}
	}
}

func (e *exporting) person(u chat.User) error {
	return e.lines.Encode(Record{Person: &Person{ID: string(u.ID), Name: u.Name, Role: string(u.Role),
		Bot: u.Bot, Disabled: u.Disabled, Title: u.Title, About: u.About, TimeZone: u.TimeZone,
		Phone: u.Phone, CreatedAt: u.CreatedAt}})
}

// peopleOf returns whom the records of a room name.
func (e *exporting) peopleOf(room chat.RoomID) (map[chat.UserID]bool, error) {
	in := map[chat.UserID]bool{}
	r, err := e.Store.Room(e.ctx, room)
	if err != nil {
		return nil, err
	}
	in[r.CreatedBy] = true
	for m, err := range e.members(room) {
		if err != nil {
			return nil, err
		}
		in[m.User] = true
	}
	for m, err := range e.messages(room) {
		if err != nil {
			return nil, err
		}
		in[m.From], in[m.PinnedBy] = true, true
		for _, u := range m.Mentions {
			in[u] = true
		}
		for _, g := range m.Reactions {
			for _, u := range g.Users {
				in[u] = true
			}
		}
		if m.Thread != nil {
			more, err := e.peopleOf(m.Thread.Room)
			if err != nil {
				return nil, err
			}
			maps.Copy(in, more)
		}
	}
	delete(in, "")
	return in, nil
}

// emoji writes the custom emoji, unless the export is of one room, and returns
// those whose pictures are to come.
func (e *exporting) emoji(only chat.RoomID) ([]chat.CustomEmoji, error) {
	if only != "" || e.Files == nil {
		return nil, nil
	}
	list, err := e.ListEmoji(e.ctx, chat.Caller{}, chat.None{})
	if err != nil {
		return nil, err
	}
	for _, one := range list.Emoji {
		if err := e.lines.Encode(Record{Emoji: &Emoji{Name: one.Name, Alias: one.Alias, By: string(one.By),
			File: "emoji/" + one.Name}}); err != nil {
			return nil, err
		}
	}
	return list.Emoji, nil
}

func (e *exporting) room(r chat.Room) error {
	out := Room{ID: string(r.ID), Kind: string(r.Kind), General: r.ID == chat.GeneralID, Name: r.Name,
		Topic: r.Topic, By: string(r.CreatedBy), CreatedAt: r.CreatedAt, Archived: r.Archived,
		Announce: r.Announce, Retain: r.Retain, Slow: r.Slow}
	for _, u := range r.People {
		out.People = append(out.People, string(u))
	}
	if err := e.lines.Encode(Record{Room: &out}); err != nil {
		return err
	}
	if r.Kind != chat.Direct { // whose people are its members
		if err := e.memberLines(r.ID, Member{Room: out.ID}); err != nil {
			return err
		}
	}
	for m, err := range e.messages(r.ID) {
		if err != nil {
			return err
		}
		if err := e.message(m, Message{Room: out.ID}); err != nil {
			return err
		}
		if m.Thread == nil {
			continue
		}
		if err := e.memberLines(m.Thread.Room, Member{Room: out.ID, Thread: m.ID}); err != nil {
			return err
		}
		for reply, err := range e.messages(m.Thread.Room) {
			if err != nil {
				return err
			}
			if err := e.message(reply, Message{Room: out.ID, Thread: m.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *exporting) memberLines(room chat.RoomID, as Member) error {
	for m, err := range e.members(room) {
		if err != nil {
			return err
		}
		as.Person, as.Moderator, as.At = string(m.User), m.Role == chat.RoomModerator, m.JoinedAt
		if err := e.lines.Encode(Record{Member: &as}); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporting) message(m chat.Message, out Message) error {
	out.ID, out.From, out.At, out.Text = m.ID, string(m.From), m.At, m.Text
	out.EditedAt, out.PinnedAt, out.PinnedBy = m.EditedAt, m.PinnedAt, string(m.PinnedBy)
	out.DeletedAt = m.DeletedAt
	for _, u := range m.Mentions {
		out.Mentions = append(out.Mentions, string(u))
	}
	for _, f := range m.Files {
		file := File{ID: f.ID, Name: f.Name, Alt: f.Alt, Voice: f.Voice, Duration: f.Duration}
		if e.Files != nil {
			file.Path = "files/" + f.ID
			e.files = append(e.files, f.ID)
		}
		out.Files = append(out.Files, file)
	}
	for _, g := range m.Reactions {
		r := Reaction{Emoji: g.Emoji}
		for _, u := range g.Users {
			r.People = append(r.People, string(u))
		}
		out.Reactions = append(out.Reactions, r)
	}
	if !m.EditedAt.IsZero() {
		edits, err := e.Store.Edits(e.ctx, m.Room, m.No)
		if err != nil {
			return err
		}
		for _, one := range edits {
			out.Edits = append(out.Edits, Edit(one))
		}
	}
	return e.lines.Encode(Record{Message: &out})
}

// reader reads Parley's own format.
type reader struct{ *Container }

// Open opens an archive in Parley's own format.
func Open(path string) (Source, error) {
	c, err := OpenExport(path)
	if err != nil {
		return nil, err
	}
	return reader{c}, nil
}

// Records implements [Source].
func (r reader) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		f, err := r.Open(records)
		if err != nil {
			yield(Record{}, errors.New("there is no "+records+" in it: this is no export of Parley"))
			return
		}
		defer f.Close()
		n := 0
		for record, err := range Values[Record](f) {
			n++
			if err != nil {
				record = Record{Skipped: &Skipped{Kind: Messages, Why: err.Error(), Where: records +
					", line " + strconv.Itoa(n)}}
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}
