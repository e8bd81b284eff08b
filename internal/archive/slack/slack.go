// Package slack reads an export of a Slack workspace: the zip file, or the
// directory that it was unpacked into. The format is what Slack's help centre
// calls a JSON export: users.json, channels.json, groups.json, mpims.json,
// dms.json, and for each conversation a folder with a file for each day.
//
// Days are read in order, and of each day one conversation after the other, so
// that a message that another links to comes first.
package slack

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/archive"
)

// Source is an open export.
type Source struct {
	export *archive.Container
	files  *archive.Container // nil for none
}

// Open opens an export. Files, if not empty, is a directory or a zip file with
// the files of messages, each as ID/NAME, ID-NAME, ID_NAME or ID.
func Open(export, files string) (*Source, error) {
	s := &Source{}
	var err error
	if s.export, err = archive.OpenExport(export); err != nil {
		return nil, err
	}
	if files != "" {
		if s.files, err = archive.OpenContainer(files); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close implements [archive.Source].
func (s *Source) Close() error {
	err := s.export.Close()
	if s.files != nil {
		err = errors.Join(err, s.files.Close())
	}
	return err
}

// beside begins the paths of files that are not in the export.
const beside = "beside:"

// Open implements [archive.Source].
func (s *Source) Open(name string) (io.ReadCloser, error) {
	if rest, ok := strings.CutPrefix(name, beside); ok && s.files != nil {
		return s.files.Open(rest)
	}
	return s.export.Open(name)
}

// find returns the path of a file, "" if its bytes are nowhere.
func (s *Source) find(folder string, f file) string {
	if f.ID == "" {
		return ""
	}
	name := strings.ReplaceAll(f.Name, "/", "_")
	for _, p := range []string{"__uploads/" + f.ID + "/" + name, "files/" + f.ID + "/" + name,
		folder + "/attachments/" + f.ID + "-" + name, "attachments/" + f.ID + "-" + name} {
		if isFile(s.export, p) {
			return p
		}
	}
	if s.files == nil {
		return ""
	}
	for _, p := range []string{f.ID + "/" + name, f.ID + "-" + name, f.ID + "_" + name, f.ID,
		"__uploads/" + f.ID + "/" + name} {
		if isFile(s.files, p) {
			return beside + p
		}
	}
	return ""
}

func isFile(c *archive.Container, name string) bool {
	if !fs.ValidPath(name) {
		return false
	}
	info, err := fs.Stat(c.FS, name)
	return err == nil && info.Mode().IsRegular()
}

type user struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Deleted    bool   `json:"deleted"`
	RealName   string `json:"real_name"`
	TZ         string `json:"tz"`
	IsBot      bool   `json:"is_bot"`
	Restricted bool   `json:"is_restricted"`
	Ultra      bool   `json:"is_ultra_restricted"`
	Profile    profile
}

type profile struct {
	RealName    string `json:"real_name"`
	DisplayName string `json:"display_name"`
	Name        string `json:"name"`
	Title       string `json:"title"`
	Phone       string `json:"phone"`
}

type channel struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Created  int64    `json:"created"`
	Creator  string   `json:"creator"`
	Archived bool     `json:"is_archived"`
	General  bool     `json:"is_general"`
	Members  []string `json:"members"`
	Topic    value    `json:"topic"`
	Purpose  value    `json:"purpose"`
	Pins     []pin    `json:"pins"`

	folder string
}

type value struct {
	Value string `json:"value"`
}

type pin struct {
	ID      string `json:"id"` // ts of the message
	User    string `json:"user"`
	Created int64  `json:"created"`
}

// reading is one pass over an export.
type reading struct {
	*Source
	yield  func(archive.Record, error) bool
	people map[string]string   // names by id
	rooms  map[string]*channel // by folder
	names  map[string]string   // of rooms by id
	pins   map[string]pin      // by room and ts
}

// errStop ends a pass that no one wants to go on with.
var errStop = errors.New("stop")

// Records implements [archive.Source].
func (s *Source) Records() iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		r := &reading{Source: s, yield: yield, people: map[string]string{}, rooms: map[string]*channel{},
			names: map[string]string{}, pins: map[string]pin{}}
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
	if !isFile(r.export, "users.json") && !isFile(r.export, "org_users.json") {
		return errors.New("there is no users.json in it: this is not an export of a Slack workspace")
	}
	if err := r.give(archive.Record{Header: &archive.Header{Version: archive.Version,
		Source: "slack"}}); err != nil {
		return err
	}
	for _, name := range []string{"users.json", "org_users.json"} {
		if err := each(r, archive.People, name, r.user); err != nil {
			return err
		}
	}
	if err := r.emoji(); err != nil {
		return err
	}
	for _, list := range []struct{ name, kind string }{{"channels.json", "public"}, {"groups.json", "private"},
		{"mpims.json", "direct"}, {"dms.json", "direct"}} {
		if err := each(r, archive.Rooms, list.name, func(c channel, where string) error {
			return r.channel(c, list.kind, where)
		}); err != nil {
			return err
		}
	}
	return r.days()
}

// each reads the values of one file, which need not be there. What is broken is
// left out.
func each[T any](r *reading, kind archive.Kind, name string, do func(v T, where string) error) error {
	f, err := r.export.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return r.skip(kind, "the file cannot be read", name+": "+err.Error(), 1)
	}
	defer f.Close()
	n := 0
	for v, err := range archive.Values[T](f) {
		n++
		where := fmt.Sprintf("%s, entry %d", name, n)
		if err != nil {
			err = r.skip(kind, err.Error(), where, 1)
		} else {
			err = do(v, where)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) user(u user, _ string) error {
	if _, twice := r.people[u.ID]; twice || u.ID == "" {
		return r.skip(archive.People, "its id is there twice, or missing", "user "+u.ID, 1)
	}
	p := archive.Person{ID: u.ID, Bot: u.IsBot || u.ID == slackbot, Disabled: u.Deleted, TimeZone: u.TZ,
		Title: u.Profile.Title, Phone: u.Profile.Phone,
		Name: cmp.Or(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name, u.ID)}
	if u.Restricted || u.Ultra || p.Bot {
		p.Role = "guest"
	}
	r.people[u.ID] = p.Name
	return r.give(archive.Record{Person: &p})
}

// slackbot is the id of a bot that every workspace has.
const slackbot = "USLACKBOT"

// emoji says of custom emoji that they are left out: the export has only
// addresses of their pictures, if that.
func (r *reading) emoji() error {
	return each(r, archive.Emojis, "emoji.json", func(list map[string]any, _ string) error {
		for name := range list {
			if err := r.skip(archive.Emojis, "its picture is not in the export", ":"+name+":", 1); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reading) channel(c channel, kind, where string) error {
	if _, twice := r.names[c.ID]; twice || c.ID == "" {
		return r.skip(archive.Rooms, "its id is there twice, or missing", where, 1)
	}
	room := archive.Room{ID: c.ID, Kind: kind, General: c.General, Name: c.Name,
		Topic: cmp.Or(plain(c.Topic.Value), plain(c.Purpose.Value)), By: c.Creator,
		CreatedAt: unix(c.Created),
		Archived:  c.Archived}
	if kind == "direct" {
		room.People = c.Members
	}
	r.names[c.ID] = cmp.Or(c.Name, "direct message")
	c.folder = c.ID
	if c.Name != "" {
		if info, err := fs.Stat(r.export.FS, c.Name); fs.ValidPath(c.Name) && err == nil && info.IsDir() {
			c.folder = c.Name
		}
	}
	if other := r.rooms[c.folder]; other != nil {
		return r.skip(archive.Rooms, "another room has the same folder", where, 1)
	}
	for _, p := range c.Pins {
		r.pins[c.ID+"/"+p.ID] = p
	}
	members := c.Members
	c.Members, c.Pins = nil, nil
	r.rooms[c.folder] = &c
	if err := r.give(archive.Record{Room: &room}); err != nil || kind == "direct" {
		return err
	}
	for _, id := range members {
		err := r.give(archive.Record{Member: &archive.Member{Room: c.ID, Person: id, At: room.CreatedAt,
			Moderator: id == c.Creator}})
		if err != nil {
			return err
		}
	}
	return nil
}

// unix is a time in seconds; the zero time for none.
func unix(seconds int64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// days reads the messages of all rooms, day by day.
func (r *reading) days() error {
	top, err := fs.ReadDir(r.export.FS, ".")
	if err != nil {
		return err
	}
	type day struct{ name, folder string }
	var days []day
	for _, dir := range top {
		if !dir.IsDir() {
			continue
		}
		files, err := fs.ReadDir(r.export.FS, dir.Name())
		if err != nil {
			return err
		}
		unknown := r.rooms[dir.Name()] == nil
		for _, f := range files {
			switch {
			case f.IsDir() || path.Ext(f.Name()) != ".json":
			case unknown:
				if err := r.skip(archive.Messages, "no list names the conversation that it is in",
					dir.Name()+"/"+f.Name(), 1); err != nil {
					return err
				}
			default:
				days = append(days, day{f.Name(), dir.Name()})
			}
		}
	}
	slices.SortFunc(days, func(a, b day) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.folder, b.folder))
	})
	for _, d := range days {
		room := r.rooms[d.folder]
		if err := each(r, archive.Messages, d.folder+"/"+d.name, func(m message, where string) error {
			return r.message(room, &m, where)
		}); err != nil {
			return err
		}
	}
	return nil
}
