package chat

import (
	"context"
	"strings"
)

// SendInput describes a message to send.
type SendInput struct {
	Room        RoomID                 `json:"room" doc:"Id of the room"`
	Text        string                 `json:"text,omitempty" doc:"Markdown; may be empty if there are files"`
	Files       []string               `json:"files,omitempty" doc:"Ids of files that you have uploaded"`
	FileDetails map[string]FileDetails `json:"file_details,omitempty" doc:"What you say about files, by their ids"`
	Thread      int64                  `json:"thread,omitempty" doc:"Number of a message of the room: send it into the thread under that, which is made if it is not there"`
	ClientID    string                 `json:"client_id,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_.:-]*$" doc:"Your id for this message, at most 64 letters, digits and -_.:; a retry with the same id is the same message"`
}

// Send appends a message to a room. The returned message is durable and
// numbered.
func (s *Service) Send(ctx context.Context, who Caller, in SendInput) (Message, error) {
	var text string
	var err error
	if in.Text != "" || len(in.Files) == 0 {
		if text, err = s.messageText(in.Text); err != nil {
			return Message{}, err
		}
	}
	if !isClientID(in.ClientID) {
		return Message{}, invalid("client_id", "client_id can have at most 64 letters, digits and -_.: characters.")
	}
	if err := s.limit(ctx, "send:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return Message{}, err
	}
	room := Room{ID: in.Room}
	if in.Thread != 0 || IsThread(in.Room) {
		if room, err = s.threadFor(ctx, who, in); err != nil {
			return Message{}, err
		}
	}
	mentions, err := s.mentions(ctx, who, room.home(), text)
	if err != nil {
		return Message{}, err
	}
	if room.Kind == ThreadRoom {
		for _, u := range mentions { // before it is sent, so that it is new to them
			if u == MentionAll {
				continue
			}
			if err := s.follow(ctx, who, room.ID, u); err != nil {
				return Message{}, err
			}
		}
	}
	taken, err := s.claimFiles(ctx, who, room.ID, in)
	if err != nil {
		return Message{}, err
	}
	var files []File
	for _, f := range taken {
		files = append(files, f.File)
	}
	change := s.change(who, Change{
		Stream: RoomStream(room.ID), MustBeIn: who.User.ID, MustSpeak: room.Kind != ThreadRoom,
		ByAdmin: who.User.Role.atLeast(RoleAdmin),
		Op: CreateMessage{From: who.User.ID, Text: text, Mentions: mentions, Files: files,
			Device: who.Device, ClientID: in.ClientID},
	})
	change.OnQueued, _ = ctx.Value(queuedKey{}).(func())
	done, err := s.Store.Commit(ctx, change)
	if err != nil {
		if certain(err) {
			s.releaseFiles(ctx, taken)
		}
		return Message{}, err
	}
	message := *done[0].Event.Message
	s.attachFiles(ctx, taken, message)
	switch {
	case room.Kind == ThreadRoom:
		err = s.updateThread(ctx, who, room,
			Thread{Room: room.ID, Replies: message.No, LastAt: message.At})
	case strings.HasPrefix(string(room.ID), directPrefix):
		err = s.reopenDirect(ctx, who, room.ID)
	}
	return message, err
}

func isClientID(id string) bool {
	return len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_.:", r))
	})
}

// IsDevice reports whether id may name a device.
func IsDevice(id string) bool { return isClientID(id) }
