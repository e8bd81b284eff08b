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
	d.num(int64(len(r.Room.Pair)))
	for _, u := range r.Room.Pair {
		d.text(string(u))
	}
	d.head(r.Head)
	d.num(r.No)
	d.num(r.Trimmed)
	d.num(int64(r.Room.Retain))
}

func (d digest) member(m *Member) {
	d.text(string(m.User), string(m.Role))
	d.time(m.JoinedAt)
}

func (d digest) message(m *Message) {
	d.num(m.No)
	d.num(m.Seq)
	d.time(m.At)
	d.text(m.ID, string(m.From), string(m.By), m.Text, m.ClientID, m.Prev)
}

func (d digest) account(a *chat.Account) {
	d.text(string(a.ID), a.Name, string(a.Role), a.NameKey, a.Password)
	d.time(a.CreatedAt)
	if a.Disabled {
		d.num(1)
	} else {
		d.num(0)
	}
}

func (d digest) session(s *chat.Session) {
	d.text(string(s.ID), string(s.User), s.TokenHash, s.Agent, s.Addr)
	d.time(s.CreatedAt)
	d.time(s.SeenAt)
	d.time(s.ExpiresAt)
}

func (d digest) invite(i *chat.Invite) {
	d.text(i.ID, i.CodeHash, string(i.Role), string(i.CreatedBy))
	d.time(i.CreatedAt)
	d.time(i.ExpiresAt)
}
