package chat

import (
	"context"
	"errors"
)

// maxReceipts is how many people a room has at most in which members see what
// the others have read.
const maxReceipts = 100

// ReadPosition says how far one member has read a room.
type ReadPosition struct {
	User UserID `json:"user" doc:"Person"`
	No   int64  `json:"no" doc:"Number of the newest message read"`
}

// ReadPositionList is how far the members of a room have read.
type ReadPositionList struct {
	Reads []ReadPosition `json:"reads" doc:"Sorted by user id"`
}

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

// ListReads returns how far the members of a room have read, the caller among
// them. It leaves out bots, disabled people, and those who keep it to
// themselves, who do not see it of others either.
func (s *Service) ListReads(ctx context.Context, who Caller, in RoomInput) (ReadPositionList, error) {
	none := ReadPositionList{}
	set, _, err := s.settings(ctx)
	if err != nil {
		return none, err
	}
	if set.HideReads {
		return none, &Error{Code: CodeForbidden, Message: "Read receipts are off on this server."}
	}
	if who.User.HidesReads {
		return none, &Error{Code: CodeForbidden,
			Message: "You don't show what you have read, so you don't see it of others."}
	}
	if err := s.limit(ctx, "reads:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return none, err
	}
	if _, err := s.view(ctx, who, in.Room); err != nil {
		return none, err
	}
	reads, err := s.Store.ReadPositions(ctx, in.Room, "", maxReceipts+1)
	if err != nil {
		return none, err
	}
	if len(reads) > maxReceipts {
		return none, &Error{Code: CodeForbidden, Field: "room",
			Message: "Rooms of more than 100 people have no read receipts."}
	}
	out := ReadPositionList{Reads: []ReadPosition{}}
	for _, r := range reads {
		account, err := s.Store.Account(ctx, r.User)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return none, err
		}
		if !account.Bot && !account.HidesReads && !account.barred(s.now()) {
			out.Reads = append(out.Reads, r)
		}
	}
	return out, nil
}
