// Package discord reads what DiscordChatExporter writes as JSON: one file for
// each channel, alone, in a directory or in a zip file. Files of messages come
// if they were exported too (--media).
package discord

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/archive"
)

// Source is an open export.
type Source struct {
	*archive.Container
	names []string // paths of the channels' files
}

// Open opens an export.
func Open(file string) (*Source, error) {
	s := &Source{}
	dir := file
	if filepath.Ext(file) == ".json" {
		dir, s.names = filepath.Dir(file), []string{filepath.Base(file)}
	}
	var err error
	if s.Container, err = archive.OpenExport(dir); err != nil || s.names != nil {
		return s, err
	}
	err = fs.WalkDir(s.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Ext(name) == ".json" && !strings.HasPrefix(d.Name(), ".") {
			s.names = append(s.names, name)
		}
		return err
	})
	if err == nil && len(s.names) == 0 {
		err = errors.New("there is no .json file in it: this is nothing that DiscordChatExporter wrote")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

type channel struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	CategoryID string `json:"categoryId"` // of a thread: the channel that it is in
	Name       string `json:"name"`
	Topic      string `json:"topic"`
}

type user struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Nickname string `json:"nickname"`
	Bot      bool   `json:"isBot"`
}

type message struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	At       time.Time `json:"timestamp"`
	EditedAt time.Time `json:"timestampEdited"`
	Pinned   bool      `json:"isPinned"`
	Author   user      `json:"author"`
	Mentions []user    `json:"mentions"`
	content
	Forwarded content `json:"forwardedMessage"`
	Reactions []struct {
		Emoji struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			Code string `json:"code"`
		} `json:"emoji"`
		Count int    `json:"count"`
		Users []user `json:"users"`
	} `json:"reactions"`
	Reference struct {
		Message string `json:"messageId"`
		Channel string `json:"channelId"`
	} `json:"reference"`
}

// content is what a message says, or one that it forwards.
type content struct {
	Text        string `json:"content"`
	Attachments []struct {
		ID   string `json:"id"`
		URL  string `json:"url"`
		Name string `json:"fileName"`
	} `json:"attachments"`
	Stickers []struct {
		Name string `json:"name"`
	} `json:"stickers"`
	Embeds []embed `json:"embeds"`
}

type embed struct {
	Title       string `json:"title"`
	URL         string `json:"url"`
	Description string `json:"description"`
	Fields      []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"fields"`
}

// text returns the text with what stands for stickers and embeds.
func (c *content) text() string {
	text := c.Text
	for _, s := range c.Stickers {
		text += "\n\n*" + s.Name + "*"
	}
	if strings.TrimSpace(c.Text) == "" { // or else previews of links in the text
		for _, e := range c.Embeds {
			if title := cmp.Or(e.Title, e.URL); title != "" {
				text += "\n\n**" + title + "**"
			}
			text += "\n" + e.Description
			for _, f := range e.Fields {
				text += "\n\n**" + f.Name + "** " + f.Value
			}
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(text, archive.Hole, ""))
}

// file is one channel's file, as the first look at it has found it.
type file struct {
	name    string
	channel channel
	authors []string
	first   time.Time
}

// reading is one pass over an export.
type reading struct {
	*Source
	yield  func(archive.Record, error) bool
	people map[string]bool
	rooms  map[string]bool
}

// errStop ends a pass that no one wants to go on with.
var errStop = errors.New("stop")

// Records implements [archive.Source]. Each file is read twice: for the people,
// who come first, and for the messages.
func (s *Source) Records() iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		r := &reading{Source: s, yield: yield, people: map[string]bool{}, rooms: map[string]bool{}}
		if err := r.all(); err != nil && !errors.Is(err, errStop) {
			yield(archive.Record{}, err)
		}
	}
}

func (r *reading) give(record archive.Record) error {
	if !r.yield(record, nil) {
		return errStop
	}
	return nil
}

func (r *reading) skip(kind archive.Kind, why, where string, n int) error {
	return r.give(archive.Record{Skipped: &archive.Skipped{Kind: kind, Why: why, Where: where, Count: n}})
}

func (r *reading) all() error {
	if err := r.give(archive.Record{Header: &archive.Header{Version: archive.Version,
		Source: "discord"}}); err != nil {
		return err
	}
	var files []*file
	for _, name := range r.names {
		f, err := r.look(name)
		if err != nil {
			return err
		}
		if f != nil {
			files = append(files, f)
		}
	}
	slices.SortStableFunc(files, func(a, b *file) int { // the messages above threads come first
		return rank(a.channel) - rank(b.channel)
	})
	for _, f := range files {
		if err := r.file(f); err != nil {
			return err
		}
	}
	return nil
}

func isThread(c channel) bool { return strings.Contains(c.Type, "Thread") }

func rank(c channel) int {
	if isThread(c) {
		return 1
	}
	return 0
}

// look reads a file for its channel and its people.
func (r *reading) look(name string) (*file, error) {
	in, err := r.Open(name)
	if err != nil {
		return nil, r.skip(archive.Rooms, "the file cannot be read", name, 1)
	}
	defer in.Close()
	f := &file{name: name}
	for m, err := range archive.Elements[message](in, "messages", map[string]any{"channel": &f.channel}) {
		if err != nil {
			continue // it is told when the messages are read
		}
		if f.first.IsZero() {
			f.first = m.At
		}
		if !slices.Contains(f.authors, m.Author.ID) {
			f.authors = append(f.authors, m.Author.ID)
		}
		people := append([]user{m.Author}, m.Mentions...)
		for _, g := range m.Reactions {
			people = append(people, g.Users...)
		}
		for _, u := range people {
			if u.ID == "" || r.people[u.ID] {
				continue
			}
			r.people[u.ID] = true
			if err := r.give(archive.Record{Person: &archive.Person{ID: u.ID, Bot: u.Bot,
				Name: cmp.Or(u.Nickname, u.Name)}}); err != nil {
				return nil, err
			}
		}
	}
	if f.channel.ID == "" {
		return nil, r.skip(archive.Rooms, "it is no channel that DiscordChatExporter wrote", name, 1)
	}
	return f, nil
}

// file gives a channel's room, unless it is a thread in one, and its messages.
// Who may read a channel is not in the export, so the room is private, with
// those who have written in it.
func (r *reading) file(f *file) error {
	c := f.channel
	room, thread := c.ID, ""
	if isThread(c) && r.rooms[c.CategoryID] {
		room, thread = c.CategoryID, c.ID // a thread has the id of the message above it
	} else {
		out := archive.Room{ID: c.ID, Kind: "private", Name: c.Name, Topic: c.Topic, CreatedAt: f.first}
		if strings.HasPrefix(c.Type, "Direct") {
			out.Kind, out.People = "direct", f.authors
		}
		r.rooms[c.ID] = true
		if err := r.give(archive.Record{Room: &out}); err != nil {
			return err
		}
		for _, id := range f.authors {
			if out.Kind == "direct" {
				break
			}
			if err := r.give(archive.Record{Member: &archive.Member{Room: c.ID, Person: id,
				At: f.first}}); err != nil {
				return err
			}
		}
	}
	in, err := r.Open(f.name)
	if err != nil {
		return err
	}
	defer in.Close()
	n := 0
	for m, err := range archive.Elements[message](in, "messages", nil) {
		n++
		where := fmt.Sprintf("%s, message %d", f.name, n)
		if err != nil {
			err = r.skip(archive.Messages, err.Error(), where, 1)
		} else {
			err = r.message(f, &m, archive.Message{Room: room, Thread: thread, Where: where + " (" + m.ID + ")"})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spoken are the types of messages that someone wrote; of types that are newer
// than this list there is only a number.
var spoken = regexp.MustCompile(`^(Default|Reply|ChatInputCommand|ContextMenuCommand|\d+|)$`)

func (r *reading) message(f *file, m *message, out archive.Message) error {
	kind := archive.Messages
	if out.Thread != "" {
		kind = archive.Replies
	}
	if !spoken.MatchString(m.Type) {
		return r.skip(kind, "a notice of Discord, not a message of someone", out.Where, 1)
	}
	out.ID, out.From, out.At, out.EditedAt = m.ID, m.Author.ID, m.At, m.EditedAt
	if m.Pinned {
		out.PinnedAt, out.PinnedBy = m.At, m.Author.ID
	}
	text := m.text()
	if forwarded := m.Forwarded.text(); forwarded != "" {
		text = strings.TrimSpace(text + "\n\n> " + strings.ReplaceAll(forwarded, "\n", "\n> "))
	}
	if m.Type == "Reply" && m.Reference.Message != "" {
		out.Refs = append(out.Refs, archive.Ref{Room: cmp.Or(m.Reference.Channel, out.Room),
			Message: m.Reference.Message, Text: "an earlier message"})
		text = "In reply to " + archive.Hole + "\n\n" + text
	}
	text = mention.ReplaceAllStringFunc(text, func(s string) string {
		g := mention.FindStringSubmatch(s)
		switch {
		case g[1] != "":
			out.Refs = append(out.Refs, archive.Ref{Person: g[1], Text: s})
		case g[2] != "":
			out.Refs = append(out.Refs, archive.Ref{Room: g[2], Text: s})
		default:
			out.Refs = append(out.Refs, archive.Ref{Room: g[4], Message: g[5], Text: s})
		}
		return archive.Hole
	})
	for _, u := range m.Mentions {
		out.Mentions = append(out.Mentions, u.ID)
	}
	out.Text = strings.TrimSpace(text)
	for _, a := range slices.Concat(m.Attachments, m.Forwarded.Attachments) {
		file := archive.File{ID: a.ID, Name: cmp.Or(a.Name, a.ID), URL: a.URL}
		if !strings.Contains(a.URL, "://") {
			file.Path, file.URL = r.find(f.name, a.URL), ""
		}
		out.Files = append(out.Files, file)
	}
	for _, g := range m.Reactions {
		one := archive.Reaction{Emoji: g.Emoji.Name}
		if g.Emoji.ID != "" {
			one.Emoji = ":" + g.Emoji.Name + ":" // a custom one
		}
		for _, u := range g.Users {
			one.People = append(one.People, u.ID)
		}
		out.Reactions = append(out.Reactions, one)
		if missing := g.Count - len(g.Users); missing > 0 && missing < 1_000_000 {
			if err := r.skip(archive.Reactions, "the export does not say who reacted", out.Where, missing); err != nil {
				return err
			}
		}
	}
	return r.give(archive.Record{Message: &out})
}

// mention is a person, a channel, or the address of a message.
var mention = regexp.MustCompile(`<@!?(\d+)>|<#(\d+)>|(https://(?:\w+\.)?discord(?:app)?\.com/channels/(?:\d+|@me)/(\d+)/(\d+))`)

// find returns the path of a file that a channel's file names, "" if its bytes
// are not there.
func (r *reading) find(from, name string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	plain, err := url.PathUnescape(name)
	if err != nil {
		plain = name
	}
	for _, p := range []string{path.Join(path.Dir(from), name), path.Join(path.Dir(from), plain)} {
		if info, err := fs.Stat(r.FS, p); fs.ValidPath(p) && err == nil && info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}
