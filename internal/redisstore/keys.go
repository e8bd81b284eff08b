package redisstore

import (
	"strconv"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// keys builds the names of keys. The keys of one stream share a slot.
type keys struct{ prefix string }

func (k keys) of(s chat.Stream, what string) string {
	return k.prefix + ":{" + string(s) + "}:" + what
}

func (k keys) room(id chat.RoomID, what string) string { return k.of(chat.RoomStream(id), what) }
func (k keys) user(id chat.UserID, what string) string { return k.of(chat.UserStream(id), what) }
func (k keys) server(what string) string               { return k.of(chat.ServerStream, what) }

// channel is the stream's pub/sub channel.
func (k keys) channel(s chat.Stream) string { return k.of(s, "bell") }

// token maps the hash of a session's token to the session.
func (k keys) token(hash string) string { return k.prefix + ":token:{" + hash + "}" }

// A send is remembered in the generation of its day, which lives for three
// days: at least two after its last send, by Redis' clock.
const (
	generation     = chat.DedupeFor
	generationLife = 3 * generation
	// How wrong the clocks of two nodes may be, at most, without a repeated
	// send being taken for a new one.
	clockError = 2 * time.Hour
)

func day(t time.Time) int64 { return t.UnixMilli() / generation.Milliseconds() }

// sends returns the generations in which a send of that time may stand, its own
// first.
func (k keys) sends(id chat.RoomID, at time.Time) []string {
	own := day(at)
	names := []string{k.generation(id, own), k.generation(id, own-1)}
	if day(at.Add(clockError)) != own {
		names = append(names, k.generation(id, own+1))
	}
	return names
}

func (k keys) generation(id chat.RoomID, n int64) string {
	return k.room(id, "sends:"+strconv.FormatInt(n, 10))
}
