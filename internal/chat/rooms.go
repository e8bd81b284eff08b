package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DirectID is the id of a pair's room. It follows from the two people, so that there cannot be
// two such rooms, on whichever node each of them asks.
func DirectID(a, b UserID) RoomID {
	if b < a {
		a, b = b, a
	}
	sum := sha256.Sum256([]byte(string(a) + "\x00" + string(b)))
	return RoomID("d-" + hex.EncodeToString(sum[:13]))
}

// ListRooms returns the caller's rooms.
func (s *Service) ListRooms(ctx context.Context, who Caller, _ None) (RoomList, error) {
	views, err := s.Store.Views(ctx, who.User.ID)
	if views == nil {
		views = []RoomView{}
	}
	in := map[RoomID]bool{}
	for _, v := range views {
		in[v.ID] = true
	}
	// A crash between leaving threads and leaving their room must show nobody a thread of a room that they are not in.
	return RoomList{Rooms: slices.DeleteFunc(views, func(v RoomView) bool { return v.Kind == ThreadRoom && !in[v.Parent] })}, err
}

// Directory returns a page of the public rooms.
func (s *Service) Directory(ctx context.Context, who Caller, in RoomPageInput) (RoomPage, error) {
	if !mayBrowse(who.User) {
		return RoomPage{}, ErrForbidden
	}
	limit, err := s.pageLimit(in.Limit, 100)
	if err != nil {
		return RoomPage{}, err
	}
	rooms, err := s.Store.PublicRooms(ctx, in.After, limit+1)
	if err != nil {
		return RoomPage{}, err
	}
	page := RoomPage{Rooms: append([]Room{}, rooms...)}
	if len(page.Rooms) > limit {
		page.Rooms = page.Rooms[:limit]
		page.Next = page.Rooms[limit-1].ID
	}
	return page, nil
}

// CreateRoom makes a public or private room with the caller as its moderator.
func (s *Service) CreateRoom(ctx context.Context, who Caller, in CreateRoomInput) (RoomView, error) {
	if !mayCreateRooms(who.User) {
		return RoomView{}, ErrForbidden
	}
	if in.Kind == "" {
		in.Kind = Public
	}
	if in.Kind != Public && in.Kind != Private {
		return RoomView{}, invalid("kind", "a room is public or private; direct.open opens direct ones")
	}
	if len(in.Users) > 50 {
		return RoomView{}, invalid("users", "at most 50 people can be added at once")
	}
	room := Room{ID: RoomID(s.NewID()), Kind: in.Kind, CreatedBy: who.User.ID, CreatedAt: s.now()}
	var err error
	if room.Name, err = line("name", in.Name, 1, s.Limits.Name); err != nil {
		return RoomView{}, err
	}
	if room.Topic, err = line("topic", in.Topic, 0, s.Limits.Topic); err != nil {
		return RoomView{}, err
	}
	for _, u := range in.Users {
		if err := s.mayEnter(ctx, u); err != nil {
			return RoomView{}, err
		}
	}
	if err := s.roomForOneMore(ctx, who.User.ID); err != nil {
		return RoomView{}, err
	}
	created, err := s.Store.CountRooms(ctx, who.User.ID)
	if err != nil {
		return RoomView{}, err
	}
	if created >= s.Limits.RoomsCreated {
		return RoomView{}, &Error{Code: CodeForbidden, Message: "you have created as many rooms as one person may"}
	}
	changes := s.entering(who, room.ID, who.User.ID, RoomModerator)
	for _, u := range in.Users {
		if u != who.User.ID {
			changes = append(changes, s.entering(who, room.ID, u, RoomMember)...)
		}
	}
	return s.create(ctx, who, room, changes)
}

// OpenDirect returns the room of the caller and another person, and makes it if it is not there.
func (s *Service) OpenDirect(ctx context.Context, who Caller, in UserInput) (RoomView, error) {
	if in.User == who.User.ID {
		return RoomView{}, invalid("user", "a direct room needs another person")
	}
	id := DirectID(who.User.ID, in.User)
	view, err := s.Store.View(ctx, id, who.User.ID)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return view, err
	}
	if !mayCreateRooms(who.User) {
		return RoomView{}, ErrForbidden
	}
	if err := s.mayEnter(ctx, in.User); err != nil {
		return RoomView{}, err
	}
	for _, u := range []UserID{who.User.ID, in.User} {
		if err := s.roomForOneMore(ctx, u); err != nil {
			return RoomView{}, err
		}
	}
	pair := []UserID{who.User.ID, in.User}
	slices.Sort(pair)
	room := Room{ID: id, Kind: Direct, Pair: pair, CreatedBy: who.User.ID, CreatedAt: s.now()}
	return s.create(ctx, who, room, slices.Concat(
		s.entering(who, id, who.User.ID, RoomMember), s.entering(who, id, in.User, RoomMember)))
}

// create commits a new room and those who enter it. If the room is there already (a pair's, made
// by the other at the same moment, or left by a crash) the rest is done all the same.
func (s *Service) create(ctx context.Context, who Caller, room Room, entering []Change) (RoomView, error) {
	first := s.change(who, Change{Stream: RoomStream(room.ID), Kind: RoomCreated, Room: &room})
	_, err := s.Store.Commit(ctx, append([]Change{first}, entering...)...)
	if errors.Is(err, ErrConflict) && room.Kind == Direct {
		_, err = s.Store.Commit(ctx, entering...)
	}
	if err != nil {
		return RoomView{}, err
	}
	return s.Store.View(ctx, room.ID, who.User.ID)
}

// GetRoom returns one of the caller's rooms.
func (s *Service) GetRoom(ctx context.Context, who Caller, in RoomInput) (RoomView, error) {
	return s.view(ctx, who, in.Room)
}

// UpdateRoom renames a room or sets its topic.
func (s *Service) UpdateRoom(ctx context.Context, who Caller, in UpdateRoomInput) (RoomView, error) {
	view, err := s.moderated(ctx, who, in.Room)
	if err != nil {
		return RoomView{}, err
	}
	room := view.Room
	if in.Name != nil {
		if room.Name, err = line("name", *in.Name, 1, s.Limits.Name); err != nil {
			return RoomView{}, err
		}
	}
	if in.Topic != nil {
		if room.Topic, err = line("topic", *in.Topic, 0, s.Limits.Topic); err != nil {
			return RoomView{}, err
		}
	}
	if in.Retain != nil {
		if !mayRetain(who.User) {
			return RoomView{}, ErrForbidden
		}
		if *in.Retain < -1 || *in.Retain > maxRetain {
			return RoomView{}, invalid("retain", "give days up to %d, 0 for what the server does, or -1 for never", maxRetain)
		}
		room.Retain = *in.Retain
	}
	if room.Name == view.Name && room.Topic == view.Topic && room.Retain == view.Retain {
		return view, nil
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "room.update", Room: in.Room, Detail: settings(view.Room, room)}); err != nil {
		return RoomView{}, err
	}
	_, err = s.Store.Commit(ctx, s.change(who, Change{
		Stream: RoomStream(in.Room), Kind: RoomUpdated, Room: &room, MustBeIn: who.User.ID,
	}))
	if err != nil {
		return RoomView{}, err
	}
	return s.Store.View(ctx, in.Room, who.User.ID)
}

// settings says in words what is changed of a room. Names and topics stay out: who reads the audit log need not be in the room.
func settings(from, to Room) string {
	var what []string
	if from.Name != to.Name {
		what = append(what, "name")
	}
	if from.Topic != to.Topic {
		what = append(what, "topic")
	}
	if from.Retain != to.Retain {
		what = append(what, fmt.Sprintf("retain %d, was %d", to.Retain, from.Retain))
	}
	return strings.Join(what, "; ")
}

// moderated returns the caller's view of a room that they may moderate.
func (s *Service) moderated(ctx context.Context, who Caller, id RoomID) (RoomView, error) {
	view, err := s.Store.View(ctx, id, who.User.ID)
	if err == nil && !mayModerate(who.User, view.Room, view.Role) {
		err = ErrForbidden
	}
	return view, err
}

// line checks one line of text of min to max characters and returns it without outer and double spaces.
func line(field, text string, min, max int) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}) {
		return "", invalid(field, "a %s has no control characters", field)
	}
	switch n := utf8.RuneCountInString(text); {
	case n < min:
		return "", invalid(field, "a %s has at least %d characters", field, min)
	case n > max:
		return "", invalid(field, "a %s has at most %d characters", field, max)
	}
	return text, nil
}
