// Package mattermost reads a bulk export of Mattermost: the zip file that mmctl
// export makes, the directory that it was unpacked into, or its JSONL file
// alone. The format is what Mattermost documents as that of bulk loading.
package mattermost

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/incoming"
)

// Source is an open export.
type Source struct {
	*archive.Container
	lines string // path of the JSONL file
}

// Open opens an export.
func Open(file string) (*Source, error) {
	s := &Source{}
	dir := file
	if filepath.Ext(file) == ".jsonl" {
		dir, s.lines = filepath.Dir(file), filepath.Base(file)
	}
	var err error
	if s.Container, err = archive.OpenExport(dir); err != nil {
		return nil, err
	}
	if s.lines == "" {
		found, err := fs.Glob(s.FS, "*.jsonl")
		if err != nil || len(found) == 0 {
			return nil, errors.Join(errors.New("there is no .jsonl file in it: this is no bulk export of Mattermost"),
				err, s.Close())
		}
		s.lines = found[0]
	}
	return s, nil
}

type line struct {
	Type          string   `json:"type"`
	Channel       *channel `json:"channel"`
	User          *user    `json:"user"`
	Bot           *bot     `json:"bot"`
	Emoji         *emoji   `json:"emoji"`
	Post          *post    `json:"post"`
	DirectChannel *direct  `json:"direct_channel"`
	DirectPost    *post    `json:"direct_post"`
}

type channel struct {
	Team    string `json:"team"`
	Name    string `json:"name"`
	Title   string `json:"display_name"`
	Type    string `json:"type"` // O for open, P for private
	Header  string `json:"header"`
	Purpose string `json:"purpose"`
}

type user struct {
	Name     string `json:"username"`
	Nickname string `json:"nickname"`
	First    string `json:"first_name"`
	Last     string `json:"last_name"`
	Position string `json:"position"`
	Roles    string `json:"roles"`
	DeleteAt int64  `json:"delete_at"`
	Teams    []struct {
		Name     string `json:"name"`
		Channels []struct {
			Name  string `json:"name"`
			Roles string `json:"roles"`
		} `json:"channels"`
	} `json:"teams"`
}

type bot struct {
	Name     string `json:"username"`
	Title    string `json:"display_name"`
	DeleteAt int64  `json:"delete_at"`
}

type emoji struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

type direct struct {
	Members []string `json:"members"`
	Header  string   `json:"header"`
}

// post is a post or a reply; of a direct one, Members say where.
type post struct {
	Team      string   `json:"team"`
	Channel   string   `json:"channel"`
	Members   []string `json:"channel_members"`
	User      string   `json:"user"`
	Type      string   `json:"type"`
	Message   string   `json:"message"`
	CreateAt  int64    `json:"create_at"`
	EditAt    int64    `json:"edit_at"`
	Pinned    bool     `json:"is_pinned"`
	Replies   []post   `json:"replies"`
	Reactions []struct {
		User  string `json:"user"`
		Emoji string `json:"emoji_name"`
	} `json:"reactions"`
	Attachments []struct {
		Path string `json:"path"`
	} `json:"attachments"`
	Props struct {
		Attachments []any `json:"attachments"` // in Slack's form
	} `json:"props"`
}

// reading is one pass over an export.
type reading struct {
	*Source
	yield  func(archive.Record, error) bool
	people map[string]bool
	rooms  map[string]string // names by id
	where  string
}

// Records implements [archive.Source].
func (s *Source) Records() iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		f, err := s.Open(s.lines)
		if err != nil {
			yield(archive.Record{}, err)
			return
		}
		defer f.Close()
		r := &reading{Source: s, yield: yield, people: map[string]bool{}, rooms: map[string]string{}}
		if !r.give(archive.Record{Header: &archive.Header{Version: archive.Version, Source: "mattermost"}}) {
			return
		}
		n := 0
		for l, err := range archive.Values[line](f) {
			n++
			r.where = fmt.Sprintf("%s, line %d", s.lines, n)
			if ok := err != nil && r.skip(archive.Messages, err.Error()) || err == nil && r.line(&l); !ok {
				return
			}
		}
	}
}

func (r *reading) give(record archive.Record) bool { return r.yield(record, nil) }

func (r *reading) skip(kind archive.Kind, why string) bool {
	return r.give(archive.Record{Skipped: &archive.Skipped{Kind: kind, Why: why, Where: r.where}})
}

func (r *reading) line(l *line) bool {
	switch {
	case l.Channel != nil:
		return r.channel(l.Channel)
	case l.User != nil:
		return r.user(l.User)
	case l.Bot != nil:
		r.people[l.Bot.Name] = true
		return r.give(archive.Record{Person: &archive.Person{ID: l.Bot.Name, Bot: true, Role: "guest",
			Name: cmp.Or(l.Bot.Title, l.Bot.Name), Disabled: l.Bot.DeleteAt > 0}})
	case l.Emoji != nil:
		return r.give(archive.Record{Emoji: &archive.Emoji{Name: l.Emoji.Name, File: r.find(l.Emoji.Image)}})
	case l.DirectChannel != nil:
		return r.direct(l.DirectChannel.Members)
	case l.Post != nil:
		return r.post(l.Post, l.Post.Team+"/"+l.Post.Channel, "")
	case l.DirectPost != nil:
		return r.direct(l.DirectPost.Members) && r.post(l.DirectPost, directID(l.DirectPost.Members), "")
	}
	return true // teams, roles and others, which have no place here
}

func (r *reading) channel(c *channel) bool {
	id := c.Team + "/" + c.Name
	room := archive.Room{ID: id, Kind: "private", Name: cmp.Or(c.Title, c.Name), Topic: cmp.Or(c.Purpose, c.Header)}
	if c.Type == "O" {
		room.Kind = "public"
		room.General = c.Name == "town-square" && len(r.rooms) == 0
	}
	r.rooms[id] = room.Name
	return r.give(archive.Record{Room: &room})
}

func (r *reading) user(u *user) bool {
	p := archive.Person{ID: u.Name, Title: u.Position, Disabled: u.DeleteAt > 0,
		Name: cmp.Or(u.Nickname, strings.TrimSpace(u.First+" "+u.Last), u.Name)}
	if strings.Contains(u.Roles, "system_guest") {
		p.Role = "guest"
	}
	r.people[u.Name] = true
	if !r.give(archive.Record{Person: &p}) {
		return false
	}
	for _, t := range u.Teams {
		for _, c := range t.Channels {
			if !r.give(archive.Record{Member: &archive.Member{Room: t.Name + "/" + c.Name, Person: u.Name,
				Moderator: strings.Contains(c.Roles, "channel_admin")}}) {
				return false
			}
		}
	}
	return true
}

// directID is the id of the conversation of some people.
func directID(members []string) string {
	members = slices.Clone(members)
	slices.Sort(members)
	return "direct/" + strings.Join(slices.Compact(members), ",")
}

func (r *reading) direct(members []string) bool {
	id := directID(members)
	if _, known := r.rooms[id]; known {
		return true
	}
	r.rooms[id] = ""
	return r.give(archive.Record{Room: &archive.Room{ID: id, Kind: "direct", People: members}})
}

// find returns the path of a file, "" if its bytes are not there.
func (r *reading) find(name string) string {
	for _, p := range []string{path.Join("data", name), path.Clean(name)} {
		if info, err := fs.Stat(r.FS, p); name != "" && fs.ValidPath(p) && err == nil &&
			info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}

// post gives a post and its replies. Posts have no ids: room, author, time and
// text name them.
func (r *reading) post(p *post, room, root string) bool {
	kind := archive.Messages
	if root != "" {
		kind = archive.Replies
	}
	if strings.HasPrefix(p.Type, "system_") {
		return r.skip(kind, "a notice of Mattermost, not a message of someone")
	}
	sum := sha256.Sum256([]byte(root + "\x00" + p.User + "\x00" + p.Message))
	m := archive.Message{Room: room, ID: fmt.Sprintf("%d-%s", p.CreateAt, hex.EncodeToString(sum[:8])),
		Thread: root, From: p.User, At: milli(p.CreateAt), Where: r.where}
	if p.EditAt > 0 {
		m.EditedAt = milli(p.EditAt)
	}
	if p.Pinned {
		m.PinnedAt, m.PinnedBy = m.At, p.User
	}
	r.text(p, &m)
	for _, one := range p.Reactions {
		i := slices.IndexFunc(m.Reactions, func(g archive.Reaction) bool { return g.Emoji == one.Emoji })
		if i < 0 {
			i, m.Reactions = len(m.Reactions), append(m.Reactions, archive.Reaction{Emoji: one.Emoji})
		}
		m.Reactions[i].People = append(m.Reactions[i].People, one.User)
	}
	for _, f := range p.Attachments {
		m.Files = append(m.Files, archive.File{ID: f.Path, Name: path.Base(f.Path), Path: r.find(f.Path)})
	}
	if !r.give(archive.Record{Message: &m}) {
		return false
	}
	for i := range p.Replies {
		if !r.post(&p.Replies[i], room, m.ID) {
			return false
		}
	}
	return true
}

func milli(n int64) time.Time {
	if n <= 0 || n > 1<<50 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// named is a mention of a person or a room: what stands before it, its sign,
// and the name.
var named = regexp.MustCompile(`(^|[^A-Za-z0-9_@~/.])([@~])([a-z0-9][a-z0-9._-]*)`)

// text sets the text of a post: it is markdown, with holes for people and rooms
// outside of code.
func (r *reading) text(p *post, m *archive.Message) {
	parts := strings.Split(strings.ReplaceAll(p.Message, archive.Hole, ""), "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = named.ReplaceAllStringFunc(parts[i], func(s string) string {
			g := named.FindStringSubmatch(s)
			name := strings.TrimRight(g[3], ".-_")
			if r.people[g[3]] {
				name = g[3]
			}
			rest := g[3][len(name):]
			room := p.Team + "/" + name
			_, isRoom := r.rooms[room]
			switch {
			case g[2] == "@" && slices.Contains([]string{"all", "channel", "here"}, name):
				m.Mentions = append(m.Mentions, "*")
				return s
			case g[2] == "@" && r.people[name]:
				m.Refs = append(m.Refs, archive.Ref{Person: name, Text: "@" + name})
			case g[2] == "~" && isRoom:
				m.Refs = append(m.Refs, archive.Ref{Room: room, Text: "~" + name})
			default:
				return s
			}
			return g[1] + archive.Hole + rest
		})
	}
	m.Text = strings.Join(parts, "`")
	if len(p.Props.Attachments) > 0 {
		m.Text = strings.TrimSpace(m.Text + "\n\n" +
			strings.ReplaceAll(incoming.Markdown(map[string]any{"attachments": p.Props.Attachments}), archive.Hole, ""))
	}
}
