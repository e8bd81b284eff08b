package chat_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// typedFiles are memoryFiles of the type that their text says: those of an
// image type are pictures.
type typedFiles struct{ memoryFiles }

func (s *typedFiles) Save(ctx context.Context, id string, r io.Reader, most int64) (chat.File, error) {
	f, err := s.memoryFiles.Save(ctx, id, r, most)
	f.Type = string(s.kept[id])
	if strings.HasPrefix(f.Type, "image/") {
		f.Width, f.Height = 640, 480
	}
	return f, err
}

// fileFixture is a fixture with people in a room, and what sends files there.
func fileFixture(t *testing.T) (f *fixture, ada, bob chat.Caller, room chat.RoomID,
	send func(in chat.SendInput, types ...string) chat.Message) {
	f = newFixture(t, func(c *chat.Config) {
		c.Files, c.Limits.File = &typedFiles{memoryFiles{kept: map[string][]byte{}}}, 100
		c.Limits.Sends.Limit, c.Limits.Uploads.Limit = -1, -1
	})
	ada, bob = f.Person("Ada", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	room = f.Room(ada, chat.Private, bob)
	return f, ada, bob, room, func(in chat.SendInput, types ...string) chat.Message {
		t.Helper()
		if in.Room == "" {
			in.Room = room
		}
		for _, kind := range types {
			file, err := f.Upload(t.Context(), ada, "a file", strings.NewReader(kind))
			must(t, "upload", err)
			in.Files = append(in.Files, file.ID)
		}
		m, err := f.Send(t.Context(), ada, in)
		must(t, "send", err)
		return m
	}
}

func TestFileDetails(t *testing.T) {
	f, ada, _, room, _ := fileFixture(t)
	upload := func() string {
		t.Helper()
		file, err := f.Upload(t.Context(), ada, "sea.png", strings.NewReader("image/png"))
		must(t, "upload", err)
		return file.ID
	}
	one, two := upload(), upload()
	in := chat.SendInput{Room: room, Files: []string{one, two}, ClientID: "c1"}
	for what, details := range map[string]map[string]chat.FileDetails{
		"of another file": {upload(): {Alt: "x"}},
		"too long":        {one: {Alt: strings.Repeat("ä", 1001)}},
		"before it began": {one: {Voice: true, Duration: -1}},
		"over a day":      {one: {Voice: true, Duration: 86_400_001}},
	} {
		bad := in
		bad.FileDetails = details
		err := errOf(f.Send(t.Context(), ada, bad))
		refused(t, what, err, chat.ErrInvalid)
		if chat.AsError(err).Field != "file_details" {
			t.Errorf("%s: %v", what, err)
		}
	}
	in.FileDetails = map[string]chat.FileDetails{
		one: {Alt: " The sea\nat\u202e night "}, two: {Voice: true, Duration: 1500}}
	for range 2 { // and once more, as the same send
		m, err := f.Send(t.Context(), ada, in)
		if err != nil || m.Files[0].Alt != "The sea at night" || m.Files[1].Alt != "" ||
			!m.Files[1].Voice || m.Files[1].Duration != 1500 {
			t.Fatalf("%+v, %v", m.Files, err)
		}
	}
	found, err := f.Search(t.Context(), ada, chat.SearchInput{Text: "night"})
	if err != nil || len(found.Messages) != 1 {
		t.Errorf("a search for its description finds %d, %v", len(found.Messages), err)
	}
}

func TestListFiles(t *testing.T) {
	f, ada, bob, room, send := fileFixture(t)
	list := func(who chat.Caller, in chat.FileListInput) string {
		t.Helper()
		if in.Room == "" {
			in.Room = room
		}
		var all []string
		for pages := 0; pages == 0 || in.Cursor != ""; pages++ {
			page, err := f.ListFiles(t.Context(), who, in)
			must(t, "list", err)
			for _, file := range page.Files {
				all = append(all, fmt.Sprintf("%d %s", file.No, file.File.Type))
			}
			in.Cursor = page.Next
		}
		return strings.Join(all, ", ")
	}
	send(chat.SendInput{}, "image/png", "application/pdf", "image/jpeg")
	for i := range 5 {
		f.Say(ada, room, fmt.Sprint("words ", i))
	}
	send(chat.SendInput{}, "audio/mpeg", "application/ogg")
	gone := send(chat.SendInput{}, "video/mp4", "image/gif")
	reply := send(chat.SendInput{Thread: 1}, "text/plain")
	other := f.Room(ada, chat.Private)
	send(chat.SendInput{Room: other}, "image/webp")
	const first = "1 image/png, 1 application/pdf, 1 image/jpeg"
	for _, test := range []struct {
		who  chat.Caller
		in   chat.FileListInput
		want string
	}{
		{ada, chat.FileListInput{},
			"1 text/plain, 8 video/mp4, 8 image/gif, 7 audio/mpeg, 7 application/ogg, " + first},
		{bob, chat.FileListInput{}, // who does not follow the thread
			"8 video/mp4, 8 image/gif, 7 audio/mpeg, 7 application/ogg, " + first},
		{bob, chat.FileListInput{Room: reply.Room}, "1 text/plain"},
		{ada, chat.FileListInput{Kind: chat.FilePicture}, "8 image/gif, 1 image/png, 1 image/jpeg"},
		{ada, chat.FileListInput{Kind: chat.FileMedia}, "8 video/mp4, 7 audio/mpeg, 7 application/ogg"},
		{ada, chat.FileListInput{Kind: chat.FileDocument}, "1 text/plain, 1 application/pdf"},
	} {
		for _, test.in.Limit = range []int{0, 1, 2} {
			if got := list(test.who, test.in); got != test.want {
				t.Errorf("%+v: %s, want %s", test.in, got, test.want)
			}
		}
	}
	must(t, "delete", errOf(f.DeleteMessage(t.Context(), ada, at(room, gone.No))))
	if got := list(bob, chat.FileListInput{}); got != "7 audio/mpeg, 7 application/ogg, "+first {
		t.Errorf("after the deletion: %s", got)
	}
	eve := f.Person("Eve", chat.RoleMember)
	for what, err := range map[string]struct {
		got  error
		want *chat.Error
	}{
		"an outsider": {errOf(f.ListFiles(t.Context(), eve, chat.FileListInput{Room: room})), chat.ErrNotFound},
		"a thread of it": {errOf(f.ListFiles(t.Context(), eve,
			chat.FileListInput{Room: reply.Room})), chat.ErrNotFound},
		"no kind": {errOf(f.ListFiles(t.Context(), ada,
			chat.FileListInput{Room: room, Kind: "picture,media"})), chat.ErrInvalid},
		"no cursor": {errOf(f.ListFiles(t.Context(), ada,
			chat.FileListInput{Room: room, Cursor: "x"})), chat.ErrInvalid},
	} {
		refused(t, what, err.got, err.want)
	}
}
