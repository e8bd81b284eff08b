package chat

import "strings"

// UserID, RoomID and SessionID are opaque, at most 64 ASCII letters, digits and
// dashes.
type (
	UserID    string
	RoomID    string
	SessionID string
)

// GeneralID is the room that every member is in from the start.
const GeneralID RoomID = "general"

// Stream names one log: "room:<RoomID>", "user:<UserID>", or [ServerStream].
type Stream string

// ServerStream holds what concerns everyone: people who arrive or change.
const ServerStream Stream = "server"

// RoomStream is the log of a room. Its members may read it.
func RoomStream(id RoomID) Stream { return Stream("room:" + id) }

// UserStream is the log of one person: rooms joined and left, read positions,
// sessions that ended. Only that person may read it.
func UserStream(id UserID) Stream { return Stream("user:" + id) }

// Room returns the room that s is the log of.
func (s Stream) Room() (RoomID, bool) {
	id, ok := strings.CutPrefix(string(s), "room:")
	return RoomID(id), ok
}

// User returns the person that s is the log of.
func (s Stream) User() (UserID, bool) {
	id, ok := strings.CutPrefix(string(s), "user:")
	return UserID(id), ok
}
