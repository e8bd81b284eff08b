package chat_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// memoryFiles is a [chat.FileStore] in memory.
type memoryFiles struct {
	kept     map[string][]byte
	down     error
	last     func() // called when all has arrived
	arriving string
}

func (s *memoryFiles) Save(_ context.Context, id string, r io.Reader, most int64) (chat.File, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if int64(len(b)) > most {
		return chat.File{}, chat.ErrTooLarge
	}
	s.kept[id], s.arriving = b, id
	if s.last != nil {
		s.last()
	}
	return chat.File{Type: "text/plain", Size: int64(len(b))}, err
}

func (s *memoryFiles) Open(_ context.Context, id string, _ int) (chat.Content, error) {
	b, ok := s.kept[id]
	if !ok {
		return chat.Content{}, chat.ErrNotFound
	}
	return chat.Content{ReadSeekCloser: struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, Type: "text/plain", Size: int64(len(b))}, nil
}

func (s *memoryFiles) Remove(_ context.Context, ids ...string) error {
	if s.down != nil {
		return s.down
	}
	for _, id := range ids {
		delete(s.kept, id)
	}
	return nil
}

func (s *memoryFiles) Usage(context.Context) (total int64, err error) {
	for _, b := range s.kept {
		total += int64(len(b))
	}
	return total, s.down
}

func TestFiles(t *testing.T) {
	stored := &memoryFiles{kept: map[string][]byte{}}
	f := newFixture(t, func(c *chat.Config) { c.Files = stored; c.Limits.File = 100 })
	ada, bob, eve := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember),
		f.Person("Eve", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	upload := func(name, text string) chat.File {
		t.Helper()
		file, err := f.Upload(t.Context(), ada, name, strings.NewReader(text))
		refused(t, "upload", err, nil)
		return file
	}
	refused(t, "too large", errOf(f.Upload(t.Context(), ada, "x",
		strings.NewReader(strings.Repeat("x", 101)))), chat.ErrTooLarge)
	if left, err := f.Store.Records(t.Context(), "upload", "", 10); err != nil || len(left) != 0 ||
		len(stored.kept) != 0 {
		t.Errorf("left of one too large: %v, %d files, %v", left, len(stored.kept), err)
	}
	stored.last = func() {
		refused(t, "sent while it arrives",
			errOf(f.Send(t.Context(), ada,
				chat.SendInput{Room: room, Files: []string{stored.arriving}})), chat.ErrNotFound)
	}
	upload("first", "x")
	stored.last = nil
	refused(t, "nobody's", errOf(f.Upload(t.Context(), nobody, "x", strings.NewReader("x"))),
		chat.ErrUnauthenticated)
	for name, want := range map[string]string{
		"a.txt": "a.txt", "": "file", "../../etc/passwd": "_.._etc_passwd",
		"a\u202etxt.exe": "a_txt.exe", "line\nbreak": "line_break",
		strings.Repeat("x", 300) + ".pdf": strings.Repeat("x", 196) + ".pdf",
	} {
		if got := upload(name, "x").Name; got != want {
			t.Errorf("%q is called %q, want %q", name, got, want)
		}
	}

	one := upload("one.txt", "the first")
	in := chat.SendInput{Room: room, Files: []string{one.ID}, ClientID: "c1"}
	refused(t, "somebody else's upload", errOf(f.Send(t.Context(), bob, in)), chat.ErrNotFound)
	m, err := f.Send(t.Context(), ada, in)
	if err != nil || m.Text != "" || len(m.Files) != 1 || m.Files[0] != one {
		t.Fatalf("sent %+v, %v", m, err)
	}
	again, err := f.Send(t.Context(), ada, in)
	if err != nil || again.ID != m.ID || len(again.Files) != 1 {
		t.Errorf("sent again: %+v, %v", again, err)
	}
	in.ClientID = "c2"
	refused(t, "in another message", errOf(f.Send(t.Context(), ada, in)), chat.ErrConflict)
	refused(t, "nothing at all", errOf(f.Send(t.Context(), ada, chat.SendInput{Room: room})), chat.ErrInvalid)

	open := func(who chat.Caller, no int64, id string) (string, error) {
		_, content, err := f.OpenFile(t.Context(), who, chat.FileInput{Room: room, No: no, File: id})
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(content)
		return string(b), errors.Join(err, content.Close())
	}
	if text, err := open(bob, m.No, one.ID); err != nil || text != "the first" {
		t.Errorf("a member gets %q, %v", text, err)
	}
	refused(t, "an outsider", errOf(open(eve, m.No, one.ID)), chat.ErrNotFound)
	other := upload("other.txt", "not sent")
	if len(stored.kept) != 9 { // six names, and three more
		t.Errorf("%d files are kept", len(stored.kept))
	}
	refused(t, "a file that was not sent there", errOf(open(ada, m.No, other.ID)), chat.ErrNotFound)

	// A message without text may lose it all the same, and an edit keeps its
	// files.
	edited, err := f.EditMessage(t.Context(), ada, chat.EditInput{Room: room, No: m.No, Text: "see there"})
	if err != nil || len(edited.Files) != 1 {
		t.Errorf("edited: %+v, %v", edited, err)
	}

	// Deletion takes the bytes, later if it has to.
	stored.down = errors.New("the bucket is away")
	refused(t, "delete", errOf(f.DeleteMessage(t.Context(), ada, at(room, m.No))), nil)
	refused(t, "a deleted one", errOf(open(bob, m.No, one.ID)), chat.ErrNotFound)
	if _, there := stored.kept[one.ID]; !there {
		t.Error("removed while the files were away")
	}
	stored.down = nil
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	if _, there := stored.kept[one.ID]; there {
		t.Error("the bytes of a deleted message stay")
	}

	// What is never sent goes after a while; what was sent stays.
	two := upload("two.txt", "the second")
	f.Wait(20 * time.Second)
	refused(t, "send", errOf(f.Send(t.Context(), ada,
		chat.SendInput{Room: room, Files: []string{two.ID}})), nil)
	f.Wait(26 * time.Hour)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	if _, there := stored.kept[two.ID]; !there || len(stored.kept) != 1 {
		t.Errorf("%d files are kept, the one that was sent: %v", len(stored.kept), there)
	}
	ada = f.Again("Ada")
	refused(t, "an upload that has gone",
		errOf(f.Send(t.Context(), ada, chat.SendInput{Room: room, Files: []string{other.ID}})),
		chat.ErrNotFound)
}

func TestFilesGoWithRetention(t *testing.T) {
	stored := &memoryFiles{kept: map[string][]byte{}}
	f := newFixture(t, func(c *chat.Config) { c.Files, c.Retain = stored, 30*24*time.Hour })
	ada := f.Person("Ada", chat.RoleMember)
	room := f.Room(ada, chat.Private)
	file, err := f.Upload(t.Context(), ada, "x", strings.NewReader("x"))
	refused(t, "upload", err, nil)
	refused(t, "send", errOf(f.Send(t.Context(), ada,
		chat.SendInput{Room: room, Files: []string{file.ID}})), nil)
	f.Wait(31 * 24 * time.Hour)
	refused(t, "maintain", f.Maintain(t.Context()), nil)
	if len(stored.kept) != 0 {
		t.Error("the bytes outlive their message")
	}
}

// TestRefusedSendsFreeTheirFiles: whatever a send is refused for, its files can
// be sent again, and go if nobody does.
func TestRefusedSendsFreeTheirFiles(t *testing.T) {
	files := &memoryFiles{kept: map[string][]byte{}}
	f := newFixture(t, func(c *chat.Config) { c.Files, c.Limits.File = files, 100 })
	ada, bob := f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	room := f.Room(ada, chat.Private, bob)
	moderate := func(in chat.UpdateRoomInput) {
		t.Helper()
		in.Room = room
		must(t, "update", errOf(f.UpdateRoom(t.Context(), ada, in)))
	}
	upload := func() chat.SendInput {
		t.Helper()
		file, err := f.Upload(t.Context(), bob, "x.txt", strings.NewReader("bytes"))
		must(t, "upload", err)
		return chat.SendInput{Room: room, Files: []string{file.ID}}
	}
	yes, no, slow, fast := true, false, 10, 0
	for what, c := range map[string]struct {
		code     *chat.Error
		in       chat.SendInput
		bar, end func()
	}{
		"no such room": {chat.ErrNotFound, chat.SendInput{Room: "nowhere"}, func() {}, func() {}},
		"archived": {chat.ErrForbidden, chat.SendInput{Room: room},
			func() { moderate(chat.UpdateRoomInput{Archived: &yes}) },
			func() { moderate(chat.UpdateRoomInput{Archived: &no}) }},
		"muted": {chat.ErrForbidden, chat.SendInput{Room: room},
			func() {
				must(t, "mute", errOf(f.MuteMember(t.Context(), ada,
					chat.MuteInput{Room: room, User: bob.User.ID, Seconds: 60})))
			},
			func() { f.Wait(time.Minute) }},
		"slow": {chat.ErrRateLimited, chat.SendInput{Room: room},
			func() { moderate(chat.UpdateRoomInput{Slow: &slow}); f.Say(bob, room, "one") },
			func() { moderate(chat.UpdateRoomInput{Slow: &fast}) }},
	} {
		in := upload()
		lost := upload()
		c.bar()
		for _, try := range []chat.SendInput{in, lost} {
			try.Room = c.in.Room
			refused(t, what, errOf(f.Send(t.Context(), bob, try)), c.code)
		}
		c.end()
		m, err := f.Send(t.Context(), bob, in)
		if err != nil || len(m.Files) != 1 {
			t.Errorf("%s, sent again: %+v, %v", what, m.Files, err)
		}
		refused(t, what+", sent twice", errOf(f.Send(t.Context(), bob, in)), chat.ErrConflict)
		f.Wait(26 * time.Hour)
		must(t, "maintain", f.Maintain(t.Context()))
		if _, there := files.kept[in.Files[0]]; !there {
			t.Errorf("%s: the file of a message is gone", what)
		}
		if _, there := files.kept[lost.Files[0]]; there {
			t.Errorf("%s: a file that no message has is kept", what)
		}
	}
	if left, err := f.Store.Records(t.Context(), "upload", "", 10); err != nil || len(left) > 0 {
		t.Errorf("%d records are left, %v", len(left), err)
	}
}

// lostAnswer is a store that keeps a message and says that it is away.
type lostAnswer struct {
	chat.Store
	lose, before bool
}

func (s *lostAnswer) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if !s.lose || changes[0].Kind() != chat.MessageCreated {
		return s.Store.Commit(ctx, changes...)
	}
	if !s.before {
		if _, err := s.Store.Commit(ctx, changes...); err != nil {
			return nil, err
		}
	}
	return nil, chat.ErrUnavailable
}

// TestFilesOfUncertainSends: after an answer of unavailable the files are the
// message's, if it was kept, and else they go.
func TestFilesOfUncertainSends(t *testing.T) {
	files := &memoryFiles{kept: map[string][]byte{}}
	store := &lostAnswer{}
	f := newFixture(t, func(c *chat.Config) {
		store.Store, c.Store = c.Store, store
		c.Files, c.Limits.File = files, 100
	})
	ada := f.Person("Ada", chat.RoleMember)
	room := f.Room(ada, chat.Private)
	send := func(before bool) string {
		file, err := f.Upload(t.Context(), ada, "x.txt", strings.NewReader("bytes"))
		must(t, "upload", err)
		store.lose, store.before = true, before
		in := chat.SendInput{Room: room, Files: []string{file.ID}}
		refused(t, "send", errOf(f.Send(t.Context(), ada, in)), chat.ErrUnavailable)
		refused(t, "in another message", errOf(f.Send(t.Context(), ada, in)), chat.ErrConflict)
		store.lose = false
		return file.ID
	}
	kept, lost := send(false), send(true)
	for range 300 { // more than a page
		f.Wait(time.Second)
		f.Say(ada, room, "later")
	}
	f.Wait(26 * time.Hour)
	must(t, "maintain", f.Maintain(t.Context()))
	if _, there := files.kept[kept]; !there {
		t.Error("the file of a message is gone")
	}
	if _, there := files.kept[lost]; there {
		t.Error("a file that no message has is kept")
	}
}

// TestFilesOfTwoDevices: the same client id on another device is another send.
func TestFilesOfTwoDevices(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) {
		c.Files, c.Limits.File = &memoryFiles{kept: map[string][]byte{}}, 100
	})
	ada := f.Person("Ada", chat.RoleMember)
	other := f.Again("Ada")
	file, err := f.Upload(t.Context(), ada, "x.txt", strings.NewReader("bytes"))
	must(t, "upload", err)
	in := chat.SendInput{Room: chat.GeneralID, Files: []string{file.ID}, ClientID: "1"}
	first, err := f.Send(t.Context(), ada, in)
	must(t, "send", err)
	refused(t, "from another device", errOf(f.Send(t.Context(), other, in)), chat.ErrConflict)
	again, err := f.Send(t.Context(), ada, in)
	if err != nil || again.No != first.No || len(again.Files) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// TestOldUploadsAreNotSent: once [chat.Service.Maintain] may remove a file, no
// message takes it.
func TestOldUploadsAreNotSent(t *testing.T) {
	f := newFixture(t, func(c *chat.Config) {
		c.Files, c.Limits.File = &memoryFiles{kept: map[string][]byte{}}, 100
	})
	ada := f.Person("Ada", chat.RoleMember)
	var inputs []chat.SendInput
	for range 2 {
		file, err := f.Upload(t.Context(), ada, "x.txt", strings.NewReader("bytes"))
		must(t, "upload", err)
		inputs = append(inputs, chat.SendInput{Room: chat.GeneralID, Files: []string{file.ID}})
	}
	f.Wait(chat.DedupeFor)
	must(t, "a day old", errOf(f.Send(t.Context(), ada, inputs[0])))
	f.Wait(time.Millisecond)
	refused(t, "older", errOf(f.Send(t.Context(), ada, inputs[1])), chat.ErrNotFound)
}
