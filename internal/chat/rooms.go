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

// maxDirect is how many people a direct room has at most.
const maxDirect = 9

// DirectID is the id of the direct room of some people, in any order. It
// follows from who they are, so that there cannot be two such rooms, on
// whichever node each of them asks.
func DirectID(people ...UserID) RoomID {
	ids := make([]string, len(people))
	for i, id := range people {
		ids[i] = string(id)
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, "\x00")))
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
	// A crash between leaving threads and leaving their room must show nobody a
	// thread of a room that they are not in.
	return RoomList{Rooms: slices.DeleteFunc(views,
		func(v RoomView) bool { return v.Kind == ThreadRoom && !in[v.Parent] })}, err
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
		if err := s.roomForOneMore(ctx, u); err != nil {
			return RoomView{}, err
		}
	}
	if err := s.roomForOneMore(ctx, who.User.ID); err != nil {
		return RoomView{}, err
	}
	if err := s.mayCreateOneMore(ctx, who); err != nil {
		return RoomView{}, err
	}
	changes := s.entering(who, room.ID, who.User.ID, RoomModerator)
	for _, u := range in.Users {
		if u != who.User.ID {
			changes = append(changes, s.entering(who, room.ID, u, RoomMember)...)
		}
	}
	return s.create(ctx, who, room, changes)
}

// OpenDirect returns the room of the caller and some others, and makes it if it
// is not there.
func (s *Service) OpenDirect(ctx context.Context, who Caller, in OpenDirectInput) (RoomView, error) {
	people := append([]UserID{who.User.ID}, in.Users...)
	if in.User != "" {
		people = append(people, in.User)
	}
	slices.Sort(people)
	people = slices.Compact(people)
	if len(people) < 2 || len(people) > maxDirect {
		return RoomView{}, invalid("users", "a direct room is with one to %d other people", maxDirect-1)
	}
	id := DirectID(people...)
	view, err := s.Store.View(ctx, id, who.User.ID)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return view, err
	}
	if !mayCreateRooms(who.User) {
		return RoomView{}, ErrForbidden
	}
	if len(people) > 2 { // there are more sets of people than people
		if err := s.mayCreateOneMore(ctx, who); err != nil {
			return RoomView{}, err
		}
	}
	for _, u := range people {
		if u == who.User.ID {
			continue
		}
		if err := s.mayEnter(ctx, u); err != nil {
			return RoomView{}, err
		}
	}
	var entering []Change
	for _, u := range people {
		if err := s.roomForOneMore(ctx, u); err != nil {
			return RoomView{}, err
		}
		entering = append(entering, s.entering(who, id, u, RoomMember)...)
	}
	return s.create(ctx, who, Room{ID: id, Kind: Direct, People: people, CreatedBy: who.User.ID,
		CreatedAt: s.now()}, entering)
}

// mayCreateOneMore returns nil if the caller has not created as many rooms as
// one may.
func (s *Service) mayCreateOneMore(ctx context.Context, who Caller) error {
	created, err := s.Store.CountRooms(ctx, who.User.ID)
	if err == nil && created >= s.Limits.RoomsCreated {
		return &Error{Code: CodeForbidden, Message: "you have created as many rooms as one person may"}
	}
	return err
}

// create commits a new room and those who enter it. If the room is there
// already (a direct one, made by another at the same moment, or left by a
// crash) the rest is done all the same.
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

// maxSlow is how many seconds a slow room keeps its members waiting at most.
const maxSlow = 6 * 3600

// UpdateRoom renames a room, sets its topic or how long it keeps messages,
// archives it or slows it down.
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
			return RoomView{}, invalid("retain",
				"give days up to %d, 0 for what the server does, or -1 for never", maxRetain)
		}
		room.Retain = *in.Retain
	}
	if in.Archived != nil {
		if room.ID == GeneralID && *in.Archived {
			return RoomView{}, &Error{Code: CodeForbidden, Field: "archived",
				Message: "General cannot be archived"}
		}
		room.Archived = *in.Archived
	}
	if in.Slow != nil {
		if *in.Slow < 0 || *in.Slow > maxSlow {
			return RoomView{}, invalid("slow", "give seconds up to %d, 0 for none", maxSlow)
		}
		room.Slow = *in.Slow
	}
	if room.Name == view.Name && room.Topic == view.Topic && room.Retain == view.Retain &&
		room.Archived == view.Archived && room.Slow == view.Slow {
		return view, nil
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "room.update", Room: in.Room,
		Detail: settings(view.Room, room)}); err != nil {
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

// settings says in words what is changed of a room. Names and topics stay out:
// who reads the audit log need not be in the room.
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
	if from.Archived != to.Archived {
		what = append(what, fmt.Sprintf("archived %t", to.Archived))
	}
	if from.Slow != to.Slow {
		what = append(what, fmt.Sprintf("slow %d, was %d", to.Slow, from.Slow))
	}
	return strings.Join(what, "; ")
}

// SetNotify sets of which messages of a room the caller is told.
func (s *Service) SetNotify(ctx context.Context, who Caller, in Notify) (Notify, error) {
	if !in.Level.valid() {
		return Notify{}, invalid("level", "a level is all, mentions or none, or empty for as usual")
	}
	_, err := s.Store.Commit(ctx, s.change(who,
		Change{Stream: UserStream(who.User.ID), Kind: NotifyChanged, Notify: &in}))
	return in, err
}

// moderated returns the caller's view of a room that they may moderate.
func (s *Service) moderated(ctx context.Context, who Caller, id RoomID) (RoomView, error) {
	view, err := s.Store.View(ctx, id, who.User.ID)
	if err == nil && !mayModerate(who.User, view.Room, view.Role) {
		err = ErrForbidden
	}
	return view, err
}

// line checks one line of text of min to max characters and returns it without
// outer and double spaces.
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
