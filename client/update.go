package client

import (
	"strings"
	"time"
)

// Update is one thing that a connection learned. Exactly one field is set.
type Update struct {
	// State answers sync: with the first sync it is everything that is not
	// fetched, later what could not be resumed.
	State *State
	// Event is the next event of its stream.
	Event *Event
	// Signal may be lost, and is not repeated.
	Signal *Signal
	// Watched answers Watch, also when a Follower has come back: Signals of
	// Presence since then are news.
	Watched *Watched
	// Resumed says that all missed events of a stream have been delivered.
	Resumed *StreamPosition
	// Resync says that the missed events of a stream cannot be had: drop what
	// you hold of it and fetch it again. Its events go on after the position. A
	// Follower that has to resync the person's own stream gets a new State.
	Resync *StreamPosition
	// Goodbye says that the server stops soon. A Follower comes back by itself.
	Goodbye *Goodbye
	// Disconnected says that a Follower lost its connection, or could not get
	// one. It comes back by itself.
	Disconnected *Disconnected
}

// State is what sync answers.
type State struct {
	ServerID       string    `json:"server_id"`                 // of the server's data
	User           User      `json:"user"`                      // the caller
	Session        SessionID `json:"session"`                   // of the token
	UserPosition   Position  `json:"user_position"`             // in the caller's own stream
	ServerPosition *Position `json:"server_position,omitempty"` // nil for guests

	// Rooms are those of the caller's rooms whose position was not given.
	Rooms []RoomView `json:"rooms"`
	// Gone are streams whose position was given and that the caller may not
	// read any more.
	Gone   []Stream `json:"gone"`
	Limits Limits   `json:"limits"`
	// HeartbeatS is after how many seconds of silence the server pings.
	HeartbeatS int `json:"heartbeat_s"`
}

// Watched says who of those whom a connection watches is online.
type Watched struct {
	Online []UserID `json:"online"` // empty for guests
}

// StreamPosition is a place in a stream.
type StreamPosition struct {
	Stream   Stream   `json:"stream"`
	Position Position `json:"position"`
}

// Goodbye is what a server says before it stops.
type Goodbye struct {
	Reason  string `json:"reason"`
	RetryMS int64  `json:"retry_ms"` // come back after about so many milliseconds
}

// Disconnected says why there is no connection, and when the next attempt is.
type Disconnected struct {
	Err   error
	Retry time.Duration
}

// RoomStream is the stream of a room.
func RoomStream(room RoomID) Stream { return Stream("room:" + string(room)) }

// UserStream is the stream of what concerns one person alone.
func UserStream(user UserID) Stream { return Stream("user:" + string(user)) }

func isUserStream(s Stream) bool { return strings.HasPrefix(string(s), "user:") }

// positions is how far each stream is known.
type positions map[Stream]Position

// move takes in what an update says of positions. A room that the caller left
// keeps its position: events that are under way still follow it, and the next
// sync says that it is gone.
func (p positions) move(u Update) {
	switch {
	case u.State != nil:
		p.sync(u.State)
	case u.Resync != nil:
		if isUserStream(u.Resync.Stream) {
			delete(p, u.Resync.Stream) // the next sync gives it
		} else {
			p[u.Resync.Stream] = u.Resync.Position
		}
	case u.Event != nil:
		p[u.Event.Stream] = u.Event.Position()
		if u.Event.Kind == RoomJoined {
			// If the event was missed, the room may be further already.
			room, joined := RoomStream(u.Event.View.ID), u.Event.View.Position
			if at := p[room]; at.Epoch != joined.Epoch || at.Seq < joined.Seq {
				p[room] = joined
			}
		}
	}
}

// next reports whether e is new, and whether it follows what is known.
func (p positions) next(e *Event) (isNew, follows bool) {
	at, known := p[e.Stream]
	return !known || e.Epoch != at.Epoch || e.Seq > at.Seq, !known || e.Follows(at)
}

// sync takes in the answer to a sync. Streams whose position was given keep
// it: what was missed comes after the answer.
func (p positions) sync(s *State) {
	own := UserStream(s.User.ID)
	if _, ok := p[own]; !ok {
		p[own] = s.UserPosition
	}
	if _, ok := p[ServerStream]; !ok && s.ServerPosition != nil {
		p[ServerStream] = *s.ServerPosition
	}
	for _, v := range s.Rooms {
		p[RoomStream(v.ID)] = v.Position
	}
	for _, stream := range s.Gone {
		delete(p, stream)
	}
}
