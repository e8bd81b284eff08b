package importer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/archive/slack"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/importer"
)

type object = map[string]any
type list = []any

// workspace is a small export of Slack with one of everything.
func workspace() tree {
	person := func(id, name string) object {
		return object{"id": id, "team_id": "T1", "name": strings.ToLower(name), "real_name": name, "tz": "Europe/Berlin",
			"profile": object{"display_name": name, "title": "Engineer"}}
	}
	say := func(user, ts, text string, more ...object) object {
		m := object{"type": "message", "user": user, "ts": ts, "text": text}
		for _, o := range more {
			for k, v := range o {
				m[k] = v
			}
		}
		return m
	}
	gone := person("U3", "Former")
	gone["deleted"] = true
	return tree{
		"users.json": list{person("U1", "Ann Lee"), person("U2", "bob_b"), gone},
		"channels.json": list{
			object{"id": "C1", "name": "general", "is_general": true, "created": 1500000000, "creator": "U1",
				"members": list{"U1", "U2"}, "topic": object{"value": "All of us"},
				"pins": list{object{"id": "1500000010.000100", "user": "U2", "created": 1500000999}}},
			object{"id": "C2", "name": "dev", "created": 1500000001, "creator": "U2", "members": list{"U1", "U2"}, "is_archived": true}},
		"groups.json": list{object{"id": "G1", "name": "secret", "created": 1500000002, "creator": "U2", "members": list{"U2"}}},
		"dms.json":    list{object{"id": "D1", "created": 1500000003, "members": list{"U1", "U2"}}},
		"mpims.json":  list{object{"id": "G2", "name": "mpdm-a--b--c-1", "members": list{"U1", "U2", "U3"}}},
		"general/2017-07-14.json": list{
			say("U1", "1500000009.000100", "<@U1> has joined the channel", object{"subtype": "channel_join"}),
			say("U1", "1500000010.000100", "Hello <@U2>, *look* at <#C2|dev> &amp; <https://example.com|this>",
				object{"reactions": list{object{"name": "thumbsup::skin-tone-2", "users": list{"U2", "U1"}, "count": 3},
					object{"name": "nosuch", "users": list{"U2"}, "count": 1}},
					"edited": object{"user": "U1", "ts": "1500000020.000000"},
					"files":  list{object{"id": "F1", "name": "notes.txt", "url_private": "https://files.slack.com/F1"}, object{"id": "F2", "name": "lost.txt", "url_private": "https://files.slack.com/F2"}}}),
			say("U2", "1500000011.000100", "a reply", object{"thread_ts": "1500000010.000100"}),
			say("U2", "1500000012.000100", "an orphan", object{"thread_ts": "1400000000.000100"}),
			say("", "1500000013.000100", "Build failed", object{"subtype": "bot_message", "bot_id": "B1", "username": "CI",
				"attachments": list{object{"text": "by <@U1>", "title": "Job 7"}}}),
		},
		"general/2017-07-15.json": list{
			say("U9", "1500086400.000100", "from another workspace <!channel>", object{"user_profile": object{"display_name": "Zoe"}}),
			say("U1", "1500086401.000100", "see <https://acme.slack.com/archives/C1/p1500000010000100> and <https://acme.slack.com/archives/C1/p1500000011000100?thread_ts=1500000010.000100&amp;cid=C1>"),
			say("U1", "1500086402.000100", strings.Repeat("long ", 4000)),
			say("U1", "99999999999999.000100", "from the end of time"),
			say("U1", "1500086402.000100", "the same id"),
			say("U1", "1500086404.000100", "waves", object{"subtype": "me_message"}),
		},
		"dev/2017-07-14.json": list{say("U2", "1500000014.000100", "```x := 1```"),
			say("U2", "1500000014.000200", "This content can't be displayed.", object{"blocks": list{
				object{"type": "section", "text": object{"type": "mrkdwn", "text": "Only *blocks*"}}}})},
		"secret/2017-07-14.json":         list{say("U2", "1500000015.000100", "sh")},
		"D1/2017-07-14.json":             list{say("U1", "1500000016.000100", "just us")},
		"mpdm-a--b--c-1/2017-07-14.json": list{say("U3", "1500000017.000100", "three of us")},
		"__uploads/F1/notes.txt":         []byte("the notes"),
	}
}

func open(t *testing.T, path string) archive.Source {
	t.Helper()
	s, err := slack.Open(path, "")
	chattest.Must(t, "open the export", err)
	return s
}

const publicURL = "https://chat.example.com"

// TestSlackWorkspaceIsImported holds on each store what becomes of each part of
// an export, and that a second run changes nothing.
func TestSlackWorkspaceIsImported(t *testing.T) {
	t.Parallel()
	path := workspace().zip(t)
	onStores(t, func(t *testing.T, store func() chat.Store) {
		s := server(t, store())
		dry := run(t, importer.Importer{From: open(t, path), Service: s.Service,
			PublicURL: publicURL, DryRun: true})
		if rooms, err := s.Store.Rooms(t.Context(), "", 10); err != nil || len(rooms) != 1 {
			t.Fatalf("a dry run made rooms: %+v, %v", rooms, err)
		}
		first := run(t, importer.Importer{From: open(t, path), Service: s.Service, PublicURL: publicURL})
		for _, kind := range archive.Kinds {
			if d, f := dry.Count(kind), first.Count(kind); d.Read != f.Read || d.LeftOut != f.LeftOut {
				t.Errorf("the dry run counted %+v, the import %+v", d, f)
			}
		}
		check(t, s)
		before := all(t, s)
		again := run(t, importer.Importer{From: open(t, path), Service: s.Service, PublicURL: publicURL})
		for _, c := range again.Counts {
			if c.Taken != 0 {
				t.Errorf("a second run took %+v", c)
			}
		}
		if after := all(t, s); !reflect.DeepEqual(before, after) {
			t.Errorf("a second run changed\n%+v\nto\n%+v", before, after)
		}
	})
}

// all returns every room with its messages.
func all(t *testing.T, s *chattest.Fixture) map[chat.RoomID][]chat.Message {
	out := map[chat.RoomID][]chat.Message{}
	rooms, err := s.Store.Rooms(t.Context(), "", 1000)
	chattest.Must(t, "read rooms", err)
	for _, r := range rooms {
		out[r.ID] = said(t, s, r.ID)
	}
	return out
}

func check(t *testing.T, s *chattest.Fixture) {
	t.Helper()
	ctx := t.Context()
	account := func(name string) chat.Account {
		a, err := s.UserNamed(ctx, name)
		chattest.Must(t, "find "+name, err)
		return a
	}
	ann, bob := account("Ann Lee"), account("bob_b")
	if ann.Password != "" || !account("Former").Disabled || !account("CI").Bot || ann.TimeZone != "Europe/Berlin" {
		t.Errorf("people came otherwise: %+v", ann)
	}
	_, err := s.LogIn(ctx, chat.Caller{Addr: "192.0.2.1"}, chat.LogInInput{Name: "Ann Lee", Password: ""})
	if err == nil {
		t.Error("someone logged in without a password")
	}
	m := said(t, s, chat.GeneralID)
	texts := []string{}
	for _, x := range m {
		texts = append(texts, x.Text)
	}
	if len(m) != 9 {
		t.Fatalf("General has %d messages: %q", len(m), texts)
	}
	dev := named(t, s, "dev")
	hello := m[0]
	want := fmt.Sprintf("Hello @bob\\_b, **look** at [#dev](%s/#/r/%s) & [this](https://example.com)\n\n[lost.txt](<https://files.slack.com/F2>)", publicURL, dev.ID)
	if hello.Text != want || !slices.Equal(hello.Mentions, []chat.UserID{bob.ID}) || hello.From != ann.ID {
		t.Errorf("the first message is %q (mentions %v), want %q", hello.Text, hello.Mentions, want)
	}
	if !hello.At.Equal(time.Unix(1500000010, 0)) || !hello.EditedAt.Equal(time.Unix(1500000020, 0)) ||
		!hello.PinnedAt.Equal(time.Unix(1500000999, 0)) || hello.PinnedBy != bob.ID {
		t.Errorf("times or the pin differ: %+v", hello)
	}
	if len(hello.Reactions) != 1 || hello.Reactions[0].Emoji != "👍🏻" || len(hello.Reactions[0].Users) != 2 {
		t.Errorf("reactions are %+v", hello.Reactions)
	}
	if pinned, err := s.Store.Pinned(ctx, chat.GeneralID); err != nil || len(pinned) != 1 {
		t.Errorf("%d messages are pinned, %v", len(pinned), err)
	}
	if hello.Thread == nil || hello.Thread.Replies != 1 ||
		!hello.Thread.LastAt.Equal(time.UnixMilli(1500000011000)) {
		t.Fatalf("the thread is %+v", hello.Thread)
	}
	if replies := said(t, s, hello.Thread.Room); len(replies) != 1 || replies[0].Text != "a reply" {
		t.Errorf("replies are %+v", replies)
	}
	if len(hello.Files) != 1 || hello.Files[0].Name != "notes.txt" || hello.Files[0].Size != 9 {
		t.Fatalf("files are %+v", hello.Files)
	}
	caller := chat.Caller{User: ann.User}
	_, content, err := s.OpenFile(ctx, caller, chat.FileInput{Room: chat.GeneralID, No: 1,
		File: hello.Files[0].ID})
	chattest.Must(t, "open the file", err)
	data, err := io.ReadAll(content)
	if err = errors.Join(err, content.Close()); err != nil || string(data) != "the notes" {
		t.Errorf("the file says %q, %v", data, err)
	}
	if m[1].Text != "an orphan" || m[2].Text != "Build failed\n\n> **Job 7**\n> by @Ann Lee" || m[3].Text != "from another workspace @room" ||
		!slices.Equal(m[3].Mentions, []chat.UserID{chat.MentionAll}) {
		t.Errorf("messages are %q", texts[:4])
	}
	if want := fmt.Sprintf("see %s/#/r/general/1 and %[1]s/#/r/general/1?reply=1", publicURL); m[4].Text != want {
		t.Errorf("links became %q, want %q", m[4].Text, want)
	}
	if len(m[5].Text)+len(m[6].Text) < 19_900 || len(m[5].Text) > s.Limits.Message || m[7].Text != "from the end of time" ||
		!m[7].At.Equal(m[6].At) || m[8].Text != "_waves_" {
		t.Errorf("the rest is %d, %d, %q", len(m[5].Text), len(m[6].Text), texts[7:])
	}
	if !dev.Archived || dev.Kind != chat.Public || said(t, s, dev.ID)[0].Text != "```\nx := 1\n```" {
		t.Errorf("dev is %+v", dev)
	}
	if got := said(t, s, dev.ID)[1].Text; got != "Only **blocks**" {
		t.Errorf("of blocks without a text came %q", got)
	}
	secret := named(t, s, "secret")
	if v, err := s.Store.View(ctx, secret.ID, bob.ID); err != nil || secret.Kind != chat.Private ||
		v.Role != chat.RoomModerator || v.Unread != 0 {
		t.Errorf("secret is %+v, %v", v, err)
	}
	if _, err := s.Store.Member(ctx, secret.ID, ann.ID); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("Ann is in the private room: %v", err)
	}
	if d := said(t, s, chat.DirectID(ann.ID, bob.ID)); len(d) != 1 || d[0].Text != "just us" {
		t.Errorf("the direct room has %+v", d)
	}
}

// TestImportGoesOn stops an import after each batch, as a kill does, and has
// the next run end it: nothing is there twice, and nothing is missing.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	path := many(1700, 7).zip(t)
	whole := server(t, nil)
	run(t, importer.Importer{From: open(t, path), Service: whole.Service})
	want := shape(t, whole)
	for stop := range 4 {
		s := server(t, nil)
		func() {
			defer func() { _ = recover() }() // a kill: nothing is cleaned up
			n := 0
			from := open(t, path)
			defer from.Close()
			_, _ = importer.Importer{From: from, Service: s.Service, Progress: func(*importer.Report) {
				if n++; n > stop {
					panic("killed")
				}
			}}.Run(t.Context())
		}()
		r := run(t, importer.Importer{From: open(t, path), Service: s.Service})
		if !r.Resumed {
			t.Error("the second run did not know that the first was interrupted")
		}
		if got := shape(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("stopped after batch %d: it differs", stop)
		}
	}
}

// TestImportsIntoRoomsOfPeopleAreRead holds that what is imported is not unread
// for those who had read the room, and stays so for those who had not.
func TestImportsIntoRoomsOfPeopleAreRead(t *testing.T) {
	t.Parallel()
	s := server(t, nil)
	joe := s.Person("Joe", chat.RoleMember)
	read := func(want int64) {
		t.Helper()
		view, err := s.Store.View(t.Context(), chat.GeneralID, joe.User.ID)
		s.Must("view", err)
		if view.Unread != want {
			t.Errorf("%d are unread, want %d", view.Unread, want)
		}
	}
	f := workspace()
	run(t, importer.Importer{From: open(t, f.zip(t)), Service: s.Service})
	read(0)
	mary := s.Person("Mary", chat.RoleMember)
	later := func(ts string) {
		f["general/2017-07-16.json"] = list{object{"type": "message", "user": "U1", "ts": ts,
			"thread_ts": "", "text": "<!channel> news"}}
		run(t, importer.Importer{From: open(t, f.zip(t)), Service: s.Service})
	}
	later("1500172800.000100")
	read(0)
	s.Say(mary, chat.GeneralID, "from someone here")
	read(1)
	later("1500172801.000100")
	read(2)
}

// shape is what rooms have, by their names.
func shape(t *testing.T, s *chattest.Fixture) map[string][]string {
	out := map[string][]string{}
	for room, messages := range all(t, s) {
		for _, m := range messages {
			replies := int64(0)
			if m.Thread != nil {
				replies = m.Thread.Replies
			}
			out[string(room)] = append(out[string(room)], fmt.Sprint(m.No, m.From, m.At, m.Text,
				m.Reactions, m.PinnedAt, replies))
		}
	}
	return out
}

// many is an export with n messages in 5 rooms, every k-th a reply.
func many(n, k int) tree {
	f := tree{}
	var people, rooms list
	for i := range 10 {
		people = append(people, object{"id": fmt.Sprint("U", i), "name": fmt.Sprint("person ", i)})
	}
	days := map[string]list{}
	for i := range n {
		room, ts := i%5, fmt.Sprintf("%d.%06d", 1_600_000_000+i*60, i%1_000_000)
		m := object{"type": "message", "user": fmt.Sprint("U", i%10), "ts": ts, "text": fmt.Sprint("message ", i)}
		if i%k == 0 && i >= 50 {
			m["thread_ts"] = fmt.Sprintf("%d.%06d", 1_600_000_000+(i-50)*60, (i-50)%1_000_000)
		}
		if i%11 == 0 {
			m["reactions"] = list{object{"name": "tada", "users": list{"U1"}}}
		}
		if i%100 == 0 {
			m["pinned_to"] = list{fmt.Sprint("C", room)}
		}
		day := fmt.Sprintf("room%d/%s.json", room, time.Unix(int64(1_600_000_000+i*60), 0).UTC().Format("2006-01-02"))
		days[day] = append(days[day], m)
	}
	for i := range 5 {
		rooms = append(rooms, object{"id": fmt.Sprint("C", i), "name": fmt.Sprint("room", i), "members": list{"U1", "U2"}})
	}
	f["users.json"], f["channels.json"] = people, rooms
	for name, messages := range days {
		f[name] = messages
	}
	return f
}

// TestRepackedExport: where all is in one folder, beside what a Mac adds to it,
// an export is the same.
func TestRepackedExport(t *testing.T) {
	t.Parallel()
	repacked := tree{"__MACOSX/My team/._users.json": []byte("\x00\x05\x16\x07"), ".DS_Store": []byte{0}}
	for name, content := range workspace() {
		repacked["My team/export/"+name] = content
	}
	var reports []*importer.Report
	for _, f := range []tree{workspace(), repacked} {
		s := server(t, nil)
		from := open(t, f.zip(t))
		reports = append(reports, run(t, importer.Importer{From: from, Service: s.Service, DryRun: true}))
	}
	want, got := reports[0], reports[1]
	if !slices.Equal(got.Counts, want.Counts) || want.Count(archive.Messages).Taken == 0 {
		t.Errorf("the counts are %+v, want %+v", got.Counts, want.Counts)
	}
}

// TestHostileSlackExports holds that what is broken is left out and counted,
// and what is whole comes.
func TestHostileSlackExports(t *testing.T) {
	t.Parallel()
	f := workspace()
	f["general/2017-07-16.json"] = []byte(`[{"type":"message","user":"U1","ts":"1500172800.000100","text":"whole"},` +
		`{"type":"message","user":7,"ts":[]},{"type":"message","user":"U1","ts":"1500172801.000100","text":"also whole"},{"type":`)
	f["general/2017-07-17.json"] = append([]byte(`[{"type":"message","user":"U1","ts":"1500259200.000100","text":"`), append(bytes.Repeat([]byte("A"), archive.MaxRecord+1), `"}]`...)...)
	f["general/2017-07-18.json"] = append([]byte(`[`), bytes.Repeat([]byte(" "), archive.MaxRecord+1)...)
	f["general/2017-07-19.json"] = list{
		object{"type": "message", "user": "U1", "ts": "1500432000.000100", "text": "taken", "subtype": "never_seen_before"},
		object{"type": "message", "user": "U1", "ts": "not a time", "text": "no time"},
		object{"type": "message", "ts": "-5.1", "text": "no one"},
		object{"type": "message", "user": "U1", "ts": "1500432002.000100", "text": "\u0000\u200b "},
		object{"type": "message", "user": "U1", "ts": "1500432002.500000", "text": "to a reply", "thread_ts": "1500000011.000100"},
		object{"type": "message", "user": "U1", "ts": "1500432002.600000", "text": "to that", "thread_ts": "1500432002.500000"},
		object{"type": "message", "user": "U1", "ts": "1500432002.700000", "text": "to that, in turn", "thread_ts": "1500432002.600000"},
		object{"type": "message", "user": "U1", "ts": "1500432002.800000", "text": "to itself", "thread_ts": "1500432002.800000"},
		object{"type": "weather"}, nil,
		object{"type": "message", "user": "U1", "ts": "1500432003.000100", "text": "climbs",
			"files": list{object{"id": "../../../../etc", "name": "passwd"}, object{"id": "F9", "name": "../../../etc/passwd"}}}}
	f["../../evil/2017-07-14.json"] = list{}
	f["nowhere/2017-07-14.json"] = list{object{"type": "message", "user": "U1", "ts": "1.1", "text": "x"}}
	s := server(t, nil)
	r := run(t, importer.Importer{From: open(t, f.zip(t)), Service: s.Service})
	texts := map[string]bool{}
	for _, m := range said(t, s, chat.GeneralID) {
		texts[m.Text] = true
		if len(m.Files) > 0 && m.Files[0].Name != "notes.txt" {
			t.Errorf("a file came that climbs: %+v", m.Files)
		}
	}
	for _, want := range []string{"whole", "also whole", "taken", "no time", "to a reply", "to that, in turn", "to itself"} {
		if !texts[want] {
			t.Errorf("the message %q is not there", want)
		}
	}
	for _, why := range []string{"the JSON is broken", "it has another form than expected", "a record in it has more than 16 MiB",
		"it says nothing", "it is no message", "no list names the conversation", "the author is not in the export"} {
		if !slices.ContainsFunc(r.Reasons, func(x importer.Reason) bool {
			return x.LeftOut &&
				strings.Contains(x.Why, why)
		}) {
			t.Errorf("no reason says %q", why)
		}
	}
	for _, no := range []string{"not a zip", ""} {
		if _, err := slack.Open(tree{"x": []byte(no)}.zip(t)+"x", ""); err == nil {
			t.Error("a file that is not there was opened")
		}
	}
}
