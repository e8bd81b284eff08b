package chat

// UserID, RoomID and SessionID are opaque, at most 64 ASCII letters, digits and
// dashes.
type (
	UserID    string
	RoomID    string
	SessionID string
)

// GeneralID is the room that every member is in from the start.
const GeneralID RoomID = "general"
