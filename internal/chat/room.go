package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RoomKind says who may come in.
type RoomKind string

const (
	Public     RoomKind = "public"  // every member may find, read after joining, and join it
	Private    RoomKind = "private" // only those who were added know of it
	Direct     RoomKind = "direct"  // two to nine people; one room per set of people, for good
	ThreadRoom RoomKind = "thread"  // replies to one message; open to the members of the room that it is in
)

// RoomRole is what a member may do in one room.
type RoomRole string

const (
	RoomModerator RoomRole = "moderator" // rename, set the topic, add and remove people
	RoomMember    RoomRole = "member"
)

// Room is a room as every member sees it.
type Room struct {
	ID        RoomID    `json:"id" doc:"Id"`
	Kind      RoomKind  `json:"kind" enum:"public,private,direct,thread" doc:"Who may come in"`
	Name      string    `json:"name,omitempty" doc:"Name; empty for direct rooms, which are shown by the names of the others"`
	Topic     string    `json:"topic,omitempty" doc:"What it is about"`
	People    []UserID  `json:"people,omitempty" doc:"Direct rooms: those in it, sorted"`
	CreatedBy UserID    `json:"created_by,omitempty" doc:"Empty for the server itself"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	Parent    RoomID    `json:"parent,omitempty" doc:"Threads: the room of the message that it is under"`
	Root      int64     `json:"root,omitempty" doc:"Threads: number of that message"`
	Retain    int       `json:"retain,omitempty" doc:"Days after which messages are deleted; 0 as the server does, -1 never"`
	Archived  bool      `json:"archived,omitempty" doc:"Nobody can write in it or come in; it can be read and left"`
	Announce  bool      `json:"announce,omitempty" doc:"Only its moderators post; everyone may reply in threads"`
	Slow      int       `json:"slow,omitempty" doc:"Seconds from one message of a member to the next, for all but its moderators; 0 for none"`
}

// Clone returns r with nothing shared.
func (r Room) Clone() Room {
	r.People = slices.Clone(r.People)
	return r
}

// Head is where a stream ends. No is the number of the newest message, 0 for
// none or for a stream that is not a room's.
type Head struct {
	Position
	No int64
}

// RoomView is a room as one member sees it, all of it at Position: applying the
// stream's later events to a view gives the view that a later fetch would show.
type RoomView struct {
	Room
	Position Position  `json:"position" doc:"The place in the room's stream that this view shows"`
	HeadNo   int64     `json:"head_no" doc:"Number of the newest message, 0 for none"`
	ReadNo   int64     `json:"read_no" doc:"Number of the newest message that you have read"`
	Trimmed  int64     `json:"trimmed,omitempty" doc:"Messages up to this number are gone"`
	Unread   int64     `json:"unread" doc:"Messages after read_no and trimmed that are not deleted"`
	Deleted  []int64   `json:"deleted,omitempty" doc:"Numbers of the deleted messages after read_no and trimmed, ascending; the newest 1,000"`
	Mentions []int64   `json:"mentions,omitempty" doc:"Numbers of the messages after read_no and trimmed that mention you, or everyone, and are not your own, ascending; the newest 1,000"`
	Role     RoomRole  `json:"role" enum:"moderator,member" doc:"Your role in the room"`
	JoinedAt time.Time `json:"joined_at" doc:"Since when you are in it"`
	Members  int64     `json:"members" doc:"How many people are in it"`
	Last     *Message  `json:"last,omitempty" doc:"Newest message"`

	Mute   Mute        `json:"mute,omitzero" doc:"You cannot write in the room until then; over when its time has come, also if it is still shown"`
	Notify NotifyLevel `json:"notify,omitempty" enum:"all,mentions,none" doc:"Of which messages you want to be told; not there: as usual, which is all in direct rooms and mentions in others"`
}

// Clone returns v with nothing shared.
func (v RoomView) Clone() RoomView {
	v.Room, v.Deleted, v.Mentions, v.Last = v.Room.Clone(), slices.Clone(v.Deleted),
		slices.Clone(v.Mentions), v.Last.Clone()
	return v
}

// MaxListed is how many numbers a view has of deleted messages, and of
// mentions: the newest. Others must not make it grow without end for someone
// who does not read. Beyond it, deleted messages count as unread.
const MaxListed = 1000

// Count makes v.Unread, v.Deleted and v.Mentions follow from the other fields,
// after those have changed.
func (v *RoomView) Count() {
	floor := max(v.ReadNo, v.Trimmed)
	seen := func(no int64) bool { return no <= floor }
	v.Deleted, v.Mentions = slices.DeleteFunc(v.Deleted, seen), slices.DeleteFunc(v.Mentions, seen)
	v.Deleted = v.Deleted[max(len(v.Deleted)-MaxListed, 0):]
	v.Mentions = v.Mentions[max(len(v.Mentions)-MaxListed, 0):]
	v.Unread = max(v.HeadNo-floor, 0) - int64(len(v.Deleted))
}

// RoomList is a person's rooms.
type RoomList struct {
	Rooms []RoomView `json:"rooms" doc:"Sorted by id"`
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
	views = slices.DeleteFunc(views,
		func(v RoomView) bool { return v.Kind == ThreadRoom && !in[v.Parent] })
	boundLast(views)
	return RoomList{Rooms: views}, err
}

// RoomPageInput asks for a page of public rooms.
type RoomPageInput struct {
	After RoomID `json:"after,omitempty" doc:"Only rooms with a greater id: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"Most items to return; default 100"`
}

// RoomPage is a page of public rooms.
type RoomPage struct {
	Rooms []Room `json:"rooms" doc:"Sorted by id"`
	Next  RoomID `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
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

// CreateRoomInput asks for a room.
type CreateRoomInput struct {
	Name  string   `json:"name" doc:"Name"`
	Topic string   `json:"topic,omitempty" doc:"What it is about"`
	Kind  RoomKind `json:"kind,omitempty" enum:"public,private" doc:"Who may come in; default public"`
	Users []UserID `json:"users,omitempty" doc:"People to add at once, at most 50"`
}

// CreateRoom makes a public or private room with the caller as its moderator.
func (s *Service) CreateRoom(ctx context.Context, who Caller, in CreateRoomInput) (RoomView, error) {
	if err := s.demand(ctx, who.User, RightRooms); err != nil {
		return RoomView{}, err
	}
	if in.Kind == "" {
		in.Kind = Public
	}
	if in.Kind != Public && in.Kind != Private {
		return RoomView{}, invalid("kind", "The kind must be public or private. Use direct.open for direct rooms.")
	}
	if len(in.Users) > 50 {
		return RoomView{}, invalid("users", "At most 50 people can be added at once.")
	}
	room := Room{ID: RoomID(s.NewID()), Kind: in.Kind, CreatedBy: who.User.ID, CreatedAt: s.now()}
	var err error
	if room.Name, err = s.roomName(ctx, room.ID, in.Name); err != nil {
		return RoomView{}, err
	}
	if room.Topic, err = line("topic", in.Topic, 0, s.Limits.Topic); err != nil {
		return RoomView{}, err
	}
	for _, u := range in.Users {
		if err := s.mayEnter(ctx, u); err != nil {
			return RoomView{}, err
		}
		if err := s.roomForOneMore(ctx, who, u); err != nil {
			return RoomView{}, err
		}
	}
	if err := s.roomForOneMore(ctx, who, who.User.ID); err != nil {
		return RoomView{}, err
	}
	if err := s.mayCreateOneMore(ctx, who); err != nil {
		return RoomView{}, err
	}
	changes := s.entering(who, room.ID, Member{User: who.User.ID, Role: RoomModerator})
	for _, u := range in.Users {
		if u != who.User.ID {
			changes = append(changes, s.entering(who, room.ID, Member{User: u, Role: RoomMember})...)
		}
	}
	return s.create(ctx, who, room, changes)
}

// mayCreateOneMore returns nil if the caller has not created as many rooms as
// one may.
func (s *Service) mayCreateOneMore(ctx context.Context, who Caller) error {
	created, err := s.Store.CountRooms(ctx, who.User.ID)
	if err == nil && created >= s.Limits.RoomsCreated {
		return &Error{Code: CodeForbidden, Message: "You have created as many rooms as one person can."}
	}
	return err
}

// create commits a new room and those who enter it. If the room is there
// already (a direct one, made by another at the same moment, or left by a
// crash) the rest is done all the same.
func (s *Service) create(ctx context.Context, who Caller, room Room, entering []Change) (RoomView, error) {
	first := s.change(who, Change{Stream: RoomStream(room.ID), Op: CreateRoom{Room: room}})
	_, err := s.Store.Commit(ctx, append([]Change{first}, entering...)...)
	if errors.Is(err, ErrConflict) && room.Kind == Direct {
		_, err = s.Store.Commit(ctx, entering...)
	}
	if err != nil {
		return RoomView{}, err
	}
	return s.Store.View(ctx, room.ID, who.User.ID)
}

// RoomInput names a room.
type RoomInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
}

// GetRoom returns one of the caller's rooms.
func (s *Service) GetRoom(ctx context.Context, who Caller, in RoomInput) (RoomView, error) {
	return s.view(ctx, who, in.Room)
}

// roomName returns the name of a room cleaned. No other room looks like
// General, where everyone is.
func (s *Service) roomName(ctx context.Context, id RoomID, name string) (string, error) {
	name, err := line("name", name, 1, s.Limits.Name)
	if err != nil || id == GeneralID {
		return name, err
	}
	general, err := s.Store.Room(ctx, GeneralID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	key := s.Names.Key(general.Name)
	if s.Names.Key(name) == key || s.Names.Look(name) == key {
		return "", &Error{Code: CodeConflict, Field: "name",
			Message: "That name (or one that looks the same) is taken. Choose another."}
	}
	return name, nil
}

// maxSlow is how many seconds a slow room keeps its members waiting at most.
const maxSlow = 6 * 3600

// UpdateRoomInput changes a room. What is not given stays.
type UpdateRoomInput struct {
	Room     RoomID  `json:"room" doc:"Id of the room"`
	Name     *string `json:"name,omitempty" doc:"New name"`
	Topic    *string `json:"topic,omitempty" doc:"New topic, empty for none"`
	Retain   *int    `json:"retain,omitempty" doc:"Days after which messages are deleted; 0 as the server does, -1 never. For admins and owners"`
	Archived *bool   `json:"archived,omitempty" doc:"Whether it can only be read and left. Not General"`
	Announce *bool   `json:"announce,omitempty" doc:"Whether only its moderators post; everyone may reply in threads"`
	Slow     *int    `json:"slow,omitempty" doc:"Seconds from one message of a member to the next, up to 21600; 0 for none. Not for its moderators, and not in threads"`
}

// UpdateRoom renames a room, sets its topic or how long it keeps messages,
// archives it or slows it down.
func (s *Service) UpdateRoom(ctx context.Context, who Caller, in UpdateRoomInput) (RoomView, error) {
	view, err := s.moderated(ctx, who, in.Room)
	if err != nil {
		return RoomView{}, err
	}
	room := view.Room
	if in.Name != nil {
		if room.Name, err = s.roomName(ctx, room.ID, *in.Name); err != nil {
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
				"Give up to %d days, 0 for the server's default, or -1 to keep messages forever.", maxRetain)
		}
		room.Retain = *in.Retain
	}
	if in.Archived != nil {
		if room.ID == GeneralID && *in.Archived {
			return RoomView{}, &Error{Code: CodeForbidden, Field: "archived",
				Message: "General cannot be archived."}
		}
		room.Archived = *in.Archived
	}
	if in.Announce != nil {
		room.Announce = *in.Announce
	}
	if in.Slow != nil {
		if *in.Slow < 0 || *in.Slow > maxSlow {
			return RoomView{}, invalid("slow", "Give up to %d seconds, or 0 for no slow mode.", maxSlow)
		}
		room.Slow = *in.Slow
	}
	if room.Name == view.Name && room.Topic == view.Topic && room.Retain == view.Retain &&
		room.Archived == view.Archived && room.Announce == view.Announce && room.Slow == view.Slow {
		return view, nil
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "room.update", Room: in.Room,
		Detail: settings(view.Room, room)}); err != nil {
		return RoomView{}, err
	}
	_, err = s.Store.Commit(ctx, s.change(who, Change{
		Stream: RoomStream(in.Room), MustBeIn: who.User.ID, Op: UpdateRoom{Name: room.Name,
			Topic: room.Topic, Retain: room.Retain, Archived: room.Archived,
			Announce: room.Announce, Slow: room.Slow},
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
	if from.Announce != to.Announce {
		what = append(what, fmt.Sprintf("announce %t", to.Announce))
	}
	if from.Slow != to.Slow {
		what = append(what, fmt.Sprintf("slow %d, was %d", to.Slow, from.Slow))
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
