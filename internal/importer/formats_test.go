package importer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/archive/discord"
	"github.com/parley-chat/parley/internal/archive/mattermost"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/importer"
)

// twice imports an export, and holds that a second run takes nothing.
func twice(t *testing.T, s *chattest.Fixture, open func() archive.Source) *importer.Report {
	t.Helper()
	first := run(t, importer.Importer{From: open(), Service: s.Service, PublicURL: publicURL})
	for _, c := range run(t, importer.Importer{From: open(), Service: s.Service,
		PublicURL: publicURL}).Counts {
		if c.Taken > 0 {
			t.Errorf("a second run took %+v", c)
		}
	}
	return first
}

// why reports whether something was left out for a reason.
func why(r *importer.Report, kind archive.Kind, text string) bool {
	return slices.ContainsFunc(r.Reasons, func(x importer.Reason) bool {
		return x.LeftOut && x.Kind == kind && strings.Contains(x.Why, text)
	})
}

func TestMattermostIsImported(t *testing.T) {
	t.Parallel()
	var lines []byte
	for _, l := range (list{
		object{"type": "version", "version": 1},
		object{"type": "team", "team": object{"name": "acme"}},
		object{"type": "channel", "channel": object{"team": "acme", "name": "town-square", "display_name": "Town Square", "type": "O"}},
		object{"type": "channel", "channel": object{"team": "acme", "name": "ops", "display_name": "Ops", "type": "P", "purpose": "Keep it running"}},
		object{"type": "user", "user": object{"username": "ann.l", "nickname": "Ann", "roles": "system_admin system_user",
			"teams": list{object{"name": "acme", "channels": list{object{"name": "ops", "roles": "channel_user channel_admin"}}}}}},
		object{"type": "user", "user": object{"username": "bob", "first_name": "Bob", "last_name": "Bee", "delete_at": 5}},
		object{"type": "post", "post": object{"team": "acme", "channel": "ops", "user": "ann.l", "create_at": 1600000000123,
			"message": "Hi @bob. See ~town-square, not `@bob`", "edit_at": 1600000009000, "is_pinned": true,
			"reactions":   list{object{"user": "bob", "emoji_name": "tada"}, object{"user": "ann.l", "emoji_name": "tada"}},
			"attachments": list{object{"path": "20200913/x/notes.txt"}, object{"path": "../../etc/passwd"}},
			"replies":     list{object{"user": "bob", "create_at": 1600000001000, "message": "On it"}}}},
		object{"type": "post", "post": object{"team": "acme", "channel": "ops", "user": "bob", "type": "system_join_channel", "message": "bob joined"}},
		object{"type": "bot", "bot": object{"username": "ci", "display_name": "CI", "owner": "ann.l"}},
		object{"type": "post", "post": object{"team": "acme", "channel": "ops", "user": "ci", "type": "slack_attachment", "create_at": 1600000003000,
			"message": "", "props": object{"attachments": list{object{"title": "Build 7", "text": "passed"}}}}},
		object{"type": "direct_channel", "direct_channel": object{"members": list{"ann.l", "bob"}}},
		object{"type": "direct_post", "direct_post": object{"channel_members": list{"bob", "ann.l"}, "user": "bob", "create_at": 1600000002000, "message": "psst"}},
	}) {
		line, err := json.Marshal(l)
		chattest.Must(t, "encode", err)
		lines = append(append(lines, line...), '\n')
	}
	lines = append(lines, `{"type":"post","post":{"user":7}}`+"\n{\"type\""...)
	path := tree{"import.jsonl": lines, "data/20200913/x/notes.txt": []byte("the notes")}.zip(t)
	s := server(t, nil)
	r := twice(t, s, func() archive.Source {
		source, err := mattermost.Open(path)
		chattest.Must(t, "open", err)
		return source
	})
	ann, err := s.UserNamed(t.Context(), "Ann")
	chattest.Must(t, "find Ann", err)
	bob, err := s.UserNamed(t.Context(), "Bob Bee")
	chattest.Must(t, "find Bob", err)
	ops := named(t, s, "Ops")
	m := said(t, s, ops.ID)
	if len(m) != 2 || m[1].Text != "> **Build 7**\n> passed" || m[0].From != ann.ID ||
		m[0].Thread == nil || m[0].Thread.Replies != 1 || ann.Role != chat.RoleMember {
		t.Fatalf("Ops has %+v", m)
	}
	want := fmt.Sprintf("Hi @Bob Bee. See [#General](%s/#/r/general), not `@bob`\n\n*passwd*", publicURL)
	if m[0].Text != want || !slices.Equal(m[0].Mentions, []chat.UserID{bob.ID}) {
		t.Errorf("the text is %q, mentions %v", m[0].Text, m[0].Mentions)
	}
	if !m[0].At.Equal(time.UnixMilli(1600000000123)) || m[0].EditedAt.IsZero() || m[0].PinnedAt.IsZero() ||
		len(m[0].Files) != 1 || len(m[0].Reactions) != 1 || len(m[0].Reactions[0].Users) != 2 {
		t.Errorf("the post is %+v", m[0])
	}
	if d := said(t, s, chat.DirectID(ann.ID, bob.ID)); len(d) != 1 || d[0].Text != "psst" || d[0].From != bob.ID {
		t.Errorf("the direct room has %+v", d)
	}
	if v, err := s.Store.View(t.Context(), ops.ID, ann.ID); err != nil ||
		v.Role != chat.RoomModerator || !bob.Disabled {
		t.Errorf("Ann's view is %+v, %v", v, err)
	}
	if !why(r, archive.Messages, "a notice") || !why(r, archive.Messages, "another form") || !why(r, archive.Messages, "broken") {
		t.Errorf("reasons are %+v", r.Reasons)
	}
}

func TestDiscordIsImported(t *testing.T) {
	t.Parallel()
	ann, bob := object{"id": "1", "name": "ann", "nickname": "Ann"}, object{"id": "2", "name": "robo", "isBot": true}
	say := func(id, kind string, who object, text string, more object) object {
		m := object{"id": id, "type": kind, "timestamp": "2020-09-13T12:26:40.123+02:00", "author": who, "content": text}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	file := func(channel object, messages ...any) object {
		return object{"guild": object{"id": "9", "name": "Guild"}, "channel": channel, "dateRange": object{}, "messages": messages, "messageCount": len(messages)}
	}
	path := tree{
		"a thread.json": file(object{"id": "101", "type": "GuildPublicThread", "categoryId": "11", "name": "a thread"},
			say("201", "Default", bob, "in the thread", nil)),
		"chat.json": file(object{"id": "11", "type": "GuildTextChat", "name": "chat", "topic": "Talk"},
			say("101", "Default", ann, "Hello <@2>", object{"isPinned": true, "timestampEdited": "2020-09-14T00:00:00+00:00", "mentions": list{bob},
				"attachments": list{object{"id": "f1", "url": "chat.json_Files/a%20b.txt", "fileName": "a b.txt"},
					object{"id": "f2", "url": "../../../etc/passwd", "fileName": "passwd"}, object{"id": "f3", "url": "https://cdn.example/x", "fileName": "x"}},
				"reactions": list{object{"emoji": object{"id": "", "name": "🎉"}, "count": 2, "users": list{bob}},
					object{"emoji": object{"id": "77", "name": "blob"}, "count": 1, "users": list{ann}}}}),
			say("102", "Reply", bob, "Yes", object{"reference": object{"messageId": "101", "channelId": "11"}}),
			say("103", "GuildMemberJoin", ann, "joined", nil),
			say("104", "Default", bob, "", object{"embeds": list{object{"title": "", "description": "Built",
				"fields": list{object{"name": "Branch", "value": "main"}}}}}),
			say("105", "Default", ann, "", object{"forwardedMessage": object{"content": "Look\nhere", "attachments": list{
				object{"id": "f4", "url": "https://cdn.example/y", "fileName": "y"}}}}), 7),
		"chat.json_Files/a b.txt": []byte("the file"),
		"other.json":              object{"hello": "world"},
		"broken.json":             []byte(`{"channel":{"id":"12","type":"GuildTextChat","name":"cut"},"messages":[{"id":"1","type":"Default","content":"whole","author":{"id":"1","name":"ann"},"timestamp":"2020-09-13T12:26:40Z"},{"id`),
	}.zip(t)
	s := server(t, nil)
	r := twice(t, s, func() archive.Source {
		source, err := discord.Open(path)
		chattest.Must(t, "open", err)
		return source
	})
	room := named(t, s, "chat")
	m := said(t, s, room.ID)
	want := "Hello @robo\n\n*passwd*\n\n[x](<https://cdn.example/x>)"
	if len(m) != 4 || m[0].Text != want || m[2].Text != "Built\n\n**Branch** main" ||
		m[3].Text != "> Look\n> here\n\n[y](<https://cdn.example/y>)" || m[1].Text != fmt.Sprintf("In reply to %s/#/r/%s/1\n\nYes", publicURL, room.ID) {
		t.Fatalf("chat has %+v", m)
	}
	if !m[0].At.Equal(time.UnixMilli(1599992800123)) || m[0].EditedAt.IsZero() ||
		m[0].PinnedAt.IsZero() || len(m[0].Files) != 1 ||
		len(m[0].Reactions) != 1 || len(m[0].Mentions) != 1 || m[0].Thread == nil {
		t.Errorf("the message is %+v", m[0])
	}
	if replies := said(t, s, m[0].Thread.Room); len(replies) != 1 || replies[0].Text != "in the thread" {
		t.Errorf("the thread has %+v", replies)
	}
	if _, err := s.Store.Member(t.Context(), room.ID, m[0].From); err != nil || room.Kind != chat.Private {
		t.Errorf("Ann is no member: %v", err)
	}
	if cut := said(t, s, named(t, s, "cut").ID); len(cut) != 1 {
		t.Errorf("of a broken file came %+v", cut)
	}
	for kind, text := range map[archive.Kind]string{archive.Rooms: "it is no channel", archive.Reactions: "does not say who",
		archive.Messages: "broken", archive.Files: "not in the export"} {
		if !why(r, kind, text) {
			t.Errorf("no %s were left out because %q", kind, text)
		}
	}
	if _, err := discord.Open(tree{"x.txt": "x"}.zip(t)); err == nil || errors.Is(err, chat.ErrNotFound) {
		t.Error("an archive without JSON was opened")
	}
}
