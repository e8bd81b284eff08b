package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The methods for the operator who brings data from elsewhere. They are no
// actions: no client can ask for them. They keep authors and times, clean every
// text, and keep the limits of sizes and numbers; what is limited per time is
// not.

// importKind is the kind of record of whom an import has put into a room, with
// the ids "<room>/<n>".
const importKind = "import"

// importedMembers is how many people one such record lists: they must fit into
// it.
const importedMembers = 1000

// ImportUser creates an account that no one can log in to until the operator
// sets its password, and in no room, also not General. ID, Name, Role and
// CreatedAt must be set. If the name is taken or cannot be shown, the account
// gets the nearest free one. An account that is there stays as it is; made is
// false then.
func (s *Service) ImportUser(ctx context.Context, u User) (user User, made bool, err error) {
	if account, err := s.Store.Account(ctx, u.ID); !errors.Is(err, ErrNotFound) {
		return account.User, false, err
	}
	u.CreatedAt = milli(u.CreatedAt)
	for _, field := range []*string{&u.About, &u.Title, &u.Phone} {
		if *field = cleanLine(*field); utf8.RuneCountInString(*field) > s.Limits.Topic {
			*field = string([]rune(*field)[:s.Limits.Topic])
		}
	}
	if _, err := time.LoadLocation(u.TimeZone); err != nil || u.TimeZone == "Local" {
		u.TimeZone = ""
	}
	for _, near := range s.nearest(u.Name, u.ID) {
		u.Name = near.shown
		_, err = s.Store.Commit(ctx, s.change(Caller{User: u}, Change{Stream: ServerStream,
			Op: CreateUser{Account: Account{User: u, NameKey: near.key, LookKey: s.Names.Look(u.Name)}}}))
		if !errors.Is(err, ErrConflict) {
			break
		}
		account, there := s.Store.Account(ctx, u.ID)
		if !errors.Is(there, ErrNotFound) { // another import was faster
			return account.User, false, there
		}
	}
	if err == nil {
		err = s.listName(ctx, u.ID, u.Name)
	}
	return u, err == nil, err
}

// NearestName returns the name that ImportUser would try first.
func (s *Service) NearestName(u User) string { return s.nearest(u.Name, u.ID)[0].shown }

// ImportRoom creates a room, unless it is there; made is false then. The name
// and the topic are shortened to the limits.
func (s *Service) ImportRoom(ctx context.Context, r Room) (room Room, made bool, err error) {
	if room, err := s.Store.Room(ctx, r.ID); !errors.Is(err, ErrNotFound) {
		return room, false, err
	}
	r.CreatedAt = milli(r.CreatedAt)
	r.Topic = cutLine(r.Topic, s.Limits.Topic)
	if r.Kind == Public || r.Kind == Private {
		name := cmp.Or(cutLine(r.Name, s.Limits.Name-2), "Room")
		if r.Name, err = s.roomName(ctx, r.ID, name); errors.Is(err, ErrConflict) {
			r.Name, err = s.roomName(ctx, r.ID, name+" 2")
		}
		if err != nil {
			return Room{}, false, err
		}
	}
	r.Retain, r.Slow = min(max(r.Retain, -1), maxRetain), min(max(r.Slow, 0), maxSlow)
	c := s.change(Caller{User: User{ID: r.CreatedBy}}, Change{Stream: RoomStream(r.ID),
		Op: CreateRoom{Room: r}})
	if _, err := s.Store.Commit(ctx, c); errors.Is(err, ErrConflict) {
		room, err := s.Store.Room(ctx, r.ID)
		return room, false, err
	} else if err != nil {
		return Room{}, false, err
	}
	return r, true, nil
}

// cutLine returns a text in one line of at most so many characters.
func cutLine(text string, most int) string {
	runes := []rune(cleanLine(text))
	return strings.TrimSpace(string(runes[:min(len(runes), most)]))
}

// MemberImport says what became of a member.
type MemberImport int

const (
	MemberAdded  MemberImport = iota
	MemberThere               // they are in the room, or an import had put them there before
	MemberBanned              // they are banned from the room
	MemberFull                // they are in as many rooms as one person can be
)

// ImportMembers adds people to a room or thread, with all messages read, and
// says what became of each. No one whom an import has put there before comes
// back.
func (s *Service) ImportMembers(ctx context.Context, room RoomID, members []Member) ([]MemberImport, error) {
	before, err := s.importedInto(ctx, room)
	if err != nil {
		return nil, err
	}
	var changes []Change
	var added []UserID
	results := make([]MemberImport, len(members))
	for i, m := range members {
		if before[m.User] {
			results[i] = MemberThere
			continue
		}
		before[m.User] = true
		added = append(added, m.User)
		if _, err := s.Store.Member(ctx, room, m.User); err == nil {
			results[i] = MemberThere
			continue
		} else if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		switch banned, err := s.Banned(ctx, room, m.User); {
		case err != nil:
			return nil, err
		case banned:
			results[i] = MemberBanned
			continue
		}
		listed, err := s.Store.ListedRooms(ctx, m.User)
		if err != nil {
			return nil, err
		}
		if len(listed) >= s.Limits.RoomsJoined {
			results[i] = MemberFull
			continue
		}
		both := s.entering(Caller{User: User{ID: m.User}}, room, m)
		op := both[0].Op.(AddMember)
		op.Member.JoinedAt = milli(m.JoinedAt)
		both[0].Op, both[0].MustSpeak = op, false // also into an archived room
		changes = append(changes, both...)
	}
	for part := range slices.Chunk(changes, 200) {
		if _, err := s.Store.Commit(ctx, part...); err != nil {
			return nil, err
		}
	}
	return results, s.noteImported(ctx, room, added)
}

// importedInto returns whom imports have put into a room.
func (s *Service) importedInto(ctx context.Context, room RoomID) (map[UserID]bool, error) {
	in := map[UserID]bool{}
	for r, err := range s.prefixed(ctx, importKind, string(room)+"/") {
		if err != nil {
			return nil, err
		}
		var users []UserID
		if err := json.Unmarshal(r.Value, &users); err != nil {
			return nil, fmt.Errorf("import record %s: %w", r.ID, err)
		}
		for _, u := range users {
			in[u] = true
		}
	}
	return in, nil
}

func (s *Service) noteImported(ctx context.Context, room RoomID, users []UserID) error {
	for part := range slices.Chunk(users, importedMembers) {
		value, err := json.Marshal(part)
		if err == nil {
			_, err = s.Store.PutRecord(ctx, importKind, string(room)+"/"+s.NewID(), 0, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ImportedMessage is a message that comes from elsewhere. Of a [Message], No
// and Seq follow from where it is put, and ClientID and Thread are not used. If
// it is deleted, nothing but its place comes.
type ImportedMessage struct {
	Message
	Edits []Edit // earlier texts, oldest first
}

// AddReaction adds a reaction, unless it is there, or the message has as many
// as it can have.
func (m *ImportedMessage) AddReaction(emoji string, user UserID) bool {
	n := 0
	for _, r := range m.Reactions {
		n += len(r.Users)
	}
	if n >= maxReactions || len(m.Reactions) >= maxEmojis && len(m.reacted(emoji).Users) == 0 {
		return false
	}
	return m.React(Reaction{Emoji: emoji, User: user}, true)
}

// MayHaveFile reports whether the message can have one more file.
func (m *ImportedMessage) MayHaveFile() bool { return len(m.Files) < maxFiles }

// PrepareImport cleans a message. ErrTooLarge for a text over the limit,
// ErrInvalid for a message that says nothing. Earlier texts are cut at the
// limit.
func (s *Service) PrepareImport(m *ImportedMessage) (err error) {
	m.At, m.EditedAt, m.DeletedAt, m.PinnedAt = milli(m.At), milli(m.EditedAt), milli(m.DeletedAt),
		milli(m.PinnedAt)
	if m.Deleted() {
		m.Message = Message{Room: m.Room, ID: m.ID, From: m.From, At: m.At, DeletedAt: m.DeletedAt}
		m.Edits = nil
		return nil
	}
	if m.Text != "" || len(m.Files) == 0 {
		if m.Text, err = s.messageText(m.Text); err != nil {
			return err
		}
	}
	slices.Sort(m.Mentions)
	m.Mentions = slices.Compact(m.Mentions)
	for i := range m.Edits {
		e := &m.Edits[i]
		if len(e.Text) > s.Limits.Message {
			e.Text = strings.ToValidUTF8(e.Text[:s.Limits.Message], "")
		}
		e.Text, e.At = CleanText(e.Text), milli(e.At)
	}
	return nil
}

// Emoji returns the one form in which an emoji is kept, from any of its forms
// or a short code; "" if there is no such emoji here.
func (s *Service) Emoji(ctx context.Context, text string) (string, error) { return s.emoji(ctx, text) }

// ImportMessages appends messages, which [Service.PrepareImport] has cleaned,
// to their rooms in order, and returns their numbers. Those of one room should
// follow each other. No one is told of them but those who look.
func (s *Service) ImportMessages(ctx context.Context, messages []ImportedMessage) ([]int64, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	changes := make([]Change, len(messages))
	for i := range messages {
		m := &messages[i]
		op := CreateMessage{From: m.From, Text: m.Text, Mentions: m.Mentions, Files: m.Files,
			EditedAt: m.EditedAt, Reactions: m.Reactions}
		if len(m.Edits) > 0 {
			op.Text, op.EditedAt = m.Edits[0].Text, time.Time{}
		}
		changes[i] = Change{Stream: RoomStream(m.Room), ID: m.ID, At: m.At, By: m.From, Op: op}
	}
	done, err := s.Store.Commit(ctx, changes...)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(done))
	for i := range done {
		numbers[i] = done[i].Event.Message.No
	}
	return numbers, s.ImportAnnotations(ctx, messages, numbers)
}

// ImportAnnotations gives messages, with these numbers, the edits, the pin and
// the deletion that they should have. Repeating it changes nothing.
func (s *Service) ImportAnnotations(ctx context.Context, messages []ImportedMessage, numbers []int64) error {
	var changes []Change
	for i := range messages {
		m, no := &messages[i], numbers[i]
		add := func(at time.Time, by UserID, op Operation) {
			changes = append(changes, Change{Stream: RoomStream(m.Room), ID: s.NewID(), At: at,
				By: by, Op: op})
		}
		for j := range m.Edits {
			text, at := m.Text, m.EditedAt
			if j+1 < len(m.Edits) {
				text, at = m.Edits[j+1].Text, m.Edits[j+1].At
			}
			add(at, m.From, EditMessage{No: no, Text: text, Mentions: m.Mentions})
		}
		if !m.PinnedAt.IsZero() {
			add(m.PinnedAt, m.PinnedBy, PinMessage{No: no})
		}
		if m.Deleted() {
			add(m.DeletedAt, m.From, DeleteMessage{No: no})
		}
	}
	for part := range slices.Chunk(changes, 200) {
		if _, err := s.Store.Commit(ctx, part...); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// PinsLeft returns how many more messages can be pinned in a room, which need
// not be there yet.
func (s *Service) PinsLeft(ctx context.Context, room RoomID) (int, error) {
	pinned, err := s.Store.Pinned(ctx, room)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return maxPins - len(pinned), err
}

// ImportFile keeps a file of a message that is about to be imported, under an
// id that the caller gives. Call the function that it returns with the number
// of the message; without it, the file goes with [Service.Maintain].
func (s *Service) ImportFile(ctx context.Context, m *Message, id, name string, r io.Reader) (f File,
	attach func(no int64) error, err error) {
	if s.Files == nil {
		return File{}, nil, &Error{Code: CodeForbidden, Message: "This server does not store files."}
	}
	u := upload{File: File{ID: id, Name: fileName(name)}, User: m.From, At: s.now(),
		Sent: "import", Room: m.Room, SentAt: m.At}
	known, err := s.readUpload(ctx, id)
	if errors.Is(err, ErrNotFound) {
		known.version, err = s.putUpload(ctx, 0, u)
	}
	if err != nil {
		return File{}, nil, err
	}
	f, err = s.fits(ctx, id, func(most int64) (File, error) { return s.Files.Save(ctx, id, r, most) })
	if err != nil {
		return File{}, nil, errors.Join(err, s.Store.DeleteRecord(ctx, uploadKind, id))
	}
	f.ID, f.Name = id, u.File.Name
	u.File = f
	return f, func(no int64) error {
		u.No = no
		_, err := s.putUpload(ctx, known.version, u)
		return err
	}, nil
}

// ImportEmoji adds a custom emoji with a picture; made is false if its name is
// taken, which changes nothing.
func (s *Service) ImportEmoji(ctx context.Context, name, alias string, by UserID,
	r io.Reader) (made bool, err error) {
	list, err := s.ListEmoji(ctx, Caller{}, None{})
	if err != nil {
		return false, err
	}
	if _, found := list.find(strings.ToLower(name)); found {
		return false, nil
	}
	if s.Files == nil {
		return false, &Error{Code: CodeForbidden, Message: "This server does not store files."}
	}
	_, err = s.addEmoji(ctx, Caller{User: User{ID: by}}, CreateEmojiInput{Name: name, Alias: alias}, r)
	return err == nil, err
}

// ReadImported marks as read what an import has written into a room or thread:
// who had read all else in it has read its newest message. Ours reports whether
// the message with an id is of the import.
func (s *Service) ReadImported(ctx context.Context, room RoomID, ours func(id string) bool) error {
	newest, err := s.Store.Messages(ctx, room, Page{Limit: 1})
	if err != nil || len(newest) == 0 {
		return err
	}
	head := newest[0].No
	var behind []ReadPosition
	first := head // how far back it matters what others wrote
	for after := UserID(""); ; {
		page, err := s.Store.ReadPositions(ctx, room, after, s.Limits.PageMax)
		if err != nil {
			return err
		}
		for _, p := range page {
			if after = p.User; p.No < head {
				behind, first = append(behind, p), min(first, p.No)
			}
		}
		if len(page) < s.Limits.PageMax {
			break
		}
	}
	var other int64 // the newest message of others
	for from := head + 1; from > first+1 && other == 0; {
		page, err := s.Store.Messages(ctx, room, Page{From: Before, No: from, Limit: s.Limits.PageMax})
		if err != nil || len(page) == 0 {
			return err
		}
		from = page[0].No
		for _, m := range page {
			if !ours(m.ID) {
				other = m.No
			}
		}
	}
	var changes []Change
	for _, p := range behind {
		if p.No >= other {
			changes = append(changes, s.change(Caller{User: User{ID: p.User}}, Change{
				Stream: UserStream(p.User), Op: MoveRead{Read: Read{Room: room, No: head}}}))
		}
	}
	for part := range slices.Chunk(changes, 200) {
		if _, err := s.Store.Commit(ctx, part...); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// ImportThreads makes threads under messages, unless they are there, in one
// step where that can be. Of each Thread only LastAt is used, as its time.
func (s *Service) ImportThreads(ctx context.Context, threads []ImportedThread) error {
	changes := make([]Change, len(threads))
	for i, t := range threads {
		id := ThreadID(t.Parent, t.Root)
		changes[i] = s.change(Caller{}, Change{Stream: RoomStream(id), Op: CreateRoom{Room: Room{ID: id,
			Kind: ThreadRoom, Parent: t.Parent, Root: t.Root, CreatedAt: milli(t.Thread.LastAt)}}})
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := s.Store.Commit(ctx, changes...); !errors.Is(err, ErrConflict) {
		return err
	}
	for _, c := range changes { // some are there
		if _, err := s.Store.Commit(ctx, c); err != nil && !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return nil
}

// MoveThreads updates what messages show of the threads under them. Each
// Thread is as its room now is.
func (s *Service) MoveThreads(ctx context.Context, threads []ImportedThread) error {
	changes := make([]Change, len(threads))
	for i, t := range threads {
		changes[i] = s.change(Caller{}, Change{Stream: RoomStream(t.Parent),
			Op: MoveThread{No: t.Root, Thread: t.Thread}})
	}
	for part := range slices.Chunk(changes, 200) {
		if _, err := s.Store.Commit(ctx, part...); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// ImportedThread is a thread, and the message that it is under.
type ImportedThread struct {
	Parent RoomID
	Root   int64
	Thread Thread
}

// importRunKind is the kind of record of an import that has begun and not
// ended, with the name of its source.
const importRunKind = "importrun"

// BeginImport notes that an import from a source has begun, and reports whether
// an earlier one did not end. Then what follows its messages, such as pins, may
// be missing.
func (s *Service) BeginImport(ctx context.Context, source string) (resumed bool, err error) {
	_, err = s.Store.PutRecord(ctx, importRunKind, source, 0, []byte("{}"))
	if errors.Is(err, ErrConflict) {
		return true, nil
	}
	return false, err
}

// EndImport notes that everything was imported.
func (s *Service) EndImport(ctx context.Context, source string) error {
	return s.forgetRecords(ctx, importRunKind, source)
}

// Expired reports whether messages of that time are deleted in a room, so that
// it makes no sense to import one.
func (s *Service) Expired(r Room, at time.Time) bool {
	keep := s.keeps(r)
	return keep > 0 && at.Before(s.now().Add(-keep))
}
