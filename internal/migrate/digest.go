package migrate

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// digest hashes records, field by field, each text with its length before it.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) text(parts ...string) {
	var b [8]byte
	for _, p := range parts {
		binary.LittleEndian.PutUint64(b[:], uint64(len(p)))
		d.Write(b[:])
		d.Write([]byte(p))
	}
}

func (d digest) num(n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	d.Write(b[:])
}

func (d digest) flag(on bool) {
	if on {
		d.num(1)
	} else {
		d.num(0)
	}
}

// time takes milliseconds for all of a time, as stores do.
func (d digest) time(t time.Time) { d.num(t.UnixMilli()) }

func (d digest) head(h Head) {
	d.num(h.Seq)
	d.text(h.ID)
	if h.Event == nil {
		d.text("")
		return
	}
	d.text(string(h.Event.Kind))
}

func (d digest) room(r *Room) {
	d.text(string(r.Room.ID), string(r.Room.Kind), r.Room.Name, r.Room.Topic, string(r.Room.CreatedBy))
	d.time(r.Room.CreatedAt)
	d.num(int64(len(r.Room.People)))
	for _, u := range r.Room.People {
		d.text(string(u))
	}
	d.head(r.Head)
	d.num(r.No)
	d.num(r.Trimmed)
	d.num(int64(r.Room.Retain))
	d.text(string(r.Room.Parent))
	d.num(r.Room.Root)
	d.flag(r.Room.Archived)
	d.num(int64(r.Room.Slow))
	d.flag(r.Room.Announce)
}

func (d digest) member(m *Member) {
	d.text(string(m.User), string(m.Role))
	d.time(m.JoinedAt)
	d.num(m.Spoke)
	d.time(m.Mute.Until)
	d.text(m.Mute.Reason, string(m.Mute.By))
}

func (d digest) message(m *Message) {
	d.num(m.No)
	d.num(m.Seq)
	d.time(m.At)
	d.text(m.ID, string(m.From), string(m.By), m.Text, m.ClientID, m.Prev)
	d.num(int64(len(m.Mentions)))
	for _, u := range m.Mentions {
		d.text(string(u))
	}
	d.num(int64(len(m.Files)))
	for _, f := range m.Files {
		d.text(f.ID, f.Name, f.Type, f.Alt)
		d.num(f.Size)
		d.num(int64(f.Width))
		d.num(int64(f.Height))
		d.flag(f.Voice)
		d.num(f.Duration)
	}
	d.time(m.EditedAt)
	d.time(m.DeletedAt)
	d.time(m.PinnedAt)
	d.text(string(m.PinnedBy))
	d.num(int64(len(m.Reactions)))
	for _, r := range m.Reactions {
		d.text(r.Emoji)
		d.num(int64(len(r.Users)))
		for _, u := range r.Users {
			d.text(string(u))
		}
	}
	if t := m.Thread; t != nil {
		d.text(string(t.Room))
		d.num(t.Replies)
		d.num(t.Deleted)
		d.time(t.LastAt)
	} else {
		d.text("")
	}
}

func (d digest) edits(m *Message) {
	if len(m.Edits) == 0 {
		return
	}
	d.num(m.No)
	d.num(int64(len(m.Edits)))
	for _, e := range m.Edits {
		d.text(e.Text)
		d.time(e.At)
	}
}

func (d digest) record(r *Record) {
	d.text(r.Kind, r.ID, string(r.Value))
	d.num(r.Version)
}

func (d digest) account(a *chat.Account) {
	d.text(string(a.ID), a.Name, string(a.Role), a.NameKey, a.LookKey, a.Password)
	d.time(a.CreatedAt)
	d.flag(a.Disabled)
	d.flag(a.Bot)
	d.flag(a.HidesReads)
	d.flag(a.HidesPresence)
	d.text(a.Status.Emoji, a.Status.Text, a.About, a.Picture, a.Title, a.TimeZone, a.Phone, a.FormerName)
	d.time(a.Status.Until)
	d.time(a.QuietUntil)
	d.time(a.DisabledUntil)
}

func (d digest) session(s *chat.Session) {
	d.text(string(s.ID), string(s.User), s.TokenHash, s.Name, s.Agent, s.Addr)
	d.num(int64(len(s.Scopes)))
	d.text(s.Scopes...)
	d.time(s.CreatedAt)
	d.time(s.SeenAt)
	d.time(s.ExpiresAt)
}

func (d digest) invite(i *chat.Invite) {
	d.text(i.ID, i.CodeHash, string(i.Role), string(i.CreatedBy))
	d.time(i.CreatedAt)
	d.time(i.ExpiresAt)
}
