package chat

import "context"

// Read says how far a person has read a room. It only moves forward.
type Read struct {
	Room RoomID `json:"room" doc:"Room"`
	No   int64  `json:"no" doc:"Number of the newest message read"`
}

// ReadInput moves a read position.
type ReadInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	No   int64  `json:"no" doc:"Number of the newest message read"`
}

// ReadOutput is the read position now.
type ReadOutput struct {
	Read
	Unread int64 `json:"unread" doc:"Messages after it"`
}

// MarkRead moves the caller's read position forward, and no further than the
// newest message.
func (s *Service) MarkRead(ctx context.Context, who Caller, in ReadInput) (ReadOutput, error) {
	view, err := s.Store.View(ctx, in.Room, who.User.ID)
	if err != nil {
		return ReadOutput{}, err
	}
	if in.No < 0 {
		return ReadOutput{}, invalid("no", "The number must not be negative.")
	}
	no := min(in.No, view.HeadNo)
	// at the same place too: an attempt that failed may have moved it without
	// telling the other devices
	if no > 0 && no >= view.ReadNo {
		_, err := s.Store.Commit(ctx, s.change(who, Change{
			Stream: UserStream(who.User.ID), Op: MoveRead{Read: Read{Room: in.Room, No: no}},
		}))
		if err != nil {
			return ReadOutput{}, err
		}
		if view, err = s.Store.View(ctx, in.Room, who.User.ID); err != nil {
			return ReadOutput{}, err
		}
	}
	return ReadOutput{Read: Read{Room: in.Room, No: view.ReadNo}, Unread: view.Unread}, nil
}
