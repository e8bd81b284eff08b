package chat

import "context"

// SendTyping tells the others in a room that the caller is typing.
func (s *Service) SendTyping(ctx context.Context, who Caller, in RoomInput) (None, error) {
	if err := s.mayType(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	s.Bell.Signal(ctx, Signal{Stream: RoomStream(in.Room), Kind: Typing, User: who.User.ID})
	return None{}, nil
}

// mayType returns nil if the caller may say that they type in a room: who is
// muted does not. It is asked often, and whether a room is archived is not
// worth the asking.
func (s *Service) mayType(ctx context.Context, who Caller, id RoomID) error {
	if IsThread(id) {
		view, err := s.view(ctx, who, id)
		if err == nil {
			err = s.mayWrite(ctx, who, view.Room)
		}
		return err
	}
	me, err := s.Store.Member(ctx, id, who.User.ID)
	if err == nil && me.Mute.active(s.now()) {
		err = Muted(me.Mute.Until)
	}
	return err
}
