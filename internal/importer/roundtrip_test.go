package importer_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/importer"
)

// TestRoundTripIsEqual makes random histories, exports them, imports them into
// an empty server, and exports that: both archives have the same lines and
// files. A second import changes nothing.
func TestRoundTripIsEqual(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, store func() chat.Store) {
		for seed := range uint64(3) {
			from, to := server(t, store()), server(t, store())
			history(from, seed, 150)
			to.Wait(time.Hour)
			path := export(t, from, "")
			for n := range 2 {
				s, err := archive.Open(path)
				chattest.Must(t, "open", err)
				r := run(t, importer.Importer{From: s, Service: to.Service})
				for _, c := range r.Counts {
					if c.LeftOut > 0 || c.Changed > 0 || n > 0 && c.Taken > 0 {
						t.Errorf("seed %d, run %d: %+v, %+v", seed, n, c, r.Reasons)
					}
				}
			}
			same(t, seed, contents(t, path), contents(t, export(t, to, "")))
		}
	})
}

// TestExportOfARoom holds that it has the room and its people, and nothing
// else.
func TestExportOfARoom(t *testing.T) {
	t.Parallel()
	f := server(t, nil)
	ann, bob, zoe := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember), f.Person("zoe", chat.RoleMember)
	room := f.Room(ann, chat.Private, bob)
	f.Say(bob, room, "in the room")
	f.Say(zoe, chat.GeneralID, "elsewhere")
	lines := contents(t, export(t, f, room))["parley.jsonl"]
	if !strings.Contains(lines, "in the room") || !strings.Contains(lines, `"name":"bob"`) ||
		strings.Contains(lines, "elsewhere") || strings.Contains(lines, "zoe") {
		t.Errorf("the export is\n%s", lines)
	}
	if err := archive.Export(t.Context(), f.Service, io.Discard, "none"); err == nil {
		t.Error("a room was exported that is not there")
	}
}

func export(t *testing.T, f *chattest.Fixture, room chat.RoomID) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.zip")
	out, err := os.Create(path)
	chattest.Must(t, "create", err)
	chattest.Must(t, "export", archive.Export(t.Context(), f.Service, out, room))
	chattest.Must(t, "close", out.Close())
	return path
}

// contents returns the files of an export, without the header.
func contents(t *testing.T, path string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	chattest.Must(t, "open", err)
	defer z.Close()
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		chattest.Must(t, "open", err)
		data, err := io.ReadAll(r)
		chattest.Must(t, "read", err)
		if out[f.Name] = string(data); f.Name == "parley.jsonl" {
			_, out[f.Name], _ = strings.Cut(string(data), "\n")
		}
	}
	return out
}

func same(t *testing.T, seed uint64, a, b map[string]string) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("seed %d: %d files became %d", seed, len(a), len(b))
	}
	for name := range a {
		if a[name] == b[name] {
			continue
		}
		before, after := strings.Split(a[name], "\n"), strings.Split(b[name], "\n")
		for i, line := range before {
			if i >= len(after) || line != after[i] {
				t.Fatalf("seed %d: %s differs in line %d:\n%s\n%s", seed, name, i+1, line,
					append(after, make([]string, len(before))...)[i])
			}
		}
		t.Fatalf("seed %d: %s has %d more lines", seed, name, len(after)-len(before))
	}
}

// history has people do what they may, at random.
func history(f *chattest.Fixture, seed uint64, steps int) {
	r := rand.New(rand.NewPCG(seed, 1))
	ctx := f.T.Context()
	var people []chat.Caller
	for i := range 5 {
		role := []chat.Role{chat.RoleOwner, chat.RoleAdmin, chat.RoleMember, chat.RoleMember,
			chat.RoleMember}[i]
		people = append(people, f.Person(fmt.Sprint("person ", i), role))
		f.Wait(time.Second)
	}
	rooms := []chat.RoomID{chat.GeneralID, f.Room(people[0], chat.Public, people[1:]...),
		f.Room(people[1], chat.Private, people[2], people[0])}
	direct, err := f.OpenDirect(ctx, people[0], chat.OpenDirectInput{User: people[3].User.ID})
	f.Must("open a direct room", err)
	rooms = append(rooms, direct.ID)
	for range steps {
		f.Wait(time.Duration(r.IntN(3000)) * time.Millisecond)
		who, room := people[r.IntN(len(people))], rooms[r.IntN(len(rooms))]
		heads, err := f.Store.Heads(ctx, chat.RoomStream(room))
		f.Must("read the head", err)
		at := chat.MessageInput{Room: room, No: 1 + r.Int64N(max(heads[0].No, 1))}
		// What is refused changes nothing.
		switch r.IntN(12) {
		case 0:
			_, _ = f.AddReaction(ctx, who, chat.ReactionInput{Room: room, No: at.No,
				Emoji: []string{"👍", "🎉"}[r.IntN(2)]})
		case 1:
			_, _ = f.EditMessage(ctx, who, chat.EditInput{Room: room, No: at.No,
				Text: fmt.Sprint("edited ", r.IntN(99))})
		case 2:
			_, _ = f.DeleteMessage(ctx, who, at)
		case 3:
			_, _ = f.PinMessage(ctx, who, at)
		case 4, 5, 6:
			m, err := f.Send(ctx, who, chat.SendInput{Room: room, Thread: at.No, Text: "a reply\n\n> ￼ `x`"})
			if err == nil && r.IntN(3) == 0 {
				_, _ = f.DeleteMessage(ctx, who, chat.MessageInput{Room: m.Room, No: m.No})
			}
		case 7:
			file, err := f.Upload(ctx, who, "a file.txt", bytes.NewReader([]byte(fmt.Sprint("bytes ", r.IntN(99)))))
			f.Must("upload", err)
			_, _ = f.Send(ctx, who, chat.SendInput{Room: room, Files: []string{file.ID}})
		case 8:
			_, _ = f.LeaveRoom(ctx, who, chat.RoomInput{Room: rooms[1]})
			_, _ = f.FollowThread(ctx, who, at)
		default:
			_, _ = f.Send(ctx, who, chat.SendInput{Room: room, Text: fmt.Sprint("hello @person 2, ", r.IntN(999))})
		}
	}
}
