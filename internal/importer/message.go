package importer

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/chat"
)

// A batch is written when it has so many messages, or bytes of text.
const (
	batchMessages = 500
	batchBytes    = 1 << 20
)

// pending is a message that is about to be written.
type pending struct {
	chat.ImportedMessage
	key    uint64
	root   uint64 // of a reply: the key of the message that it is under
	attach []func(no int64) error
}

// messageID is the id of a source's message here.
func (r *run) messageID(room *room, id string) string {
	if r.own() && valid(id) && (string(room.ID) == room.source || room.Kind == chat.Direct) {
		return id
	}
	return r.id("message", room.source+"\x00"+id)
}

func (r *run) key(id string) uint64 { return maphash.String(r.seed, id) }

// message adds a message to the batch, unless it is there or cannot be taken.
func (r *run) message(in *archive.Message) error {
	kind := archive.Messages
	if in.Thread != "" {
		kind = archive.Replies
	}
	where := Thing{Where: in.Where}
	if where.Where == "" {
		where.Where = "message " + in.ID + " of room " + in.Room
	}
	skip := func(why string) error {
		r.leftOut(kind, 1, why, where)
		r.parts(in, func(k archive.Kind, n int) { r.leftOut(k, n, "the message is left out: "+why, where) })
		return nil
	}
	at, ok := r.roomIDs[in.Room]
	author := r.people[in.From]
	switch {
	case !ok:
		return skip("the room is not imported")
	case author == nil:
		return skip("the author is not in the export")
	case in.ID == "":
		return skip("it has no id")
	}
	room := r.rooms[at]
	m := pending{ImportedMessage: chat.ImportedMessage{Message: chat.Message{Room: room.ID,
		ID: r.messageID(room, in.ID), From: author.id, At: in.At}}}
	m.key = r.key(m.ID)
	where.message = m.key
	var changes []string
	if in.Thread != "" {
		m.root = r.key(r.messageID(room, in.Thread))
		root, ok := r.places[m.root]
		if !ok || root.reply {
			m.root = 0
			changes = append(changes, "the message that it replies to is not there: it stands in the room itself")
		} else if err := r.known(root); err != nil {
			return err
		}
	}
	there, isThere := r.places[m.key]
	if isThere && there.fresh {
		return skip("its id is there twice")
	}
	if r.Service.Expired(room.Room, in.At) && r.possible(in.At) {
		return skip("it is older than this server keeps messages")
	}
	if !r.possible(in.At) {
		m.At = room.last
		changes = append(changes, "its time cannot be: it has that of the message before")
	}
	room.last = m.At
	if isThere && !r.Resumed {
		r.unchanged(kind, 1)
		r.parts(in, r.unchanged)
		r.mark(m.key, there)
		return nil
	}
	text, linked, err := r.text(in, &m.Message)
	if err != nil {
		return err
	}
	if !linked {
		changes = append(changes, "a link in it leads to a message that is not imported")
	}
	for _, e := range in.Edits {
		m.Edits = append(m.Edits, chat.Edit{Text: e.Text, At: r.time(e.At, m.At)})
	}
	m.DeletedAt = in.DeletedAt
	if !in.EditedAt.IsZero() {
		m.EditedAt = r.time(in.EditedAt, m.At)
	}
	if isThere {
		m.Text = text
		r.unchanged(kind, 1)
		r.parts(in, r.unchanged)
		r.mark(m.key, there)
		if p := r.people[in.PinnedBy]; p != nil {
			m.PinnedAt, m.PinnedBy = in.PinnedAt, p.id
		}
		return r.complete(&m, int64(there.no))
	}
	var parts []string
	if !m.Deleted() {
		parts = split(text, r.Service.Limits.Message)
		if len(parts) > 1 {
			changes = append(changes, "it is longer than a message can be here: it is in several")
		}
		m.Text = parts[0]
		if probe := m.ImportedMessage; len(in.Files) == 0 && r.Service.PrepareImport(&probe) != nil {
			return skip("it says nothing")
		}
		if err := r.annotations(in, &m, room, where); err != nil {
			return err
		}
	}
	if err := r.Service.PrepareImport(&m.ImportedMessage); err != nil {
		return fmt.Errorf("%s: %w", where.Where, err)
	}
	r.taken(kind, 1)
	where.Where = strings.TrimSpace(where.Where)
	slices.Sort(changes)
	for i, why := range slices.Compact(changes) {
		if i == 0 {
			r.changed(kind, why, where)
		} else {
			r.because(reasonKey{kind, false, why}, 1, where)
		}
	}
	r.places[m.key] = place{room: int32(at), fresh: true, reply: m.root != 0}
	r.add(m)
	for i, part := range parts[min(1, len(parts)):] {
		more := pending{ImportedMessage: chat.ImportedMessage{Message: chat.Message{Room: m.Room,
			From: m.From,
			At:   m.At, Text: part, Mentions: m.Mentions, ID: r.id("part", fmt.Sprint(m.ID, "\x00", i+1))}}, root: m.root}
		if err := r.Service.PrepareImport(&more.ImportedMessage); err != nil {
			continue // blank
		}
		more.key = r.key(more.ID)
		r.places[more.key] = place{room: int32(at), fresh: true, reply: m.root != 0}
		r.add(more)
	}
	if len(r.batch) >= batchMessages || r.bytes >= batchBytes {
		return r.flush()
	}
	return nil
}

func (r *run) add(m pending) {
	r.batch = append(r.batch, m)
	r.bytes += len(m.Text)
}

// mark notes that a message was read.
func (r *run) mark(key uint64, p place) {
	p.fresh = true
	r.places[key] = p
}

// parts counts what belongs to a message.
func (r *run) parts(in *archive.Message, count func(archive.Kind, int)) {
	reactions := 0
	for _, g := range in.Reactions {
		reactions += len(g.People)
	}
	count(archive.Reactions, reactions)
	count(archive.Files, len(in.Files))
	edits := len(in.Edits)
	if edits == 0 && !in.EditedAt.IsZero() {
		edits = 1
	}
	count(archive.Edits, edits)
	if !in.PinnedAt.IsZero() {
		count(archive.Pins, 1)
	}
}

// complete repeats what an interrupted run may not have done for a message.
func (r *run) complete(m *pending, no int64) error {
	if r.Importer.DryRun {
		return nil
	}
	if m.root != 0 {
		if root := r.places[m.root]; root.no > 0 {
			m.Room = chat.ThreadID(r.rooms[root.room].ID, int64(root.no))
		}
	}
	if len(m.Edits) > 0 {
		if m.EditedAt.IsZero() {
			m.EditedAt = m.At
		}
		kept, err := r.Service.Store.Edits(r.ctx, m.Room, no)
		if err != nil {
			return err
		}
		m.Edits = m.Edits[min(len(kept), len(m.Edits)):]
	}
	err := r.Service.PrepareImport(&m.ImportedMessage)
	if errors.Is(err, chat.ErrTooLarge) || errors.Is(err, chat.ErrInvalid) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Service.ImportAnnotations(r.ctx, []chat.ImportedMessage{m.ImportedMessage}, []int64{no})
}

// annotations adds reactions, edits, the pin and files to a message.
func (r *run) annotations(in *archive.Message, m *pending, room *room, where Thing) error {
	if len(in.Edits) > 0 {
		r.taken(archive.Edits, len(in.Edits))
	} else if !in.EditedAt.IsZero() {
		r.taken(archive.Edits, 1)
	}
	if !in.PinnedAt.IsZero() {
		if err := r.pin(in, m, room, where); err != nil {
			return err
		}
	}
	for _, g := range in.Reactions {
		emoji, ok := r.emoji[g.Emoji]
		if !ok {
			var err error
			if emoji, err = r.Service.Emoji(r.ctx, g.Emoji); err != nil {
				return err
			}
			if emoji == "" {
				if emoji, err = r.Service.Emoji(r.ctx, ":"+g.Emoji+":"); err != nil {
					return err
				}
			}
			if len(r.emoji) < 10_000 {
				r.emoji[g.Emoji] = emoji
			}
		}
		if emoji == "" {
			r.leftOut(archive.Reactions, len(g.People), "there is no such emoji here", where)
			continue
		}
		for _, id := range g.People {
			p := r.people[id]
			switch {
			case p == nil:
				r.leftOut(archive.Reactions, 1, "the person is not in the export", where)
			case !m.AddReaction(emoji, p.id):
				r.leftOut(archive.Reactions, 1, "it is there twice, or the message has too many", where)
			default:
				r.taken(archive.Reactions, 1)
			}
		}
	}
	for _, f := range in.Files {
		if err := r.file(f, m, where); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) pin(in *archive.Message, m *pending, room *room, where Thing) (err error) {
	if room.pins < 0 {
		room.pins, err = r.Service.PinsLeft(r.ctx, room.ID)
		if err != nil {
			return err
		}
	}
	switch {
	case m.root != 0:
		r.leftOut(archive.Pins, 1, "replies are not pinned here", where)
	case room.pins == 0:
		r.leftOut(archive.Pins, 1, "the room has as many pins as it can have", where)
	default:
		room.pins--
		r.taken(archive.Pins, 1)
		m.PinnedAt, m.PinnedBy = r.time(in.PinnedAt, m.At), m.From
		if p := r.people[in.PinnedBy]; p != nil {
			m.PinnedBy = p.id
		}
	}
	return nil
}

// file keeps a file, or puts its name into the text.
func (r *run) file(f archive.File, m *pending, where Thing) error {
	where.Where += ", file " + shorten(f.Name)
	why, err := r.keep(f, m)
	if err != nil || why == "" {
		return err
	}
	r.leftOut(archive.Files, 1, why, where)
	line := "*" + escape(f.Name) + "*"
	if strings.HasPrefix(f.URL, "https://") || strings.HasPrefix(f.URL, "http://") {
		line = "[" + escape(f.Name) + "](<" + strings.Map(func(c rune) rune {
			if c <= ' ' || c == '<' || c == '>' || c == '\\' {
				return -1
			}
			return c
		}, f.URL) + ">)"
	}
	if text := strings.TrimSpace(m.Text + "\n\n" + line); len(text) <= r.Service.Limits.Message {
		m.Text = text
	}
	return nil
}

// keep keeps a file. Why says why it is left out.
func (r *run) keep(f archive.File, m *pending) (why string, err error) {
	if f.Path == "" {
		return "it is not in the export", nil
	}
	if !m.MayHaveFile() {
		return "a message cannot have so many files here", nil
	}
	bytes, err := r.From.Open(f.Path)
	if err != nil {
		return "it is not in the export", nil
	}
	defer bytes.Close()
	if r.Importer.DryRun {
		m.Files = append(m.Files, chat.File{Name: f.Name})
		r.taken(archive.Files, 1)
		return "", nil
	}
	id := r.id("file", m.ID+"\x00"+f.ID)
	if r.own() && valid(f.ID) {
		id = f.ID
	}
	reader := &broken{r: bytes}
	kept, attach, err := r.Service.ImportFile(r.ctx, &m.Message, id, f.Name, reader)
	refusal, refused := errors.AsType[*chat.Error](err)
	switch {
	case reader.err != nil:
		return "it cannot be read: the archive is damaged", nil
	case refused && refusal.Code != chat.CodeUnavailable && refusal.Code != chat.CodeInternal:
		return refusal.Message, nil
	case err != nil:
		return "", err
	}
	kept.FileDetails = chat.FileDetails{Alt: f.Alt, Voice: f.Voice, Duration: min(max(f.Duration,
		0), 24*60*60*1000)}
	m.Files = append(m.Files, kept)
	m.attach = append(m.attach, attach)
	r.taken(archive.Files, 1)
	return "", nil
}

// broken remembers with what reading ended, if it was not the end.
type broken struct {
	r   io.Reader
	err error
}

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// flush writes the batch: first the messages of rooms, then the replies to
// them, whose threads need their numbers.
func (r *run) flush() error {
	batch := r.batch
	r.batch, r.bytes = nil, 0
	if !r.Importer.DryRun && len(batch) > 0 {
		var rooms, replies []pending
		for _, m := range batch {
			if m.root == 0 {
				rooms = append(rooms, m)
			} else {
				replies = append(replies, m)
			}
		}
		if err := r.write(rooms); err != nil {
			return err
		}
		if err := r.threads(replies); err != nil {
			return err
		}
		if err := r.write(replies); err != nil {
			return err
		}
	}
	if err := r.moveThreads(); err != nil {
		return err
	}
	if r.Progress != nil {
		r.Progress(r.Report)
	}
	return nil
}

// write writes messages, those of each room together and in order.
func (r *run) write(messages []pending) error {
	order := map[chat.RoomID]int{}
	for _, m := range messages {
		if _, ok := order[m.Room]; !ok {
			order[m.Room] = len(order)
		}
	}
	slices.SortStableFunc(messages, func(a, b pending) int { return order[a.Room] - order[b.Room] })
	imported := make([]chat.ImportedMessage, len(messages))
	for i := range messages {
		imported[i] = messages[i].ImportedMessage
	}
	numbers, err := r.Service.ImportMessages(r.ctx, imported)
	if err != nil {
		return err
	}
	for i, m := range messages {
		at := r.places[m.key].room
		if m.root != 0 {
			at = int32(r.here[m.Room])
			thread := r.rooms[at]
			thread.newest = numbers[i]
			r.move(thread)
			if thread.lastAt = m.At; m.Deleted() {
				thread.deleted++
			}
		}
		r.rooms[at].wrote = true
		r.places[m.key] = place{room: at, no: int32(numbers[i]), fresh: true, reply: m.root != 0}
		for _, attach := range m.attach {
			if err := attach(numbers[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// move notes that a thread has changed.
func (r *run) move(thread *room) {
	if !thread.moved {
		thread.moved = true
		r.moved = append(r.moved, thread)
	}
}

// moveThreads tells messages what is new in the threads under them.
func (r *run) moveThreads() error {
	var moved []chat.ImportedThread
	for _, t := range r.moved {
		t.moved = false
		moved = append(moved, chat.ImportedThread{Parent: t.Parent, Root: t.Root, Thread: chat.Thread{
			Room: t.ID, Replies: t.newest - t.deleted, Deleted: t.deleted, LastAt: t.lastAt}})
	}
	r.moved = nil
	slices.SortStableFunc(moved, func(a, b chat.ImportedThread) int {
		return strings.Compare(string(
			a.Parent), string(b.Parent))
	})
	if r.Importer.DryRun {
		return nil
	}
	return r.Service.MoveThreads(r.ctx, moved)
}

// split cuts a text into parts of at most so many bytes, between lines where it
// can.
func split(text string, most int) []string {
	text = chat.CleanText(text)
	var parts []string
	for len(text) > most {
		end := strings.LastIndexByte(text[:most], '\n')
		if end < most/2 {
			end = most
			for end > 0 && text[end]&0xc0 == 0x80 { // within a character
				end--
			}
		}
		parts = append(parts, text[:end])
		text = strings.TrimPrefix(text[end:], "\n")
	}
	return append(parts, text)
}
